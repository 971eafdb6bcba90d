"""What the log tells of one order, record after record: for the books of closed orders, and for what is taken back.

Whoever is late may be right: money goes back, goods return. Such an event is judged on the book as the log tells it,
and the book is let go again with the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import numbers
from router.life.before_books import judge_again
from router.life.books import Books
from router.life.events import judged_of, sent_before_books, sent_of
from router.life.grants import granted_of
from router.life.states import ORDER_BITS, STATE_NUMBERS, OrderState, pack_state
from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART, Record, row_batch
from router.log.reference import NONE, row_of, sequence_of
from router.ports import Log
from router.shard.engine import ShardEngine
from router.shard.opening import opening_of

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Step:
    """One row of a record that concerns an order, and what became of it."""

    kind: Kind  # of the input
    sequence: int
    row: int
    given: pa.RecordBatch  # one row
    outcome: pa.RecordBatch  # one row
    outcome_version: int


def steps_of(log: Log, newest: int) -> list[Step]:
    """An order's records up to the one that its newest reference names, in their order."""
    return list(_steps_back(log, newest))[::-1]


def _steps_back(log: Log, place: int) -> Iterator[Step]:
    while place != NONE:
        sequence, row = sequence_of(place), row_of(place)
        given, outcome = log.read(sequence, INPUT), log.read(sequence, OUTCOME_PART)
        assert given is not None and outcome is not None, f"sequence {sequence} is indexed but not in the log"
        step = _step(given, outcome, row)
        yield step
        place = NONE if step.kind is Kind.ORDERS else step.outcome.column("previous")[0].as_py()


def _step(given: Record, outcome: Record, row: int) -> Step:
    return Step(given.kind, given.sequence, row, row_batch(given, row), row_batch(outcome, row), outcome.version)


def tell(books: Books, row: int, steps: Sequence[Step], key: U64) -> None:
    """Open the book of a row as the steps tell it."""
    rows = np.array([row], np.int64)
    for step in steps:
        if step.kind is Kind.ORDERS:
            state = pack_state(STATE_NUMBERS[numbers(step.outcome, "status")], numbers(step.given, "payment"))
            books.open(step.sequence, opening_of(step.given, step.outcome, rows, state), step.row)
        elif step.kind is Kind.GRANTED:
            books.take_granted(step.sequence, granted_of(step.given), rows, step.row)
        else:
            _tell_event(books, rows, step, key)


def _tell_event(books: Books, rows: I64, step: Step, key: U64) -> None:
    judged = judged_of(step.outcome)
    judged.verdicts["row"] = rows
    if step.outcome_version:
        books.apply(step.sequence, sent_of(step.given), rows, judged, step.row)
    else:
        judge_again(books, step.sequence, sent_before_books(step.given, key), rows, judged, step.row)


class History:
    """Reads a shard's own log; slow beside books, and asked for seldom."""

    def __init__(self, engine: ShardEngine, log: Log) -> None:
        self._engine = engine
        self._log = log

    def reopen_closed(self, rows: I64) -> None:
        """Open the books of the orders of these rows (-1 unknown) that were closed and let go."""
        index, books = self._engine.index, self._engine.books
        known = np.unique(rows[rows >= 0])
        closed = known[(index.state(known) & ORDER_BITS == OrderState.CLOSED) & ~books.are_open(known)]
        for row, place in zip(closed.tolist(), index.reference(closed).tolist(), strict=True):
            tell(books, row, steps_of(self._log, place), self._engine.key)

    def steps(self, row: int) -> list[Step]:
        """All that readers may know of an order."""
        return steps_of(self._log, int(self._engine.index.reference(np.array([row]))[0]))
