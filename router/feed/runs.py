"""Runs: neighbouring records of one shard that are of one form, opened together as columns.

A large record is a run of its own. Of records of single orders or events many make one, because opening columns takes
as long for one row as for a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from router.arrow.packing import is_packed
from router.log.heads import Head
from router.log.records import INPUT, OUTCOME_PART, Record
from router.log.reference import ROW_BITS
from router.log.stored_columns import StoredColumns

I64 = npt.NDArray[np.int64]
RUN_BYTES = 1 << 18  # of records that are opened together
RUN_RECORDS = 256


class FeedSource(Protocol):
    """The durable records of one shard, as far as the feed concerns them."""

    def read(self, sequence: int, part: int) -> Record | None:
        """The record, checked, or None."""

    def head(self, sequence: int, part: int) -> Head | None:
        """The beginning of a record, or None."""

    def last_sequence(self, part: int) -> int:
        """Sequence of the newest record of a part, 0 = none."""


class Pair(NamedTuple):
    """A batch that was finished: what came in and what became of it."""

    given: Record
    outcome: Record

    @property
    def nbytes(self) -> int:
        return sum(message.nbytes for record in self for message in record.messages)

    @property
    def form(self) -> tuple[int, ...]:
        """Records of the same form can be read as one; of a packed one only the columns that are asked for are."""
        packed = is_packed(self.given.messages[0])
        return self.given.kind, self.given.version, self.outcome.version, len(self.given.messages), packed


class Run:
    """Some batches of a shard, row for row; columns are decoded when they are asked for."""

    def __init__(self, shard: int, pairs: Sequence[Pair]) -> None:
        self.shard = shard
        self.kind = pairs[0].given.kind
        self.nbytes = sum(pair.nbytes for pair in pairs)
        self._pairs = pairs
        self.given = StoredColumns([pair.given for pair in pairs])
        self.outcome = StoredColumns([pair.outcome for pair in pairs])
        assert self.given.counts == self.outcome.counts, "an outcome has a row for each row of its input"

    @cached_property
    def payload(self) -> StoredColumns:
        """Of events: what is only shown."""
        return StoredColumns([pair.given for pair in self._pairs], 1)

    @cached_property
    def references(self) -> I64:
        """The place of each row: sequence << 16 | row."""
        counts = np.array(self.given.counts)
        ends = np.cumsum(counts)
        rows = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        places: I64 = self.repeated([pair.given.sequence for pair in self._pairs]) << ROW_BITS | rows
        return places

    @cached_property
    def received_at_ms(self) -> I64:
        return self.repeated([pair.given.now_ms for pair in self._pairs])

    @cached_property
    def tables_version(self) -> I64:
        return self.repeated([pair.given.tables_version for pair in self._pairs])

    @property
    def rows(self) -> int:
        return sum(self.given.counts)

    def repeated(self, of_records: Sequence[int]) -> I64:
        """What is said of each record, row for row."""
        return np.repeat(np.array(of_records, np.int64), self.given.counts)


def read_runs(shard: int, source: FeedSource, first: int, end: int) -> tuple[list[Run], int]:
    """The batches from a sequence on, not beyond ``end``, by their form, and the last sequence that was looked at.

    A record without an outcome is passed over: nothing came of it.
    """
    by_form: dict[tuple[int, ...], list[Pair]] = {}
    nbytes, sequence = 0, first - 1
    while nbytes < RUN_BYTES and sequence < min(end, first + RUN_RECORDS - 1):
        sequence += 1
        given, outcome = source.read(sequence, INPUT), source.read(sequence, OUTCOME_PART)
        if given is not None and outcome is not None:
            pair = Pair(given, outcome)
            by_form.setdefault(pair.form, []).append(pair)
            nbytes += pair.nbytes
    return [Run(shard, pairs) for pairs in by_form.values()], sequence
