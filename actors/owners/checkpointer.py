"""When to write a checkpoint, and the copy of the process that writes it while the owner works on."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.process.process_copy import ProcessCopy
from actors.store.checkpoints import Checkpoint, read_latest, write_checkpoint
from actors.store.lmdb_log import LmdbLog

_TITLE = "order-router: a checkpoint"  # of the process that writes one


class Checkpointer:
    """Checkpoints of one owner: due after so many bytes of log, one being written at a time."""

    def __init__(self, folder: pathlib.Path, every_bytes: int, log_bytes: int) -> None:
        self._folder = folder
        self._every_bytes = every_bytes
        self._log_bytes = log_bytes
        self._copy: ProcessCopy | None = None

    def due(self, log_bytes: int) -> bool:
        return not self._writing() and log_bytes - self._log_bytes >= self._every_bytes

    def start(
        self, sequence: int, chains: Sequence[int], arrays: Mapping[str, npt.NDArray[np.generic]], log_bytes: int
    ) -> None:
        """Write the arrays as they are now, views of memory of this process or copies; ``sequence`` is durable.

        Where the system has no room for another process, this one is left out: the log has all of it.
        """
        self.join()
        self._log_bytes = log_bytes
        try:
            self._copy = ProcessCopy(_TITLE, lambda: write_checkpoint(self._folder, sequence, chains, arrays))
        except OSError as fault:
            print(f"{_TITLE} of sequence {sequence} was left out: {fault}", file=sys.stderr)

    def join(self) -> None:
        if self._copy is not None:
            self._copy.join()

    def read_latest(self) -> Checkpoint | None:
        """The newest whole checkpoint; older ones and the log make up for damaged ones, said on stderr."""
        kept, passed_over = read_latest(self._folder)
        for sentence in passed_over:
            print(sentence, file=sys.stderr)
        return kept

    def _writing(self) -> bool:
        return self._copy is not None and self._copy.runs()


class KeptCheckpoints:
    """Satisfies ``router.ports.Checkpoints`` with files beside an owner's log."""

    def __init__(self, checkpointer: Checkpointer, log: LmdbLog) -> None:
        self._checkpointer = checkpointer
        self._log = log

    def due(self) -> bool:
        return self._checkpointer.due(self._log.bytes_used)

    def keep(self, sequence: int, chains: list[int], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._checkpointer.start(sequence, chains, arrays, self._log.bytes_used)
