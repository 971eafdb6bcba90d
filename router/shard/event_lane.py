"""Events: judged on the books when they come in, so that batches need not wait for each other; shown when durable.

    begin    Books.judge: done in memory, one batch seeing what those before it did
    ask      the ledger moves the cells; what only it can say (amendments) it answers
    finish   EVENT_OUTCOME
    show     the order index takes state and version; books of closed orders are let go

A batch waits only for orders it names whose decision or amendment is under way, or of which it has to know what
happened before. An order that was closed has no book:
what comes later is judged on the book that its history gives (``router/shard/history.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life import layout
from router.arrow.arrays import from_message, numbers, to_message
from router.life.before_books import judge_again
from router.life.books import Judged
from router.life.event_types import OrderEvent
from router.life.events import judged_of, moves_of, outcome_of, sent_before_books, sent_of
from router.life.reversing import Reversing
from router.log.columns import EVENT_PAYLOAD, EVENTS
from router.log.kinds import Kind
from router.log.recall import Recollection
from router.log.records import Record, read_batch
from router.ports import LedgerPort, Log, Question
from router.shard.asking import Asking
from router.shard.engine import ShardEngine
from router.shard.event_answers import answers_of
from router.shard.give_back import Givers
from router.shard.history import History, LookedBack
from router.shard.lanes import BatchId, Begun, Message, PolicyOf
from router.shard.numbering import Numbering, numbering_of
from router.shard.showing import newest_before, show_judged
from router.tables.compiled import TablesOf
from router.wire.event_batch import EventBatch

I64 = npt.NDArray[np.int64]
_FALLS_AT = {"ship": layout.STAGE_SHIPPED, "pack": layout.STAGE_PACKED}

# Events that are decided by what happened to their order before: the log must have it.
_BY_HISTORY = (OrderEvent.REVERSE, OrderEvent.REFUSE, OrderEvent.SHORT_PICK)


@dataclass
class EventWork:
    """A batch of events between begin and show."""

    events: pa.RecordBatch
    rows: I64  # of the orders in the index, -1 unknown
    asking: Asking
    moves: pa.RecordBatch
    given_back: pa.RecordBatch
    numbering: Numbering
    closed: I64  # rows of orders that are closed and still have a book

    @property
    def moved(self) -> tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]:
        """What the ledger is asked for, beside amendments."""
        return self.moves, self.given_back, self.numbering.question


class _LookedUp(NamedTuple):
    """The batch that was looked at last."""

    batch: EventBatch
    events: pa.RecordBatch
    rows: I64  # of the orders in the index, -1 unknown
    orders: int  # that were known then


class EventLane:
    kind = Kind.EVENTS
    outcome_kind = Kind.EVENT_OUTCOMES

    def __init__(
        self, engine: ShardEngine, recall: Recollection, log: Log, tables_of: TablesOf, policy_of: PolicyOf
    ) -> None:
        self._engine = engine
        self._recall = recall
        self._tables_of = tables_of
        self._policy_of = policy_of
        self._history = History(engine, log)
        self._reversing = Reversing(engine.key)
        self.givers = Givers(engine, recall, policy_of)
        self._unshown: list[EventWork] = []
        self._looked_up: _LookedUp | None = None
        self._looked_back: dict[BatchId, LookedBack] = {}  # of batches that have not begun

    def must_wait(self, batch: EventBatch, shown: int) -> bool:
        events, rows = self._look_up(batch)
        if self._engine.in_flight(rows).any():
            return True
        of_history = rows[np.isin(numbers(events, "event"), _BY_HISTORY) & (rows >= 0)]
        return len(of_history) > 0 and bool((self._engine.books.newest_sequence(of_history) > shown).any())

    def looks_back(self, batch: EventBatch) -> Callable[[], None] | None:
        """What is to be read before a batch begins, beside everything else; None where there is nothing."""
        lacking = self._history.lacking(self._look_up(batch)[1])
        if batch.batch_id in self._looked_back or not len(lacking.rows):
            return None

        def look_back() -> None:
            self._looked_back[batch.batch_id] = self._history.look_back(lacking)

        return look_back

    def _look_up(self, batch: EventBatch) -> tuple[pa.RecordBatch, I64]:
        """A batch's events and the rows of their orders, looked up once for whether it must wait and for its begin."""
        last, orders = self._looked_up, self._engine.index.count
        if last is None or last.batch is not batch:
            events = from_message(batch.events, EVENTS)
            self._looked_up = last = _LookedUp(batch, events, self._rows_of(events), orders)
        elif last.orders != orders:
            self._looked_up = last = last._replace(rows=self._rows_of(last.events), orders=orders)
        return last.events, last.rows

    def _rows_of(self, events: pa.RecordBatch) -> I64:
        return self._engine.index.find(numbers(events, "hash_hi"), numbers(events, "hash_lo"))

    def begin(self, batch: EventBatch, sequence: int, first_sequence: int | None) -> Begun:
        version = self._engine.tables_version
        begun = Begun(Kind.EVENTS, sequence, version, batch.now_ms, [], first_sequence=first_sequence)
        looked_back = self._looked_back.pop(batch.batch_id, None)
        if first_sequence is None:
            events, rows = self._look_up(batch)
            self._looked_up = None
            begun.messages = [events, from_message(batch.payload, EVENT_PAYLOAD)]
            begun.documents = None if batch.documents is None else memoryview(batch.documents)  # type: ignore[arg-type]
            begun.work = self._judge(events, sent_of(events), rows, begun, looked_back)
            begun.asks_after = newest_before(begun.work.asking.judged, sequence)
        return begun

    def _judge(
        self,
        events: pa.RecordBatch,
        sent: layout.Sent,
        rows: I64,
        begun: Begun,
        looked_back: LookedBack | None = None,
    ) -> EventWork:
        books = self._engine.books
        policy = self._policy_of(begun.tables_version)
        self._history.reopen_closed(rows, looked_back)
        judged = books.judge(begun.sequence, sent, rows, _FALLS_AT[policy.on_hand_falls])
        self._name_rejected(judged)
        asking = Asking(self._engine, begun.sequence, sent, rows, judged)
        asking.reverse(events, self._history, self._reversing)
        asking.prepare(self._recall, self._history, lambda: self._tables_of(begun.tables_version))
        moves = moves_of(asking.judged, self._engine.number)
        given_back = self.givers.of(asking.judged, begun.now_ms, policy)
        numbering = numbering_of(
            numbers(events, "event"), asking.judged, self._engine.origins, begun.tables_version, policy,
            asking.taken_back,
        )  # fmt: skip
        closed = np.unique(rows[books.are_closed(rows)])
        work = EventWork(events, rows, asking, moves, given_back, numbering, closed)
        self._unshown.append(work)
        return work

    def _name_rejected(self, judged: Judged) -> None:
        """Where an order was rejected there is no book that knows its state; the index does."""
        verdicts = judged.verdicts
        at = np.flatnonzero((verdicts["result"] == layout.REFUSED) & (verdicts["refusal"] == layout.REJECTED))
        if len(at):
            verdicts["before"][at] = verdicts["after"][at] = self._engine.index.state(verdicts["row"][at])

    def ask(self, begun: Begun, question: Question, ledger: LedgerPort) -> None:
        work: EventWork = begun.work
        amends = work.asking.amends
        if amends.num_rows:
            assert not any(asked.num_rows for asked in work.moved), "a batch asks or moves, see split_events.py"
            begun.decision = ledger.amend(question, amends)
        elif any(asked.num_rows for asked in work.moved):
            begun.decision = ledger.move(question, *work.moved)

    def finish(self, begun: Begun) -> pa.RecordBatch:
        work: EventWork = begun.work
        if work.asking.amends.num_rows:
            work.asking.answered(begun.decision)
        outcome = outcome_of(work.asking.judged, *work.numbering.columns(work.events.num_rows, begun.decision))
        self._recall.keep(begun.sequence, begun.halves(work.events, outcome))
        return outcome

    def answer(self, begun: Begun) -> Message:
        if begun.first_sequence is not None:
            halves = self._recall.halves(begun.first_sequence)
            return to_message(answers_of(halves.outcome, self._rows_of(halves.given), self._engine.books))
        assert begun.outcome is not None
        return to_message(answers_of(begun.outcome, begun.work.rows, self._engine.books))

    def show(self, begun: Begun) -> None:
        """Closed orders let their books go, unless a batch that was judged on one is still to be shown."""
        work: EventWork = begun.work
        show_judged(self._engine, begun.sequence, work.asking.judged)
        self._unshown.remove(work)
        named = [other.rows for other in self._unshown]
        self._engine.books.end(np.setdiff1d(work.closed, np.concatenate([np.zeros(0, np.int64), *named])))

    def reopen(self, given: Record) -> Begun:
        events = read_batch(given)
        begun = Begun(Kind.EVENTS, given.sequence, given.tables_version, given.now_ms, [events])
        begun.work = self._judge(events, self._sent_in(given, events), self._rows_of(events), begun)
        return begun

    def _sent_in(self, given: Record, events: pa.RecordBatch) -> layout.Sent:
        """What a stored batch says; of an input from before books the outcome may have been written since."""
        return sent_of(events) if given.version else sent_before_books(events, self._engine.key)

    def replay_input(self, given: Record) -> None:
        """Events act with their outcome."""

    def replay(self, given: Record, outcome: Record) -> None:
        events, told, books = read_batch(given), read_batch(outcome), self._engine.books
        sent, rows, judged = self._sent_in(given, events), self._rows_of(events), judged_of(told)
        judged.verdicts["row"] = rows
        applied = np.where(judged.verdicts["result"] == layout.APPLIED, rows, -1)
        self._history.reopen_closed(applied)
        if outcome.version:
            books.apply(given.sequence, sent, rows, judged)
        else:
            judged = judge_again(books, given.sequence, sent, rows, judged)
        show_judged(self._engine, given.sequence, judged)
        documents = numbers(told, "document")
        self._engine.origins.made(rows[documents > 0], documents[documents > 0])
        books.end(applied[books.are_closed(applied)])

    def dump(self) -> dict[str, Any]:
        return self.givers.dump()

    def restore(self, arrays: dict[str, Any]) -> None:
        self.givers.restore(arrays)
