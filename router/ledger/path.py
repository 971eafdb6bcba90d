"""The ledger's half of the path: decide or move once per (shard, sequence), log it, show it to readers.

decide ─▶ known? ── yes ─▶ the answer of the log
            │ no
            ▼
        engine.decide ─▶ log (claims + decision, by_batch) ─(durable)─▶ publish
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import pyarrow as pa

from router.arrow.arrays import Bytes
from router.ledger.cells import Touched
from router.ledger.engine import LedgerEngine
from router.ledger.replay import replay_ledger
from router.life.events import Moves
from router.log.columns import DECISION, MOVES
from router.log.kinds import Kind
from router.log.records import INPUT, DamagedRecord, frame, read_batch, serialize
from router.ports import Log
from router.tables.compiled import TablesOf


class StaleOwner(Exception):
    """A shard process that was replaced is still asking; it must end."""


@dataclass
class Answer:
    """What a caller gets once ``ticket`` is durable."""

    batch: pa.RecordBatch | None  # DECISION or STOCK_RESULTS
    ticket: int = 0  # 0: it was durable before
    sequence: int = 0
    by_batch: tuple[int, int] | None = None
    touched: Touched | None = None  # cells to publish


class LedgerPath:
    """The ledger's engine and log. Not thread-safe: the owner calls one method at a time."""

    def __init__(self, engine: LedgerEngine, log: Log) -> None:
        self.engine = engine
        self._log = log
        self.sequence = log.last_sequence(INPUT)
        self._epochs: dict[int, int] = {}
        self._unsettled: deque[Answer] = deque()  # logged, not yet shown to readers; in order of their tickets
        self.last_ticket = 0

    @property
    def all_settled(self) -> bool:
        return not self._unsettled

    def decide(
        self, shard: int, sequence: int, epoch: int, tables_version: int, claims: pa.RecordBatch, now_ms: int
    ) -> Answer:
        """DECISION of CLAIMS; a repeated question gets the first answer."""
        known = self._known(shard, sequence, epoch, DECISION)
        if known is not None:
            return known
        decision = self.engine.decide(shard, sequence, tables_version, claims, now_ms)
        messages = [serialize(claims), serialize(decision)]
        return self._log_answer(Kind.DECISION, messages, decision, (shard, sequence), tables_version, now_ms)

    def move(self, shard: int, sequence: int, epoch: int, moves: Moves, now_ms: int) -> Answer:
        """Stock moves of an event batch; a repeat changes nothing."""
        known = self._known(shard, sequence, epoch, None)
        if known is not None:
            return known
        batch = pa.RecordBatch.from_pylist([move._asdict() for move in moves], schema=MOVES)
        self.engine.move(batch)
        return self._log_answer(Kind.MOVES, [serialize(batch)], None, (shard, sequence), 0, now_ms)

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> Answer:
        """STOCK_RESULTS of MOVEMENTS; each is idempotent by its own id, so a repeat is answered row by row."""
        results = self.engine.stock(movements)
        return self._log_answer(Kind.STOCK, [serialize(movements)], results, None, 0, now_ms)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        return self.engine.quote(tables_version, claims, now_ms)

    def publish(self, answer: Answer) -> None:
        """Show readers the cells of a durable record, and of every record before it: newer cells come last."""
        while self._unsettled and self._unsettled[0].ticket <= answer.ticket:
            settled = self._unsettled.popleft()
            self.engine.publish(settled.touched, settled.sequence)

    def recover(self, from_sequence: int, tables_of: TablesOf, chains: list[int] | None = None) -> int:
        """Replay the log from a sequence on; returns the records replayed."""
        replayed = replay_ledger(self.engine, self._log.iterate(from_sequence, chains), tables_of)
        self.engine.take_touched()
        self.engine.publish(None, self.sequence)
        return replayed

    def _known(self, shard: int, sequence: int, epoch: int, schema: pa.Schema | None) -> Answer | None:
        newest = self._epochs.get(shard, 0)
        if epoch < newest:
            raise StaleOwner(f"shard {shard} with epoch {epoch} was replaced by epoch {newest}")
        self._epochs[shard] = epoch
        for waiting in self._unsettled:
            if waiting.by_batch == (shard, sequence):
                return waiting
        at = self._log.find_batch(shard, sequence)
        if at is None:
            return None
        record = self._log.read(at, INPUT)
        if record is None or (record.batch_number, record.batch_id) != (shard, sequence):
            raise DamagedRecord(f"the entry of shard {shard}, batch {sequence} leads elsewhere", "the ledger's log")
        return Answer(None if schema is None else read_batch(record, 1))

    def _log_answer(
        self,
        kind: Kind,
        messages: list[Bytes | pa.Buffer],
        answer: pa.RecordBatch | None,
        by_batch: tuple[int, int] | None,
        tables_version: int,
        now_ms: int,
    ) -> Answer:
        self.sequence += 1
        shard, shard_sequence = by_batch or (0, 0)
        record = frame(
            kind,
            INPUT,
            self.sequence,
            messages,
            tables_version=tables_version,
            now_ms=now_ms,
            batch_id=shard_sequence,
            batch_number=shard,
        )
        self.last_ticket = self._log.append(self.sequence, INPUT, record, by_batch=by_batch)
        waiting = Answer(answer, self.last_ticket, self.sequence, by_batch, self.engine.take_touched())
        self._unsettled.append(waiting)
        return waiting
