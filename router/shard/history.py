"""The books of a closed order, made again from its history: for what comes after the end.

Whoever is late may be right: money goes back, goods return. Such an event is judged on the book as the log tells it,
record after record from the order's own on, and the book is let go again with the batch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import numbers
from router.life.events import judged_of, sent_before_books, sent_of
from router.life.states import ORDER_BITS, OrderState, pack_state
from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART, Record, read_batch
from router.log.reference import NONE, row_of, sequence_of
from router.ports import Log
from router.shard.engine import STATE_NUMBERS, ShardEngine
from router.shard.opening import opening_of

I64 = npt.NDArray[np.int64]
Step = tuple[Record, Record, int]  # both halves of a record and the order's row in it


class History:
    """Reads a shard's own log; slow beside books, and asked for seldom."""

    def __init__(self, engine: ShardEngine, log: Log) -> None:
        self._engine = engine
        self._log = log
        self._kept: dict[int, tuple[Record, Record]] = {}

    def reopen_closed(self, rows: I64) -> I64:
        """Open the books of the orders of these rows (-1 unknown) that were closed; returns the rows that were."""
        known = np.unique(rows[rows >= 0])
        states = self._engine.index.state(known) & ORDER_BITS
        closed = known[(states == OrderState.CLOSED) & ~self._engine.books.are_open(known)]
        for row in closed.tolist():
            self._reopen(row)
        self._kept.clear()
        return np.asarray(closed)

    def _reopen(self, row: int) -> None:
        steps = self._steps(int(self._engine.index.reference(np.array([row]))[0]))
        at = np.array([row], np.int64)
        for given, outcome, place in reversed(steps):
            came, became = read_batch(given).slice(place, 1), read_batch(outcome).slice(place, 1)
            if given.kind is Kind.ORDERS:
                self._open(given.sequence, place, at, came, became)
            elif given.kind is Kind.EVENTS:
                self._apply(given.sequence, place, at, came, became, outcome.version)
            else:
                self._engine.books.take_granted(given.sequence, came, at, first_row=place)

    def _steps(self, newest: int) -> list[Step]:
        """The order's records from the newest one back."""
        steps, place = [], newest
        while place != NONE:
            given, outcome = self._halves(sequence_of(place))
            steps.append((given, outcome, row_of(place)))
            if given.kind is Kind.ORDERS:
                break
            place = read_batch(outcome).column("previous")[row_of(place)].as_py()
        return steps

    def _halves(self, sequence: int) -> tuple[Record, Record]:
        if sequence not in self._kept:
            given, outcome = self._log.read(sequence, INPUT), self._log.read(sequence, OUTCOME_PART)
            assert given is not None and outcome is not None, f"sequence {sequence} is indexed but not in the log"
            self._kept[sequence] = given, outcome
        return self._kept[sequence]

    def _open(self, sequence: int, place: int, row: I64, admitted: pa.RecordBatch, outcome: pa.RecordBatch) -> None:
        state = pack_state(STATE_NUMBERS[numbers(outcome, "status")], numbers(admitted, "payment"))
        self._engine.books.open(sequence, opening_of(admitted, outcome, row, state), first_row=place)

    def _apply(
        self, sequence: int, place: int, row: I64, events: pa.RecordBatch, outcome: pa.RecordBatch, version: int
    ) -> None:
        judged = judged_of(outcome)
        judged.verdicts["row"] = row
        books = self._engine.books
        if version:
            books.apply(sequence, sent_of(events), row, judged, first_row=place)
        else:
            sent = sent_before_books(events, self._engine.key)
            books.apply_before_books(sequence, sent, row, judged, first_row=place)
