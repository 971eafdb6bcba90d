"""Another user of the machine beside a running router: nothing of it can be read, moved, taken or told to do anything.

Before a run names are squatted, during it everything is tried, after it what stays is looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import signal
import socket
from collections.abc import Callable, Iterator

import pytest
from ray._raylet import Config, GcsClient

from actors.store.data_folder import DataFolder
from tests.labs.other_user import as_other_user, can_read, needs_root, open_ground_of_module
from tests.labs.serve_fixture import Router, order, router_in

__all__ = ["open_ground_of_module"]
pytestmark = [pytest.mark.ray, needs_root]
NAME = "Erika Geheim"
FULL = "RAY_memory_usage_threshold"
_TOKEN = pathlib.Path.home() / ".ray" / "auth_token"


@pytest.fixture(scope="module")
def diary(open_ground_of_module: pathlib.Path) -> pathlib.Path:
    """A file of ours in a folder that a link leads to, which the other user made where routers used to keep theirs."""
    folder = open_ground_of_module / "home"
    folder.mkdir(mode=0o700)
    (folder / "diary").write_text("mine")
    digest = hashlib.blake2b(os.fsencode(open_ground_of_module / "data"), digest_size=6).hexdigest()
    names = [pathlib.Path("/dev/shm") / f"order-router-{said}" for said in (digest, digest[:6], f"{digest[:6]}-")]
    as_other_user(lambda: [name.symlink_to(folder) for name in names])
    return folder / "diary"


@pytest.fixture(scope="module")
def router(open_ground_of_module: pathlib.Path, diary: pathlib.Path) -> Iterator[Router]:
    """With Ray told to kill workers as soon as a ten-thousandth of the memory is used, by whomever."""
    token = _TOKEN.stat().st_mtime_ns if _TOKEN.exists() else None
    os.environ[FULL] = "0.0001"
    try:
        for router in router_in(open_ground_of_module / "data", {}, shards=1):
            del os.environ[FULL]
            row = order("private-1")
            row["customer"]["name"] = NAME
            assert router.json("POST", "/v1/orders", row)["status"] == "allocated"
            yield router
    finally:
        os.environ.pop(FULL, None)
        for path in pathlib.Path("/dev/shm").glob("order-router-*"):
            if path.is_symlink() and path.readlink() == diary.parent:
                path.unlink()
    assert (_TOKEN.stat().st_mtime_ns if _TOKEN.exists() else None) == token, "the home folder's is not ours"


def places(router: Router) -> list[pathlib.Path]:
    data = DataFolder(router.folder)
    return [data.path, data.shared, data.ray]


def secrets(router: Router) -> list[bytes]:
    meta = json.loads((router.folder / "meta.json").read_bytes())
    token = DataFolder(router.folder).ray_token.read_bytes()
    return [router.key("admin").encode(), token, meta["hash_key"].encode(), NAME.encode()]


def refused(work: Callable[..., object], *arguments: object) -> bool:
    try:
        work(*arguments)
    except OSError:
        return True
    return False


def test_a_name_that_was_taken_before_is_not_used_and_nothing_behind_it_is_touched(
    router: Router, diary: pathlib.Path
) -> None:
    assert diary.read_text() == "mine"
    assert not DataFolder(router.folder).shared.is_relative_to(diary.parent)


def test_no_file_of_it_can_be_read_and_no_folder_listed(router: Router) -> None:
    assert can_read(places(router)) == []


def test_no_file_that_it_writes_can_be_read_wherever_it_lies(router: Router) -> None:
    written = set()
    for number in router.processes():
        for entry in pathlib.Path(f"/proc/{number}/fdinfo").iterdir():
            with contextlib.suppress(OSError):
                flags = int(entry.read_text().split("flags:")[1].split()[0], 8)
                path = pathlib.Path(f"/proc/{number}/fd/{entry.name}").readlink()
                if flags & (os.O_WRONLY | os.O_RDWR) and path.is_file() and path != router.stderr:
                    written.add(path)
    assert len(written) > 10
    assert can_read(sorted(written)) == []


def test_nothing_of_it_can_be_moved_removed_or_put_into(router: Router) -> None:
    found = [path for place in places(router) for path in (place, place / "x")]
    tried: list[Callable[[pathlib.Path], object]] = [
        lambda path: path.rename(path.with_name("moved")),
        lambda path: path.rename("/tmp/moved-by-another-user"),
        lambda path: path.unlink(),
        lambda path: path.rmdir(),
        lambda path: path.chmod(0o777),
        lambda path: (path / "new").write_text("x"),
        lambda path: (path / "new").symlink_to("/etc"),
    ]
    assert as_other_user(lambda: [path for path in found for work in tried if not refused(work, path)]) == []


def test_no_socket_of_it_can_be_connected_to(router: Router) -> None:
    paths = _unix_sockets(router)
    assert len(paths) >= 4, "the gateways' and Ray's"
    assert not [path for path in paths if path.startswith("@")], "one without a file has no owner either"

    def connects(path: str) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return not refused(client.connect, path)

    assert all(connects(path) for path in paths), "we can"
    assert as_other_user(lambda: [path for path in paths if connects(path)]) == []


def test_what_can_be_read_of_its_processes_tells_no_secret_and_the_rest_cannot(router: Router) -> None:
    numbers, hidden = router.processes(), secrets(router)

    def told() -> list[str]:
        return [
            f"{number}: {secret!r}"
            for number in numbers
            for name in ("cmdline", "comm", "status", "stat")
            for secret in hidden
            if secret in pathlib.Path(f"/proc/{number}/{name}").read_bytes()
        ]

    assert as_other_user(told) == []
    closed = [f"/proc/{number}/{name}" for number in numbers for name in ("environ", "maps", "mem", "fd", "cwd")]
    assert as_other_user(lambda: [path for path in closed if not refused(_look, path)]) == []
    assert not refused(_look, f"/proc/{numbers[0]}/environ"), "we can"


def test_its_processes_take_no_signal(router: Router) -> None:
    numbers = router.processes()
    ends = (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP)
    assert as_other_user(lambda: [n for n in numbers for end in ends if not refused(os.kill, n, end)]) == []


def test_no_port_tells_anything_without_a_key_or_the_token(router: Router) -> None:
    hidden, ports = secrets(router), _ports(router)
    assert router.port in ports and len(ports) > 4
    answers = as_other_user(
        lambda: {port: [_asked(port, path) for path in ("/", "/logs", "/metrics")] for port in ports}
    )
    for port, said in answers.items():
        assert not [secret for secret in hidden if secret in b"".join(said)], port
    assert b"401" in answers[router.port][2]


def test_ray_does_nothing_for_who_does_not_know_its_token(router: Router) -> None:
    (address,) = {
        part.split(b"=")[1].decode()
        for number in router.processes()
        for part in pathlib.Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        if part.startswith(b"--gcs-address=")
    }

    def asked(token: str | None) -> str:
        os.environ |= {} if token is None else {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
        Config.initialize("")
        try:
            return str(GcsClient(address=address).internal_kv_keys(b"", None, 5))
        except Exception as fault:
            return type(fault).__name__

    assert as_other_user(lambda: asked(None)) == as_other_user(lambda: asked("0" * 64)) == "AuthenticationError"
    token = DataFolder(router.folder).ray_token.read_text()
    assert as_other_user(lambda: asked(token)).startswith("["), "it is the token that counts"


def test_nobody_is_killed_because_the_memory_is_full(router: Router) -> None:
    """Ray looks four times a second, and was told that it is."""
    ours = pathlib.Path("/proc/self/oom_score_adj").read_text()
    numbers = [number for number in router.processes() if number != router.process.pid]
    assert {pathlib.Path(f"/proc/{number}/oom_score_adj").read_text() for number in numbers} == {ours}
    before = router.json("GET", "/v1/orders/private-1")
    assert set(numbers) <= set(router.processes()) and before["status"] == "allocated"


def test_after_the_run_nothing_can_be_read_either(router: Router, diary: pathlib.Path) -> None:
    data = DataFolder(router.folder)
    shared, ray = data.shared, data.ray
    assert router.stop() == 0
    assert can_read([data.path, ray]) == []
    assert not shared.exists() and not (data.path / "shared").is_symlink()
    assert list(ray.rglob("*.err")), "the logs are still there, for us"
    assert diary.read_text() == "mine"


def _look(path: str) -> object:
    return os.listdir(path) if os.path.isdir(path) else pathlib.Path(path).open("rb").read(1)


def _inodes(router: Router) -> set[str]:
    found = set()
    for number in router.processes():
        for descriptor in pathlib.Path(f"/proc/{number}/fd").glob("*"):
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def _unix_sockets(router: Router) -> list[str]:
    inodes = _inodes(router)
    rows = [row.split() for row in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]]
    listening = "00010000"
    return sorted({row[7] for row in rows if len(row) > 7 and row[3] == listening and f"socket:[{row[6]}]" in inodes})


def _ports(router: Router) -> list[int]:
    inodes, found = _inodes(router), set()
    for family in ("tcp", "tcp6"):
        for row in pathlib.Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(int(fields[1].split(":")[1], 16))
    return sorted(found)


def _asked(port: int, path: str) -> bytes:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\nHost: router\r\n\r\n".encode())
        client.settimeout(2)
        said = b""
        with contextlib.suppress(OSError):
            while piece := client.recv(65_536):
                said += piece
        return said
    return b""
