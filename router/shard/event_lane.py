"""Events: judged on the books when they come in, so that batches need not wait for each other; shown when durable.

    begin    Books.judge: done in memory, one batch seeing what those before it did
    ask      the ledger moves the cells; what only it can say (amendments) it answers
    finish   EVENT_OUTCOME
    show     the order index takes state and version; books of closed orders are let go

A batch waits only for orders it names whose decision or amendment is under way. An order that was closed has no book:
what comes later is judged on the book that its history gives (``router/shard/history.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life import layout
from router.arrow.arrays import from_message, numbers, to_message
from router.config import Policy
from router.life.books import Judged
from router.life.events import judged_of, last_applied, moves_of, outcome_of, sent_before_books, sent_of
from router.life.states import ORDER_BITS, OrderState
from router.log.columns import EVENT_PAYLOAD, EVENTS, GIVEN_BACK, MOVES
from router.log.kinds import Kind
from router.log.recall import Recollection
from router.log.records import Record, read_batch
from router.log.reference import references
from router.ports import LedgerPort, Log, Question
from router.shard.amends import Amending
from router.shard.event_answers import answers_of
from router.shard.give_back import Givers
from router.shard.engine import ShardEngine
from router.shard.history import History
from router.shard.lanes import Begun, Message
from router.wire.event_batch import EventBatch

I64 = npt.NDArray[np.int64]
_FALLS_AT = {"ship": layout.STAGE_SHIPPED, "pack": layout.STAGE_PACKED}
_NOTHING_BACK = pa.RecordBatch.from_pylist([], schema=GIVEN_BACK)


@dataclass
class EventWork:
    """A batch of events between begin and show."""

    events: pa.RecordBatch
    sent: layout.Sent
    rows: I64  # of the orders in the index, -1 unknown
    judged: Judged
    moves: pa.RecordBatch
    given_back: pa.RecordBatch
    amending: Amending
    reopened: I64  # rows of closed orders whose books were made again for this batch


class EventLane:
    kind = Kind.EVENTS
    outcome_kind = Kind.EVENT_OUTCOMES

    def __init__(self, engine: ShardEngine, recall: Recollection, log: Log, policy: Policy) -> None:
        self._engine = engine
        self._recall = recall
        self._falls_at = _FALLS_AT[policy.on_hand_falls]
        self._history = History(engine, log)
        self._givers = Givers(engine, recall, policy)

    def names(self, batch: EventBatch) -> I64:
        events = from_message(batch.events, EVENTS)
        return self._engine.index.find(numbers(events, "hash_hi"), numbers(events, "hash_lo"))

    def begin(self, batch: EventBatch, sequence: int, first_sequence: int | None) -> Begun:
        version = self._engine.tables_version
        begun = Begun(Kind.EVENTS, sequence, version, batch.now_ms, [], first_sequence=first_sequence)
        if first_sequence is None:
            events, payload = from_message(batch.events, EVENTS), from_message(batch.payload, EVENT_PAYLOAD)
            begun.messages = [events, payload]
            begun.documents = None if batch.documents is None else memoryview(batch.documents)  # type: ignore[arg-type]
            begun.work = self._judge(events, sequence, batch.now_ms)
        return begun

    def _judge(self, events: pa.RecordBatch, sequence: int, now_ms: int) -> EventWork:
        rows = self._engine.index.find(numbers(events, "hash_hi"), numbers(events, "hash_lo"))
        reopened = self._history.reopen_closed(rows)
        sent = sent_of(events)
        judged = self._engine.books.judge(sequence, sent, rows, self._falls_at)
        moves = moves_of(judged, self._engine.number)
        amending = Amending.of(self._engine, self._recall, events, sent, rows, judged)
        return EventWork(
            events, sent, rows, judged, moves, self._givers.of(judged, now_ms), amending, reopened
        )  # fmt: skip

    def ask(self, begun: Begun, question: Question, ledger: LedgerPort) -> None:
        work: EventWork = begun.work
        if work.amending.any:
            begun.decision = ledger.amend(question, work.amending.amends, work.moves, work.given_back)
        elif work.moves.num_rows or work.given_back.num_rows:
            ledger.move(question, work.moves, work.given_back)

    def finish(self, begun: Begun) -> pa.RecordBatch:
        work: EventWork = begun.work
        if work.amending.any:
            work.judged = work.amending.settle(begun.sequence, begun.decision)
        outcome = outcome_of(work.judged)
        self._recall.keep(begun.sequence, Kind.EVENTS, begun.tables_version, work.events, outcome)
        return outcome

    def answer(self, begun: Begun) -> Message:
        if begun.first_sequence is not None:
            halves = self._recall.halves(begun.first_sequence)
            rows = self._engine.index.find(numbers(halves.given, "hash_hi"), numbers(halves.given, "hash_lo"))
            return to_message(answers_of(halves.outcome, rows, self._engine.books))
        assert begun.outcome is not None
        return to_message(answers_of(begun.outcome, begun.work.rows, self._engine.books))

    def show(self, begun: Begun) -> None:
        work: EventWork = begun.work
        self._show(begun.sequence, work.judged)
        self._engine.books.end(work.reopened)

    def _show(self, sequence: int, judged: Judged) -> None:
        """The index takes what is durable; closed orders let their books go."""
        last = last_applied(judged)
        verdicts, index = judged.verdicts[last], self._engine.index
        rows = verdicts["row"]
        index.set_state(rows, verdicts["after"], verdicts["version"].astype(np.uint32))
        index.set_reference(rows, references(sequence, len(judged.verdicts))[last])
        closed = rows[verdicts["after"] & ORDER_BITS == OrderState.CLOSED]
        if len(closed):
            self._engine.books.end(closed)

    def reopen(self, given: Record) -> Begun:
        events = read_batch(given)
        begun = Begun(Kind.EVENTS, given.sequence, given.tables_version, given.now_ms, [events])
        begun.work = self._judge(events, given.sequence, given.now_ms)
        return begun

    def replay_input(self, given: Record) -> None:
        """Events act with their outcome."""

    def replay(self, given: Record, outcome: Record) -> None:
        events = read_batch(given)
        rows = self._engine.index.find(numbers(events, "hash_hi"), numbers(events, "hash_lo"))
        judged = judged_of(read_batch(outcome))
        judged.verdicts["row"] = rows
        applied = judged.verdicts["result"] == layout.APPLIED
        reopened = self._history.reopen_closed(np.where(applied, rows, -1))
        if outcome.version:
            self._engine.books.apply(given.sequence, sent_of(events), rows, judged)
        else:
            sent = sent_before_books(events, self._engine.key)
            judged = self._engine.books.apply_before_books(given.sequence, sent, rows, judged)
        self._show(given.sequence, judged)
        self._engine.books.end(reopened)

    def dump(self) -> dict[str, Any]:
        return self._givers.dump()

    def restore(self, arrays: dict[str, Any]) -> None:
        self._givers.restore(arrays)
