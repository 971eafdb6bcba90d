"""SIGTERM is heeded within five seconds in whatever phase a router is, and nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from actors.process.descendants import descendants
from actors.store.data_folder import DataFolder
from actors.store.locks import FolderLock
from tests.labs.serve_fixture import (
    COMMAND,
    Router,
    chunk,
    free_port,
    is_alive,
    ndjson,
    order,
    proc_file,
    running_router,
    until,
)

HEEDED_S_MAX = 5.0
STARTED_S_MAX = 120.0


@dataclass
class Starting:
    """A `serve` that nobody has waited for."""

    data: DataFolder
    process: subprocess.Popen[bytes]
    below: list[int]  # what ran below it when it was told to stop

    def runs(self, title: bytes) -> bool:
        return any(title in proc_file(number, "cmdline") for number in descendants(self.process.pid))

    def told_to_stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """How long it took."""
        self.below = descendants(self.process.pid)
        began_s = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(60)
        return time.monotonic() - began_s


@pytest.fixture
def start(tmp_path: pathlib.Path) -> Iterator[Callable[..., Starting]]:
    started: list[Starting] = []

    def begin(**environment: str) -> Starting:
        command = [*COMMAND, "serve", "--data", str(tmp_path / "data"), "--port", str(free_port())]
        with (tmp_path / "stderr").open("ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=os.environ | environment)
        started.append(Starting(DataFolder(tmp_path / "data"), process, []))
        return started[-1]

    yield begin
    for one in started:
        for number in [one.process.pid, *descendants(one.process.pid)] if one.process.poll() is None else one.below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        one.process.communicate()
        shutil.rmtree(one.data.ray, ignore_errors=True)  # logs, elsewhere


def assert_nothing_stays(ended: Starting) -> None:
    assert ended.process.returncode == 0
    assert ended.process.stdout is not None and ended.process.stdout.read() == b"", "it was never ready"
    until(lambda: not [number for number in ended.below if is_alive(number)], "all its processes ended", 2.0)
    assert not ended.data.shared.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_kernels_are_compiled(
    number: signal.Signals, start: Callable[..., Starting], tmp_path: pathlib.Path
) -> None:
    compiling = start(ORDER_ROUTER_CACHE=str(tmp_path / "cache"))
    until(lambda: compiling.runs(b"actors.run.warm_up"), "it compiles", STARTED_S_MAX)
    assert compiling.told_to_stop(number) < HEEDED_S_MAX
    assert_nothing_stays(compiling)


@pytest.mark.ray
@pytest.mark.parametrize("title", [b"gcs_server", b"raylet/raylet"])
def test_while_ray_starts(title: bytes, start: Callable[..., Starting]) -> None:
    starting = start()
    until(lambda: starting.runs(title), "Ray has begun to start", STARTED_S_MAX)
    assert starting.told_to_stop() < HEEDED_S_MAX
    assert_nothing_stays(starting)


@pytest.mark.ray
def test_while_an_engine_recovers_and_the_next_start_finds_everything_free(start: Callable[..., Starting]) -> None:
    """Its folder's lock is somebody else's, so it does not get on, as one with a long log."""
    starting = start()
    folder = starting.data.shard(0)
    until(folder.parent.exists, "the folder is there", STARTED_S_MAX)
    folder.mkdir(exist_ok=True)
    with contextlib.closing(FolderLock(folder)):
        until(lambda: starting.runs(b"OrderShard.__init__"), "the shard recovers", STARTED_S_MAX)
        time.sleep(1.0)  # well within what it does first
        assert starting.told_to_stop() < HEEDED_S_MAX
        assert_nothing_stays(starting)
    again = start()
    assert again.process.stdout is not None and again.process.stdout.readline().startswith(b"ready ")
    again.told_to_stop()
    assert again.process.returncode == 0


@pytest.fixture
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    yield from running_router(tmp_path_factory, "drain", {}, shards=1)


@pytest.mark.ray
def test_a_second_time_while_it_drains(router: Router) -> None:
    """The first one lets an open stream end, for which it waits; the second one does not."""
    client = router.open_stream()
    client.sendall(chunk(ndjson([order("open-1")])))
    until(lambda: b"open-1" in client.recv(65_536), "it was answered")
    router.terminate()
    time.sleep(1.5)
    assert router.process.poll() is None, "it waits for the stream"
    began_s = time.monotonic()
    router.process.send_signal(signal.SIGTERM)
    assert router.process.wait(60) == 0 and time.monotonic() - began_s < HEEDED_S_MAX
    client.close()
    until(lambda: not [number for number in router.tree if is_alive(number)], "all its processes ended", 2.0)
    assert not DataFolder(router.folder).shared.exists()
    verdict = router.verify()
    assert verdict["ok"] and verdict["orders"] == 1
