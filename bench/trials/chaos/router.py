"""A router whose processes can be found by what they do, with small batches and frequent checkpoints."""

from __future__ import annotations

import http.client
import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from bench.harness.processes import title_of
from bench.harness.server import Server, ServerFailed

# How a process calls itself; Ray names its workers after the actor they run.
TITLES = {
    "shard": "ray::OrderShard",
    "ledger": "ray::Ledger",
    "tables": "ray::TablesOwner",
    "front": "--streams-to",
    "streams": "--streams-from",
    "raylet": "/raylet/raylet",
    "gcs": "/gcs/gcs_server",
}
CHECKPOINT_BYTES = 4 << 20  # so that restarts meet checkpoints and tails
BATCH_ROWS = 256
END_S_MAX = 120.0


class ChaosRouter(Server):
    """``prefix`` runs the router through another command, ``variables`` go into the environment of all its processes,
    ``settings`` are lines of the configuration by section."""

    def __init__(
        self,
        shards: int,
        folder: pathlib.Path | None = None,
        prefix: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(shards, folder, options)
        self.shards = shards
        # Beside the temporary folders: the data folder may lie on a file system of its own.
        self.settings = pathlib.Path(tempfile.mkdtemp(prefix="order-router-settings-")) / "router.toml"
        given = {"log": f"checkpoint_bytes = {CHECKPOINT_BYTES}", "limits": f"batch_rows_max = {BATCH_ROWS}"}
        for section, lines in (settings or {}).items():
            given[section] = f"{given.get(section, '')}\n{lines}"
        text = "".join(f"[{section}]\n{lines}\n" for section, lines in given.items())
        self.settings.write_text(text, encoding="utf-8")
        assigned = [f"{name}={value}" for name, value in (variables or {}).items()]
        self._prefix = list(prefix)
        self._command = [*prefix, *(["env", *assigned] if assigned else []), *self._command]
        self._command += ["--config", str(self.settings)]

    def __exit__(self, *fault: Any) -> None:
        try:
            super().__exit__(*fault)
        finally:
            shutil.rmtree(self.settings.parent)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def pids_of(self, kind: str) -> list[int]:
        """``serve`` is the process that was started; others are known by their titles."""
        if kind == "serve":
            return [self._process.pid]
        return [number for number in self.processes() if TITLES[kind] in title_of(number)]

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def terminate(self) -> None:
        """SIGTERM; it has to end by itself, with 0."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(END_S_MAX)
        if code != 0:
            raise ServerFailed(f"serve ended with {code} after SIGTERM.\n{self.last_words()}")

    def wait(self, seconds_max: float) -> int:
        """The code it ended with."""
        return self._process.wait(seconds_max)


def send_signal(number: int, what: signal.Signals) -> bool:
    """False when the process has ended already."""
    try:
        os.kill(number, what)
    except ProcessLookupError:
        return False
    return True
