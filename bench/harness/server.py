"""A router of its own for one bench: started on a data folder, loaded, stopped, and killed when asked to."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from actors.store.data_folder import DataFolder
from bench.harness import processes
from bench.harness.streaming import NDJSON
from bench.harness.tables import as_ndjson, tables_for
from bench.harness.workload import Workload
from router.errors import RouterError

READY_S_MAX = 240.0
STOP_S_MAX = 60.0
VERIFY_S_MAX = 900.0
_PARTS = {"ray::OrderShard": "shards", "ray::Ledger": "ledger", "actors.gateway.main": "gateway", "actors.cli": "serve"}


class ServerFailed(RouterError):
    """The router did not start or stopped by itself; the text ends with what it said."""


class Server:
    """``with Server(shards=2) as server: …``; without a folder it makes one and removes it at the end."""

    def __init__(self, shards: int = 1, folder: pathlib.Path | None = None, options: Sequence[str] = ()) -> None:
        self._own_folder = folder is None
        self.folder = folder or pathlib.Path(tempfile.mkdtemp(prefix="order-router-bench-"))
        self._log = self.folder.with_name(self.folder.name + ".stderr")
        self._prefix: list[str] = []  # a command that runs others, for whatever works on the folder
        self._command = [sys.executable, "-m", "actors.cli.main", "serve", "--data", str(self.folder)]
        self._command += ["--shards", str(shards), "--port", str(free_port()), *options]
        self.url = ""
        self.ready_after_s = 0.0

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._own_folder:
            shutil.rmtree(DataFolder(self.folder).ray, ignore_errors=True)  # logs, elsewhere
            shutil.rmtree(self.folder, ignore_errors=True)
            self._log.unlink(missing_ok=True)

    def start(self) -> None:
        started_s = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, text=True)
        watchdog = threading.Timer(READY_S_MAX, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready "):
                self.url = line.split()[1]
                break
        watchdog.cancel()
        if not self.url or self._process.poll() is not None:
            self.kill_everything()
            raise ServerFailed(f"The router did not become ready.\n{self.last_words()}")
        self.ready_after_s = time.monotonic() - started_s

    @property
    def address(self) -> tuple[str, int]:
        parts = urllib.parse.urlsplit(self.url)
        assert parts.hostname is not None and parts.port is not None
        return parts.hostname, parts.port

    @property
    def key(self) -> str:
        return (self.folder / "admin.key").read_text(encoding="ascii").strip()

    def load(self, workload: Workload, planned_orders: int) -> None:
        for table, rows in tables_for(workload, planned_orders).items():
            self.put(table, as_ndjson(rows))

    def put(self, table: str, body: bytes, media_type: str = NDJSON) -> None:
        status, answer = self.request("PUT", f"/v1/tables/{table}", body, media_type)
        if status != 200:
            raise ServerFailed(f"PUT {table} answered {status}: {answer[:500].decode(errors='replace')}")

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self.key}", **({"Content-Type": media_type} if media_type else {})}
        connection = http.client.HTTPConnection(*self.address, timeout=300)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stop(self) -> None:
        """Let the router drain; one that does not end in time is killed with all that it started."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired as fault:  # named as the cause, so that what went wrong before is told too
            self.kill_everything()
            raise ServerFailed(f"The router did not drain within {STOP_S_MAX} s.\n{self.last_words()}") from fault
        self.url = ""

    def kill_everything(self) -> None:
        """kill -9 of the router and every process below it, as a power cut would."""
        for number in self.processes():  # the supervisor first, so that it starts nothing again
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
        self.url = ""

    def processes(self) -> list[int]:
        """The router's process and all below it, parents first."""
        return processes.tree_of(self._process.pid)

    def processor_s(self) -> dict[str, float]:
        """Processor time used so far, user and kernel, by part of the router."""
        used: dict[str, float] = {}
        for number in self.processes():
            part = _part_of(number)
            used[part] = used.get(part, 0.0) + processes.processor_s(number)
        return used

    def processor_s_since(self, before: Mapping[str, float]) -> dict[str, float]:
        """Of it, what was used after ``processor_s`` said ``before``; a part that used none is left out."""
        used = {part: used_s - before.get(part, 0.0) for part, used_s in self.processor_s().items()}
        return {part: used_s for part, used_s in used.items() if used_s > 0}

    def memory_bytes(self) -> int:
        """Memory of all processes, heap and shared memory; pages they share are counted once."""
        return sum(self.memory_bytes_of_parts().values())

    def memory_bytes_of_parts(self) -> dict[str, int]:
        """The same by part of the router."""
        used: dict[str, int] = {}
        for number in self.processes():
            part = _part_of(number)
            used[part] = used.get(part, 0) + processes.memory_bytes(number)
        return used

    def disk_bytes(self) -> int:
        """Blocks that the files of the data folder have; what its links lead to is no disk."""
        return disk_bytes(self.folder)

    def verify(self) -> dict[str, Any]:
        """What ``order-router verify`` finds in the folder; the router has ended."""
        command = [*self._prefix, sys.executable, "-m", "actors.cli.main", "verify", "--json"]
        command += ["--data", str(self.folder)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=VERIFY_S_MAX)
        if answer.returncode not in (0, 1):
            raise ServerFailed(f"verify ended with {answer.returncode}: {answer.stderr[-2_000:]}")
        verdict: dict[str, Any] = json.loads(answer.stdout)
        return verdict

    def last_words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-3_000:] if self._log.exists() else ""


def disk_bytes(folder: pathlib.Path) -> int:
    """Of a folder in use: what vanishes meanwhile has none."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return size


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _part_of(number: int) -> str:
    """What a process of the router does."""
    title = processes.title_of(number)
    return next((part for mark, part in _PARTS.items() if mark in title), "ray")
