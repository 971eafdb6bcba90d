"""When to write a checkpoint, and the thread that writes it while the owner works on."""

from __future__ import annotations

import pathlib
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.store.checkpoints import Checkpoint, read_latest, write_checkpoint
from actors.store.lmdb_log import LmdbLog


class Checkpointer:
    """Checkpoints of one owner: due after so many bytes of log, one being written at a time."""

    def __init__(self, folder: pathlib.Path, every_bytes: int, log_bytes: int) -> None:
        self._folder = folder
        self._every_bytes = every_bytes
        self._log_bytes = log_bytes
        self._thread: threading.Thread | None = None

    def due(self, log_bytes: int) -> bool:
        return log_bytes - self._log_bytes >= self._every_bytes and not self._writing()

    def start(
        self, sequence: int, chains: Sequence[int], arrays: Mapping[str, npt.NDArray[np.generic]], log_bytes: int
    ) -> None:
        """Write copies of the arrays in the background; the caller made sure that ``sequence`` is durable."""
        self.join()
        self._log_bytes = log_bytes
        self._thread = threading.Thread(
            target=write_checkpoint, args=(self._folder, sequence, chains, arrays), name="checkpoint"
        )
        self._thread.start()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def read_latest(self) -> Checkpoint | None:
        """The newest whole checkpoint; older ones and the log make up for damaged ones, said on stderr."""
        kept, passed_over = read_latest(self._folder)
        for sentence in passed_over:
            print(sentence, file=sys.stderr)
        return kept

    def _writing(self) -> bool:
        return self._thread is not None and self._thread.is_alive()


class KeptCheckpoints:
    """Satisfies ``router.ports.Checkpoints`` with files beside an owner's log."""

    def __init__(self, checkpointer: Checkpointer, log: LmdbLog) -> None:
        self._checkpointer = checkpointer
        self._log = log

    def due(self) -> bool:
        return self._checkpointer.due(self._log.bytes_used)

    def keep(self, sequence: int, chains: list[int], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._checkpointer.start(sequence, chains, arrays, self._log.bytes_used)
