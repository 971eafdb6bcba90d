"""Recall: earlier records of a shard's own log, decoded, the last few kept."""

from __future__ import annotations

import functools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import numbers
from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART, Record, read_batch
from router.log.reference import row_of, sequence_of

U64 = npt.NDArray[np.uint64]
RECALLED_BYTES_MAX = 64 << 20  # by bytes, because an order may have one line or 10,000


class Readable(Protocol):
    def read(self, sequence: int, part: int) -> Record | None:
        """The durable record, checked, or None."""

    def last_sequence(self, part: int) -> int:
        """Sequence of the newest durable record of a part, 0 = none."""


@dataclass(frozen=True)
class Halves:
    """A batch that was finished: what came in and what became of it."""

    kind: Kind  # of the input
    tables_version: int
    now_ms: int
    given: pa.RecordBatch
    outcome: pa.RecordBatch

    @functools.cached_property
    def nbytes(self) -> int:
        return int(self.given.nbytes + self.outcome.nbytes)


class Recollection:
    """Both halves of batches that were finished."""

    def __init__(self, log: Readable) -> None:
        self._log = log
        self._kept: OrderedDict[int, Halves] = OrderedDict()
        self._bytes = 0
        self._durable = 0  # both halves of batches up to here are on disk, as far as was asked

    def keep(self, sequence: int, halves: Halves) -> None:
        """Remember a batch that was just finished."""
        assert sequence not in self._kept
        self._kept[sequence] = halves
        self._bytes += halves.nbytes
        if self._bytes > RECALLED_BYTES_MAX:
            self._let_go(newest=sequence)

    def _let_go(self, newest: int) -> None:
        """Those not asked for longest, but what is not durable yet stays: it can be read nowhere else."""
        if next(iter(self._kept)) > self._durable:
            self._durable = self._log.last_sequence(OUTCOME_PART)
        while self._bytes > RECALLED_BYTES_MAX:
            oldest = next((one for one in self._kept if one <= self._durable and one != newest), None)
            if oldest is None:
                return
            self._bytes -= self._kept.pop(oldest).nbytes

    def halves(self, sequence: int) -> Halves:
        if sequence in self._kept:
            self._kept.move_to_end(sequence)
            return self._kept[sequence]
        given, outcome = self._log.read(sequence, INPUT), self._log.read(sequence, OUTCOME_PART)
        assert given is not None and outcome is not None, f"sequence {sequence} is indexed but not in the log"
        halves = Halves(given.kind, given.tables_version, given.now_ms, read_batch(given), read_batch(outcome))
        self.keep(sequence, halves)
        return self._kept[sequence]

    def orders(self, sequence: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """ADMITTED and OUTCOME of a sequence."""
        found = self.halves(sequence)
        assert found.kind is Kind.ORDERS
        return found.given, found.outcome

    def orders_of(self, places: U64) -> U64:
        """References of the ORDERS records of the orders whose newest records are given."""
        found = places.copy()
        sequences = sequence_of(places)
        for sequence in np.unique(sequences):
            halves = self.halves(int(sequence))
            if halves.kind is not Kind.ORDERS:
                at = np.flatnonzero(sequences == sequence)
                orders = numbers(halves.outcome, "order")
                found[at] = orders[row_of(places[at]).astype(np.int64)].astype(np.uint64)
        return found
