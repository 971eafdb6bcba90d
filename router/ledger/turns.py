"""Turns of the ledger: many ask, one is answered at a time, each hears the answer when it is on disk.

    ask ─▶ (turn) path decides, log queues ─▶ disk ─▶ (turn) publish, wake who waits for grants, checkpoint ─▶ answer
              └─ tables it does not know: loaded between two turns, then asked again

Threads drive this in ``actors/``, tasks in the simulation; alone it needs no turn at all. Every caller comes through
here, so that nobody forgets the tables, the disk or the order of publishing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy.typing as npt
import pyarrow as pa

from router.ledger.in_use import units_in_use
from router.ledger.path import NO_GRANTS, Answer, LedgerPath
from router.ports import NOTHING_NUMBERED, Checkpoints, Log, Question, Turn
from router.tables.compiled import Tables, TablesOf, UnknownTables
from router.tables.withdrawn import Numbers, UnitsInUse

T = TypeVar("T")


class Alone:
    """The turn of somebody who shares the ledger with nobody."""

    def __enter__(self) -> None:
        """There is nobody to wait for."""

    def __exit__(self, *_fault: object) -> None:
        """Nobody waits."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        return predicate()

    def notify_all(self) -> None:
        """Nobody waits."""


class NoCheckpoints:
    """For a ledger whose log is short."""

    def due(self) -> bool:
        return False

    def keep(self, sequence: int, chains: list[int], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Nothing is kept."""


class LedgerTurns:
    """Satisfies ``ports.LedgerPort`` and answers stock, reservations and status, for callers that share one path."""

    def __init__(self, path: LedgerPath, log: Log, tables_of: TablesOf, turn: Turn, checkpoints: Checkpoints) -> None:
        self.path = path
        self._log = log
        self._tables_of = tables_of
        self.turn = turn
        self._checkpoints = checkpoints

    # --- questions -------------------------------------------------------------------------------

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        """DECISION of CLAIMS, durable."""
        return self._settled(lambda: self.path.decide(question, claims))

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch,
        numbering: pa.RecordBatch = NOTHING_NUMBERED,
    ) -> pa.RecordBatch:  # fmt: skip
        """Apply the MOVES and GIVEN_BACK of an event batch; NUMBERED of its NUMBERING, durable."""
        return self._settled(lambda: self.path.move(question, moves, given_back, numbering))

    def amend(self, question: Question, amends: pa.RecordBatch) -> pa.RecordBatch:
        """AMENDED of AMENDS, durable."""
        return self._settled(lambda: self.path.amend(question, amends))

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """STOCK_RESULTS of MOVEMENTS, durable."""
        return self._settled(lambda: self.path.stock(movements, now_ms))

    def pending(self, steps: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """PENDED of PENDING, durable."""
        return self._settled(lambda: self.path.pending(steps, now_ms))

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """What ``decide`` would answer now; takes nothing."""
        return self._in_turn(lambda: self.path.quote(tables_version, claims, now_ms))

    def in_use(self, skus: Numbers, nodes: Numbers) -> UnitsInUse:
        """Units that lie and wait under SKUs, then under nodes, by their numbers."""
        return self._in_turn(lambda: units_in_use(self.path.engine.state, skus, nodes))

    def expire(self, now_ms: int) -> int:
        """Let reservations go whose deadline has passed, and block what is too old, durable; returns how many
        reservations there were."""
        self.keep_up(now_ms)
        with self.turn:
            due = self.path.engine.due(now_ms)
        if due.num_rows:
            self.pending(due, now_ms)
        return int(due.num_rows)

    def keep_up(self, now_ms: int) -> None:
        """Grant what newer tables free, and block what is too old, durable."""
        self._settled(lambda: self.path.keep_up(now_ms))

    # --- grants ----------------------------------------------------------------------------------

    def grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, pa.RecordBatch]:
        """The first durable record after ``after`` that granted something to a shard, and its GRANTS."""

        def found() -> bool:
            self.path.hear(shard, epoch)  # a shard may be replaced while it waits
            return self.path.granting_record(shard, after) is not None

        with self.turn:
            self.turn.wait_for(found, wait_ms / 1000)
            record = self.path.granting_record(shard, after)
        return (after, NO_GRANTS) if record is None else (record, self.path.grants_in(record, shard))

    # --- tables, state ---------------------------------------------------------------------------

    def use_tables(self, tables: Tables) -> None:
        """Laid out beside the turns, taken up in one; what they free is granted before the next question, or by
        ``keep_up``."""
        laid_out = self.path.engine.laid_out(tables)
        with self.turn:
            self.path.engine.use_tables(tables, laid_out)

    def recover(self, from_sequence: int, chains: list[int] | None = None) -> int:
        """Replay the log from a sequence on; returns the records replayed."""
        return self.path.recover(from_sequence, self._tables_of, chains)

    def checkpoint(self) -> None:
        """Keep the state as it is now; in turn. A checkpoint never runs ahead of the log."""
        if self.path.last_ticket:
            self._log.wait(self.path.last_ticket)
        sequence = self.path.sequence
        self._checkpoints.keep(sequence, self._log.chains_at(sequence), self.path.engine.snapshot())

    def _settled(self, ask: Callable[[], Answer]) -> pa.RecordBatch:
        """The answer, once its record is on disk and shown to readers."""
        answer = self._in_turn(ask)
        if answer.ticket:
            self._log.wait(answer.ticket)
            with self.turn:
                self.path.publish(answer)
                self.turn.notify_all()
                if self.path.all_settled and self._checkpoints.due():
                    self.checkpoint()
        return answer.batch

    def _in_turn(self, work: Callable[[], T]) -> T:
        """What ``work`` gives in a turn; tables it misses are loaded between two turns."""
        while True:
            try:
                with self.turn:
                    return work()
            except UnknownTables as missing:
                tables = self._tables_of(missing.version)
            self.use_tables(tables)
