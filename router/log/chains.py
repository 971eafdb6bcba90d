"""Chains of many orders at once: the rows of a shard's log that concern them, record by record.

    newest records ─▶ read ─▶ the rows before them ─▶ the records of those ─▶ … ─▶ orders

Of a record only the rows that are wanted are kept, and each record is read once, however many orders it speaks of. What
is read is durable and never changes, so it may be read beside whoever writes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.log.kinds import Kind
from router.log.recall import Readable
from router.log.records import INPUT, OUTCOME_PART, Record, read_batch, row_batch
from router.log.reference import NONE, row_of, sequence_of

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
_ROWS_ALONE = 8  # of a packed record so few rows are read one by one before all of it is unpacked


@dataclass(frozen=True)
class Link:
    """Rows of one record, each of another order: what came in and what became of it."""

    kind: Kind  # of part 0
    has_books: tuple[bool, bool]  # of both parts: whether they were written since books are kept
    sequence: int
    rows: I64  # in the record
    who: I64  # numbers of the orders among those that were asked for
    given: pa.RecordBatch
    outcome: pa.RecordBatch


def chains_of(log: Readable, newest: U64) -> list[Link]:
    """All rows that concern the orders with these newest records, which are durable; the oldest first."""
    wanted: dict[int, list[tuple[I64, I64]]] = {}  # sequence -> (references, who)
    ahead: list[int] = []  # the same sequences, negative: a heap

    def want(places: I64, who: I64) -> None:
        sequences = sequence_of(places)
        for sequence in np.unique(sequences).tolist():
            at = sequences == sequence
            if sequence not in wanted:
                heapq.heappush(ahead, -sequence)
            wanted.setdefault(sequence, []).append((places[at], who[at]))

    want(newest.astype(np.int64), np.arange(len(newest)))
    found = []
    while ahead:
        sequence = -heapq.heappop(ahead)
        halves = _Halves(log, sequence)
        while sequence in wanted:  # an order may have several rows in a record
            places, who = (np.concatenate(each) for each in zip(*wanted.pop(sequence), strict=True))
            link = halves.link(row_of(places), who)
            found.append(link)
            before = numbers(link.outcome, "previous").astype(np.int64)
            same = (before != NONE) & (sequence_of(before) == sequence)
            if same.any():
                wanted[sequence] = [(before[same], link.who[same])]
            earlier = (before != NONE) & ~same
            want(before[earlier], link.who[earlier])
    return found[::-1]


class _Halves:
    """Both records of a sequence, unpacked when more than a few of their rows are wanted."""

    def __init__(self, log: Readable, sequence: int) -> None:
        given, outcome = log.read(sequence, INPUT), log.read(sequence, OUTCOME_PART)
        assert given is not None and outcome is not None, f"sequence {sequence} is indexed but not in the log"
        self._given, self._outcome = given, outcome
        self._rows = tuple(_reading(record) for record in (given, outcome))

    def link(self, rows: I64, who: I64) -> Link:
        order = np.argsort(rows)
        rows, who = rows[order], who[order]
        given, outcome = (read(rows) for read in self._rows)
        has_books = self._given.version > 0, self._outcome.version > 0
        return Link(self._given.kind, has_books, self._given.sequence, rows, who, given, outcome)


def _reading(record: Record) -> Callable[[I64], pa.RecordBatch]:
    whole: list[pa.RecordBatch] = []

    def rows_of(rows: I64) -> pa.RecordBatch:
        if not whole and len(rows) <= _ROWS_ALONE:
            return pa.concat_batches([row_batch(record, row) for row in rows.tolist()])
        if not whole:
            whole.append(read_batch(record))
        return select(whole[0], rows)

    return rows_of
