"""A real router for tests: ``order-router serve`` as its own process, tables loaded, talked to over its sockets.

A test module gets its own with a fixture of module scope::

    @pytest.fixture(scope="module")
    def router(tmp_path_factory): yield from running_router(tmp_path_factory, "bad-input", SHORT_DEADLINES)
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from actors.store.data_folder import DataFolder
from actors.store.keys import add_key
from tests.labs.gateway_lab import connect

READY_S_MAX = 240.0  # kernels that nothing has used before are compiled first
STOP_S_MAX = 90.0
NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
COMMAND = [sys.executable, "-m", "actors.cli.main"]
SKUS = tuple(f"SKU-{number:02d}" for number in range(60))
UNITS = 1_000_000  # of each SKU at each node
PRICE_MINOR = 1_250
NODES = ({"node": "BER", "country": "DE", "postcode": "10115"}, {"node": "MUC", "country": "DE", "postcode": "80331"})
_SESSION = re.compile(rb"--session-dir=([^\0]+)")
_RATE = {"carrier": "DHL", "service": "standard", "from_zone": "*", "to_zone": "DE", "min_g": 0, "days": 2}

Row = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def order(order_id: str, sku: str = "SKU-00", qty: int = 1, **members: Any) -> Row:
    """An order that is allocated: known SKU, right price, a customer of its own."""
    address = {"name": "Erika Muster", "line1": "Hauptstr. 1", "city": "Berlin", "postcode": "10117", "country": "DE"}
    return {
        "order_id": order_id,
        "channel": "web",
        "placed_at": "2026-03-01T12:00:00Z",
        "currency": "EUR",
        "customer": {"id": f"C-{order_id}", "name": "Erika Muster", "email": "erika@example.com"},
        "ship_to": address,
        "lines": [{"sku": sku, "qty": qty, "unit_price": PRICE_MINOR}],
        **members,
    }


def ndjson(rows: list[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def rows_of(body: bytes) -> list[Row]:
    return [json.loads(line) for line in body.splitlines() if line]


def lines_of(client: socket.socket) -> Iterator[bytes]:
    """Lines of an answer as they arrive."""
    response = http.client.HTTPResponse(client)
    response.begin()
    while line := response.readline():
        yield line


def chunk(body: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(body), body)


def until(true: Callable[[], bool], what: str, seconds_max: float = 30.0) -> None:
    """Wait for a condition, not for a time."""
    deadline = time.monotonic() + seconds_max
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds_max:g} s: {what}"
        time.sleep(0.02)


@dataclass
class Router:
    """One running router; ``stop`` ends it as SIGTERM does."""

    folder: pathlib.Path
    port: int
    process: subprocess.Popen[str]
    stderr: pathlib.Path
    keys: dict[str, str] = field(default_factory=dict)
    tree: list[int] = field(default_factory=list)  # its processes just before it was stopped
    ray_logs: list[pathlib.Path] = field(default_factory=list)  # log files of its Ray

    def ask(
        self, method: str, path: str, body: bytes | None = None, media_type: str = JSON, role: str = "admin"
    ) -> Answer:
        """One request over a connection of its own; role "" sends no key."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.key(role)}"} if role else {}
        try:
            client.request(method, path, body, headers | ({"Content-Type": media_type} if body is not None else {}))
            response = client.getresponse()
            return response.status, {name.lower(): text for name, text in response.getheaders()}, response.read()
        finally:
            client.close()

    def json(self, method: str, path: str, body: Any = None, status: int = 200, role: str = "admin") -> Any:
        """As ``ask``, with JSON both ways and the status that is expected."""
        got, _, answer = self.ask(method, path, None if body is None else json.dumps(body).encode(), role=role)
        assert got == status, (got, answer[:1_000])
        return json.loads(answer)

    def post(self, path: str, rows: list[Row]) -> list[Row]:
        """NDJSON rows both ways."""
        status, _, answer = self.ask("POST", path, ndjson(rows), NDJSON)
        assert status == 200, (status, answer[:1_000])
        return rows_of(answer)

    def stream(self, body: bytes, media_type: str = NDJSON) -> bytes:
        """A whole order stream."""
        status, headers, answer = self.ask("POST", "/v1/orders/stream", body, media_type)
        assert (status, headers["content-type"]) == (200, media_type), answer[:1_000]
        return answer

    def put(self, table: str, rows: list[Row], status: int = 200) -> Row:
        got, _, answer = self.ask("PUT", f"/v1/tables/{table}", ndjson(rows), NDJSON)
        assert got == status, answer[:2_000]
        return dict(json.loads(answer))

    def available(self, sku: str) -> int:
        (item,) = self.json("POST", "/v1/availability", {"skus": [sku]})["items"]
        return int(item["available"])

    def key(self, role: str) -> str:
        """The admin key of the first start, or a key of another role, made when it is first wanted."""
        if role not in self.keys:
            self.keys[role] = add_key(self.folder, f"test-{role}", role, 0)
            until(lambda: self.ask("GET", "/v1/orders/none", role=role)[0] != 401, f"the key of {role} is known")
        return self.keys[role]

    def head(self, path: str, *more: str, method: str = "POST", role: str = "admin") -> bytes:
        """The head of a request, for tests that speak to the socket themselves."""
        lines = [f"{method} {path} HTTP/1.1", "Host: router", f"Authorization: Bearer {self.key(role)}", *more]
        return "\r\n".join([*lines, "", ""]).encode()

    def open_stream(self, media_type: str = NDJSON) -> socket.socket:
        """A connection on which a chunked order stream has begun."""
        client = connect(self.port, timeout_s=60)
        client.sendall(self.head("/v1/orders/stream", f"Content-Type: {media_type}", "Transfer-Encoding: chunked"))
        return client

    def processes(self) -> list[int]:
        """The router's process and all below it."""
        parents: dict[int, list[int]] = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                parents.setdefault(_parent_of(int(entry.name)), []).append(int(entry.name))
        tree = [self.process.pid]
        for number in tree:
            tree += parents.get(number, [])
        return tree

    def gateways(self) -> dict[str, int]:
        """Process ids of the gateway that listens, "front", and of the one that takes order streams, "streams"."""
        commands = {number: proc_file(number, "cmdline").split(b"\0") for number in self.processes()}
        return {
            "front" if b"--port" in command else "streams": number
            for number, command in commands.items()
            if b"actors.gateway.main" in command
        }

    def terminate(self) -> None:
        """SIGTERM, once; what ran just before is kept for those who look whether anything stayed."""
        if not self.tree and self.process.poll() is None:
            self.tree = self.processes()
            sessions = {said for number in self.tree for said in _SESSION.findall(proc_file(number, "cmdline"))}
            self.ray_logs = [
                path for name in sessions for path in pathlib.Path(name.decode(), "logs").rglob("*") if path.is_file()
            ]
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM and wait; returns the exit code."""
        self.terminate()
        return self.process.wait(STOP_S_MAX)

    def kill(self) -> None:
        """For the end of a test run that went wrong: nothing of this router may stay."""
        if self.process.poll() is None:
            for number in self.processes():  # the supervisor first, so that it starts nothing again
                _kill(number)
        self.process.wait()

    def verify(self) -> Row:
        """What ``order-router verify`` says of the folder once nobody writes it."""
        done = _command("verify", "--data", str(self.folder), "--json")
        assert done.returncode in (0, 1), done.stderr[-2_000:]
        return dict(json.loads(done.stdout))

    def serve_again(self) -> subprocess.CompletedProcess[str]:
        """A second ``serve`` on the same folder."""
        return _command("serve", "--data", str(self.folder), "--port", str(free_port()))


def running_router(
    tmp_path_factory: pytest.TempPathFactory, name: str, config: Row, shards: int = 2
) -> Iterator[Router]:
    """Start a router, load tables, hand it out, and see to it that nothing of it stays."""
    yield from router_in(tmp_path_factory.mktemp(name) / "data", config, shards)


def router_in(folder: pathlib.Path, config: Row, shards: int = 2) -> Iterator[Router]:
    """The same on a certain folder."""
    router = start_router(folder, config, shards)
    try:
        load_tables(router)
        yield router
        router.stop()
    finally:
        router.kill()
        shutil.rmtree(DataFolder(folder).ray, ignore_errors=True)  # logs, elsewhere


def load_tables(router: Router) -> None:
    """Two warehouses, sixty SKUs, plenty of stock."""
    sku = {"price": PRICE_MINOR, "currency": "EUR", "weight_g": 300, "tax_class": "standard"}
    router.put("skus", [{"sku": name, "name": name, **sku} for name in SKUS])
    router.put("nodes", [{"kind": "warehouse", **node} for node in NODES])
    router.put("rates", [{**_RATE, "max_g": 1_000, "price": 490}, {**_RATE, "min_g": 1_001, "price": 990}])
    router.put("taxes", [{"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True}])
    router.put("stock", [{"sku": name, "node": node["node"], "on_hand": UNITS} for name in SKUS for node in NODES])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(number: int) -> bool:
    """Whether a process runs; a zombie does not."""
    status = proc_file(number, "stat")
    return bool(status) and status.rpartition(b")")[2].split()[0] != b"Z"


def memory_kb(number: int, name: str) -> int:
    """``VmRSS`` or ``VmHWM`` (the highest since ``reset_peak``) of a process."""
    for line in proc_file(number, "status").decode().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(f"process {number} has no {name}")


def reset_peak(number: int) -> None:
    pathlib.Path(f"/proc/{number}/clear_refs").write_text("5")


def start_router(folder: pathlib.Path, config: Row, shards: int) -> Router:
    folder.parent.mkdir(parents=True, exist_ok=True)
    config_file, stderr, port = folder.parent / "config.json", folder.parent / "serve.stderr", free_port()
    config_file.write_text(json.dumps(config))
    options = ["--data", str(folder), "--port", str(port), "--shards", str(shards), "--config", str(config_file)]
    with stderr.open("wb") as log:
        process = subprocess.Popen([*COMMAND, "serve", *options], stdout=subprocess.PIPE, stderr=log, text=True)
    router = Router(folder, port, process, stderr)
    try:
        _wait_until_ready(router)
    except BaseException:  # also a test's timeout: nothing may stay
        router.kill()
        raise
    router.keys["admin"] = (folder / "admin.key").read_text().strip()
    return router


def _wait_until_ready(router: Router) -> None:
    watchdog = threading.Timer(READY_S_MAX, router.kill)
    watchdog.start()
    try:
        assert router.process.stdout is not None
        said = router.process.stdout.readline()
    finally:
        watchdog.cancel()
    if said != f"ready http://127.0.0.1:{router.port}\n":
        pytest.fail(f"the router did not become ready: {said!r}\n{router.stderr.read_text()[-3_000:]}")


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=STOP_S_MAX, check=False)


def proc_file(number: int, name: str) -> bytes:
    """What /proc has of a process under this name."""
    try:
        return pathlib.Path(f"/proc/{number}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""


def _parent_of(number: int) -> int:
    fields = proc_file(number, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _kill(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return
