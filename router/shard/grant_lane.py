"""Grants: units that the ledger gave to orders that waited, taken over into their books.

The ledger's record is the decision; a shard reads those that concern it in their order and logs each as a batch of its
own, so that the order's history has it. What it asks the ledger is only that units of orders on hold are held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life import layout
from router.arrow.arrays import numbers
from router.life.books import Judged
from router.life.events import moves_of, outcome_of
from router.life.grants import granted_batch, granted_of, orders_granted
from router.log.columns import GIVEN_BACK
from router.log.kinds import Kind
from router.log.recall import Recollection
from router.log.records import Record, read_batch
from router.log.reference import row_of, sequence_of
from router.ports import LedgerPort, Question
from router.shard.engine import ShardEngine
from router.shard.lanes import BatchId, Begun, Message
from router.shard.showing import newest_before, show_judged

I64 = npt.NDArray[np.int64]
_SENDER = 1 << 63  # with the epoch: no gateway's incarnation
_NOTHING_BACK = pa.RecordBatch.from_pylist([], schema=GIVEN_BACK)
_NO_ANSWER = np.zeros(0, np.uint8)


@dataclass(frozen=True)
class GrantBatch:
    """What one record of the ledger granted to orders of a shard."""

    epoch: int  # of the shard's log
    number: int  # from 1 in each epoch
    ledger_sequence: int
    grants: pa.RecordBatch  # GRANTS
    now_ms: int

    @property
    def batch_id(self) -> BatchId:
        return _SENDER | self.epoch, self.number


@dataclass
class _Work:
    given: pa.RecordBatch  # GRANTED
    rows: I64  # of the orders in the index
    judged: Judged


class GrantLane:
    kind = Kind.GRANTED
    outcome_kind = Kind.GRANTED_OUTCOMES

    def __init__(self, engine: ShardEngine, recall: Recollection) -> None:
        self._engine = engine
        self._recall = recall
        self.seen = 0  # newest record of the ledger whose grants were taken over

    def must_wait(self, batch: GrantBatch, shown: int) -> bool:
        places, _ = orders_granted(batch.grants)
        sequences = np.unique(sequence_of(places)).tolist()
        if any(self._engine.rows_under_way(sequence) is not None for sequence in sequences):
            return True
        return bool(self._engine.in_flight(self._rows_of(self._hashes_of(places)[1])).any())

    def _hashes_of(self, places: I64) -> tuple[list[str], npt.NDArray[np.uint64]]:
        """Ids of orders and their hashes, (n, 2)."""
        ids, hashes = [], []
        for place in places.tolist():
            given, row = self._recall.orders(sequence_of(place))[0], row_of(place)
            ids.append(given.column("order_id")[row].as_py())
            hashes.append([given.column(name)[row].as_py() for name in ("hash_hi", "hash_lo")])
        return ids, np.array(hashes, np.uint64).reshape(-1, 2)

    def _rows_of(self, hashes: npt.NDArray[np.uint64]) -> I64:
        return self._engine.index.find(*(np.ascontiguousarray(half) for half in hashes.T))

    def begin(self, batch: GrantBatch, sequence: int, first_sequence: int | None) -> Begun:
        begun = Begun(Kind.GRANTED, sequence, self._engine.tables_version, batch.now_ms, [])
        if batch.ledger_sequence > self.seen:
            ids, hashes = self._hashes_of(orders_granted(batch.grants)[0])
            given = granted_batch(batch.ledger_sequence, batch.grants, ids, hashes)
            begun.messages = [given]
            begun.work = self._take(given, sequence)
            begun.asks_after = newest_before(begun.work.judged, sequence)
        return begun

    def _take(self, given: pa.RecordBatch, sequence: int) -> _Work:
        rows = self._engine.index.find(numbers(given, "hash_hi"), numbers(given, "hash_lo"))
        judged = self._engine.books.take_granted(sequence, granted_of(given), rows)
        self.seen = max(self.seen, int(numbers(given, "ledger_sequence")[0]))
        return _Work(given, rows, judged)

    def ask(self, begun: Begun, question: Question, ledger: LedgerPort) -> None:
        moves = moves_of(begun.work.judged, self._engine.number)
        if moves.num_rows:
            ledger.move(question, moves, _NOTHING_BACK)

    def finish(self, begun: Begun) -> pa.RecordBatch:
        outcome = outcome_of(begun.work.judged)
        self._recall.keep(begun.sequence, begun.halves(begun.work.given, outcome))
        return outcome

    def show(self, begun: Begun) -> None:
        show_judged(self._engine, begun.sequence, begun.work.judged)

    def answer(self, begun: Begun) -> Message:
        return _NO_ANSWER

    def reopen(self, given: Record) -> Begun:
        granted = read_batch(given)
        begun = Begun(Kind.GRANTED, given.sequence, given.tables_version, given.now_ms, [granted])
        begun.work = self._take(granted, given.sequence)
        return begun

    def replay_input(self, given: Record) -> None:
        """Grants act with their outcome: batches before them, which may have none yet, know nothing of them."""

    def replay(self, given: Record, outcome: Record) -> None:
        granted = read_batch(given)
        work = self._take(granted, given.sequence)
        # Of an order that was closed meanwhile the book may still have been there: what else it answered is the same.
        found, told = work.judged.verdicts["result"], numbers(read_batch(outcome), "result")
        assert np.array_equal(found == layout.APPLIED, told == layout.APPLIED), (
            f"record {given.sequence} granted units to orders that do not wait for them now"
        )
        show_judged(self._engine, given.sequence, work.judged)

    def dump(self) -> dict[str, Any]:
        return {"grants_seen": np.array([self.seen], np.int64)}

    def restore(self, arrays: dict[str, Any]) -> None:
        self.seen = int(arrays["grants_seen"][0])
