"""The gateway as a process: it drains on SIGTERM and never outlives its supervisor."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from actors.store.data_folder import DataFolder
from actors.store.keys import add_key
from router.config import Config
from tests.labs.gateway_lab import connect

ROOT = pathlib.Path(__file__).parents[2]
GATEWAY = """
import sys, asyncio, pathlib
from actors.gateway import main
from router.config import Config
from tests.labs.gateway_backend import ScriptedBackend
main.die_with_parent()
arguments = main.parser().parse_args(["--data", sys.argv[1], "--port", "0", "--ray-address", "none"])
asyncio.run(main.serve(arguments, ScriptedBackend(), Config()))
"""
SUPERVISOR = """
import subprocess, sys, time
gateway = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
print(gateway.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    data = DataFolder(tmp_path)
    data.create(Config())
    yield tmp_path
    shutil.rmtree(data.shared, ignore_errors=True)


def test_sigterm_answers_what_is_due_and_exits_0(folder: pathlib.Path) -> None:
    key = add_key(folder, "a", "admin", 1)
    process = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, str(folder)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        port = int(process.stderr.readline().partition('"port":')[2].partition(",")[0])
        client = connect(port)
        client.sendall(f"GET /readyz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert client.recv(10) == b"", "the idle connection was closed"
        assert '"draining"' in process.stderr.read()
    finally:
        process.kill()
        process.wait()


def test_a_gateway_ends_when_its_supervisor_is_killed(folder: pathlib.Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, GATEWAY, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None and supervisor.stderr is not None
    gateway = int(supervisor.stdout.readline())
    assert '"listening"' in supervisor.stderr.readline()
    supervisor.kill()
    supervisor.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and is_alive(gateway):
        time.sleep(0.05)
    assert not is_alive(gateway)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
