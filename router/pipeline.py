"""The path of an order, in one file. Every box is a function or method of that name.

      gateway                     order shard                          ledger
    ───────────        ──────────────────────────────────        ──────────────────
    decode, split ───▶ begin:  engine.admit
                               log part 0  ───────(durable)──▶   begin:  engine.decide
                                                                         log
                       decide: ask the ledger  ◀──(durable)───   finish: publish cells
                       finish: engine.commit
                               log part 1
    acknowledge  ◀─────        engine.acknowledge (durable)

``ShardPath`` and ``LedgerPath`` hold an engine, its log and nothing else. They are synchronous: ``submit``
walks the whole path in one call (``route``, tests, simulation), while an actor calls ``begin``, ``decide`` and
``finish`` itself so that several batches are under way at once. ``begin`` and ``finish`` must be called one at a
time, ``finish`` in the order of ``begin``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import Bytes, from_message, to_message, to_stream
from router.arrow.selection import select
from router.life.events import EventDesk, EventRow, Moves, event_results, events_batch
from router.log.columns import ACK, OUTCOME, QUOTE, WIRE, WIRE_SKUS
from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART, frame, read_batch, serialize
from router.ports import Log
from router.replay import decoded, replay_shard
from router.shard.acknowledge import acknowledge, first_answers
from router.shard.engine import Admitted, ShardEngine, reopened
from router.tables.compiled import TablesOf, UnknownTables

Message = npt.NDArray[np.uint8]
RECALLED_ORDERS_MAX = 1 << 17  # in decoded sequences kept for duplicates and events; some 500 bytes each
BATCH_IDS_KEPT = 4_096
_NO_OUTCOME = pa.RecordBatch.from_pylist([], schema=OUTCOME)


class LedgerPort(Protocol):
    """The ledger as a shard sees it: in this process, or behind an actor call that is retried until answered."""

    def decide(
        self, shard: int, sequence: int, epoch: int, tables_version: int, claims: pa.RecordBatch, now_ms: int
    ) -> pa.RecordBatch:
        """DECISION of CLAIMS, durable; the same (shard, sequence) always gets the same answer."""

    def move(self, shard: int, sequence: int, epoch: int, moves: Moves, now_ms: int) -> None:
        """Apply the stock moves of an event batch, durable; idempotent by (shard, sequence)."""

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """What decide would answer now; takes nothing."""


@dataclass(frozen=True)
class OrderBatch:
    """What a gateway hands to a shard."""

    batch_id: tuple[int, int]  # gateway incarnation, its batch number
    orders: Bytes | Message  # IPC message of WIRE
    skus: Bytes | Message  # IPC message of WIRE_SKUS
    documents: Bytes | Message  # IPC stream, one row per order
    now_ms: int


@dataclass
class Pending:
    """A batch between begin and finish."""

    admitted: Admitted
    batch_id: tuple[int, int]
    ticket: int | None  # of part 0; None where nothing is new
    waits_for: int  # newest sequence that must be committed before this batch can be acknowledged
    first_sequence: int | None  # the batch was begun before under this sequence
    decision: pa.RecordBatch | None = None


class Recollection:
    """Earlier records of a shard's log, decoded, the last few kept."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kept: OrderedDict[int, tuple[Kind, pa.RecordBatch, pa.RecordBatch]] = OrderedDict()
        self._rows = 0

    def keep(self, sequence: int, kind: Kind, given: pa.RecordBatch, outcome: pa.RecordBatch) -> None:
        assert sequence not in self._kept
        self._kept[sequence] = (kind, given, outcome)
        self._rows += given.num_rows
        while self._rows > RECALLED_ORDERS_MAX and len(self._kept) > 1:
            _, (_, oldest, _) = self._kept.popitem(last=False)
            self._rows -= oldest.num_rows

    def orders(self, sequence: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """ADMITTED and OUTCOME of a sequence."""
        kind, given, outcome = self._recall(sequence)
        assert kind is Kind.ORDERS
        return given, outcome

    def orders_of(self, references: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """:meth:`order_of` for many references."""
        found = references.copy()
        sequences = references >> np.uint64(16)
        for sequence in np.unique(sequences):
            if self._recall(int(sequence))[0] is not Kind.ORDERS:
                at = np.flatnonzero(sequences == sequence)
                found[at] = [self.order_of(int(reference)) for reference in references[at]]
        return found

    def order_of(self, reference: int) -> int:
        """Reference of the ORDERS record of the order whose newest record is ``reference``."""
        kind, _, outcome = self._recall(reference >> 16)
        if kind is Kind.ORDERS:
            return reference
        return int(outcome.column("order")[reference & 0xFFFF].as_py())

    def _recall(self, sequence: int) -> tuple[Kind, pa.RecordBatch, pa.RecordBatch]:
        if sequence in self._kept:
            self._kept.move_to_end(sequence)
            return self._kept[sequence]
        given, outcome = self._log.read(sequence, INPUT), self._log.read(sequence, OUTCOME_PART)
        assert given is not None and outcome is not None, f"sequence {sequence} is indexed but not in the log"
        self.keep(sequence, given.kind, *decoded(given, outcome))
        return self._kept[sequence]


class ShardPath:
    """One shard: engine, event desk and log, and the way to the ledger."""

    def __init__(
        self, engine: ShardEngine, desk: EventDesk, log: Log, ledger: LedgerPort, key: npt.NDArray[np.uint64]
    ) -> None:
        self.engine = engine
        self.desk = desk
        self.log = log
        self.recall = Recollection(log)
        self._ledger = ledger
        self._key = key
        self._next = log.last_sequence(INPUT) + 1
        self._batches: OrderedDict[tuple[int, int], int] = OrderedDict()  # batch id -> sequence
        self.committed = log.last_sequence(OUTCOME_PART)

    @property
    def last_sequence(self) -> int:
        """Of the newest batch that was begun."""
        return self._next - 1

    # --- orders ----------------------------------------------------------------------------------

    def submit(self, batch: OrderBatch) -> Message:
        """The whole path in one call: ACK, one row per row sent, when everything is durable."""
        pending = self.begin(batch)
        self.decide(pending)
        acknowledgement, ticket = self.finish(pending)
        if ticket is not None:
            self.log.wait(ticket)
            self.published(pending.admitted.sequence)
        return acknowledgement

    def begin(self, batch: OrderBatch) -> Pending:
        """Admit a batch and queue its input for the disk."""
        wire = from_message(batch.orders, WIRE)
        skus = from_message(batch.skus, WIRE_SKUS).column("sku")
        first_sequence = self._batches.get(batch.batch_id)
        admitted = self.engine.admit(wire, skus, self._next, batch.now_ms, first_sequence)
        pending = Pending(admitted, batch.batch_id, None, self.committed, first_sequence)
        references = admitted.reference >> np.uint64(16)
        if len(references):
            pending.waits_for = int(references.max())
        if admitted.new.num_rows:
            self._next += 1
            self._remember(batch.batch_id, admitted.sequence)
            record = frame(
                Kind.ORDERS,
                INPUT,
                admitted.sequence,
                [serialize(admitted.new)],
                tables_version=admitted.tables_version,
                now_ms=batch.now_ms,
                batch_id=batch.batch_id[0],
                batch_number=batch.batch_id[1],
            )
            pending.ticket = self.log.append(admitted.sequence, INPUT, record, documents=_documents_of(batch, admitted))
        return pending

    def decide(self, pending: Pending) -> None:
        """When the input is durable, ask the ledger; may run beside other batches."""
        admitted = pending.admitted
        if pending.ticket is None:
            return
        self.log.wait(pending.ticket)
        pending.decision = self._ask(admitted)

    def _ask(self, admitted: Admitted) -> pa.RecordBatch:
        return self._ledger.decide(
            self.engine.number,
            admitted.sequence,
            self.log.epoch,
            admitted.tables_version,
            admitted.claims,
            admitted.now_ms,
        )

    def finish(self, pending: Pending) -> tuple[Message, int | None]:
        """Commit in sequence order; the acknowledgement counts once the returned ticket is durable."""
        admitted = pending.admitted
        outcome, ticket = _NO_OUTCOME, None
        if pending.decision is not None:
            outcome, ticket = self._commit(admitted, pending.decision)
        assert self.committed >= pending.waits_for, "acknowledged before the orders it repeats"
        answers = acknowledge(self.engine.number, admitted, outcome, self.recall, pending.first_sequence)
        return to_message(answers), ticket

    def _commit(self, admitted: Admitted, decision: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
        assert admitted.sequence > self.committed, "commits happen once and in sequence order"
        outcome = self.engine.commit(admitted, decision)
        ticket = self._log_outcome(Kind.OUTCOMES, admitted.sequence, outcome, admitted.tables_version, admitted.now_ms)
        self.recall.keep(admitted.sequence, Kind.ORDERS, admitted.new, outcome)
        return outcome, ticket

    def _log_outcome(self, kind: Kind, sequence: int, outcome: pa.RecordBatch, tables_version: int, now_ms: int) -> int:
        record = frame(kind, OUTCOME_PART, sequence, [serialize(outcome)], tables_version=tables_version, now_ms=now_ms)
        ticket = self.log.append(sequence, OUTCOME_PART, record)
        self.committed = sequence
        return ticket

    @property
    def shown(self) -> int:
        """The newest sequence that readers may see."""
        return int(self.engine.index.committed_sequence)

    def published(self, sequence: int) -> None:
        """Tell readers that everything up to ``sequence`` is durable."""
        self.engine.index.committed_sequence = max(self.engine.index.committed_sequence, sequence)

    def _remember(self, batch_id: tuple[int, int], sequence: int) -> None:
        self._batches[batch_id] = sequence
        while len(self._batches) > BATCH_IDS_KEPT:
            self._batches.popitem(last=False)

    def quote(self, orders: Bytes | Message, skus: Bytes | Message, now_ms: int) -> Message:
        """QUOTE rows as if the orders were sent now; nothing is taken, logged or remembered."""

        def ask(tables_version: int, claims: pa.RecordBatch) -> pa.RecordBatch:
            return self._ledger.quote(tables_version, claims, now_ms)

        wire, items = from_message(orders, WIRE), from_message(skus, WIRE_SKUS).column("sku")
        admitted, outcome = self.engine.quote(wire, items, now_ms, ask)
        cost = QUOTE.field("cost_minor")
        return to_message(first_answers(0, admitted, outcome).append_column(cost, outcome.column(cost.name)))

    # --- events ----------------------------------------------------------------------------------

    def submit_events(self, batch_id: tuple[int, int], rows: list[EventRow], now_ms: int) -> list[dict[str, Any]]:
        """Lifecycle events, whole path; no order batch may be under way."""
        known = self._batches.get(batch_id)
        if known is not None:
            return self._answers_of(known)
        events = events_batch(rows, self._key, now_ms)
        sequence = self._next
        self._next += 1
        record = frame(
            Kind.EVENTS,
            INPUT,
            sequence,
            [serialize(events)],
            tables_version=self.engine.tables_version,
            now_ms=now_ms,
            batch_id=batch_id[0],
            batch_number=batch_id[1],
        )
        self.log.wait(self.log.append(sequence, INPUT, record))
        self._remember(batch_id, sequence)
        return event_results(events, self._finish_events(sequence, events, now_ms))

    def _finish_events(self, sequence: int, events: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        outcome, moves = self.desk.decide(events, sequence, self.recall)
        if moves:
            self._ledger.move(self.engine.number, sequence, self.log.epoch, moves, now_ms)
        ticket = self._log_outcome(Kind.EVENT_OUTCOMES, sequence, outcome, self.engine.tables_version, now_ms)
        self.log.wait(ticket)
        self.recall.keep(sequence, Kind.EVENTS, events, outcome)
        self.published(sequence)  # first: the index then names a record that readers may see
        self.desk.apply(sequence, events, outcome)
        return outcome

    def _answers_of(self, sequence: int) -> list[dict[str, Any]]:
        given, outcome = self.log.read(sequence, INPUT), self.log.read(sequence, OUTCOME_PART)
        assert given is not None and outcome is not None
        return event_results(*decoded(given, outcome))

    # --- recovery --------------------------------------------------------------------------------

    def recover(self, from_sequence: int, tables_of: TablesOf, chains: list[int] | None = None) -> int:
        """Replay the log from a sequence on and finish what was under way; returns the batches replayed."""
        replayed = replay_shard(self.engine, self.desk, self.log.iterate(from_sequence, chains), self._remember)
        for sequence in replayed.unfinished:
            self._finish_interrupted(sequence, tables_of)
        self.published(self.committed)
        return replayed.batches

    def _finish_interrupted(self, sequence: int, tables_of: TablesOf) -> None:
        given = self.log.read(sequence, INPUT)
        assert given is not None
        if given.kind is Kind.EVENTS:
            self._finish_events(sequence, read_batch(given), given.now_ms)
            return
        admitted = reopened(sequence, given.tables_version, given.now_ms, read_batch(given))
        decision = self._ask(admitted)
        try:
            _, ticket = self._commit(admitted, decision)
        except UnknownTables as missing:
            self.engine.add_tables(tables_of(missing.version))
            _, ticket = self._commit(admitted, decision)
        self.log.wait(ticket)


def _documents_of(batch: OrderBatch, admitted: Admitted) -> memoryview:
    """Documents of the rows that are new, as an IPC stream; as they came where all are."""
    if len(admitted.new_at) == admitted.sent:
        return memoryview(batch.documents)  # type: ignore[arg-type]
    with pa.ipc.open_stream(pa.py_buffer(batch.documents)) as stream:
        return memoryview(to_stream(select(stream.read_next_batch(), admitted.new_at)))  # type: ignore[arg-type]


def ack_batch(message: Message) -> pa.RecordBatch:
    """ACK rows of an answer of :meth:`ShardPath.submit`."""
    return from_message(message, ACK)
