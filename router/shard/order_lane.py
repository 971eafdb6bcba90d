"""Orders: admitted, decided by the ledger, committed; repeats are answered from what is known."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from router.arrow.arrays import Bytes, from_message, to_message, to_stream
from router.arrow.selection import select
from router.log.columns import OUTCOME, QUOTE, WIRE, WIRE_SKUS
from router.log.kinds import Kind
from router.log.recall import Recollection
from router.log.records import Record, read_batch
from router.log.reference import sequence_of
from router.ports import LedgerPort, Question
from router.shard.acknowledge import acknowledge, first_answers
from router.shard.engine import Admitted, ShardEngine, reopened
from router.shard.give_back import Givers
from router.shard.lanes import BatchId, Begun, Message
from router.tables.compiled import TablesOf, UnknownTables

_NO_OUTCOME = pa.RecordBatch.from_pylist([], schema=OUTCOME)


@dataclass(frozen=True)
class OrderBatch:
    """What a gateway hands to a shard."""

    batch_id: BatchId
    orders: Bytes | Message  # IPC message of WIRE
    skus: Bytes | Message  # IPC message of WIRE_SKUS
    documents: Bytes | Message  # IPC stream, one row per order
    now_ms: int


class OrderLane:
    kind = Kind.ORDERS
    outcome_kind = Kind.OUTCOMES

    def __init__(self, engine: ShardEngine, recall: Recollection, tables_of: TablesOf, givers: Givers) -> None:
        self._engine = engine
        self._recall = recall
        self._tables_of = tables_of
        self._givers = givers

    def must_wait(self, batch: OrderBatch, shown: int) -> bool:
        """What it repeats is waited for before it is answered."""
        return False

    def begin(self, batch: OrderBatch, sequence: int, first_sequence: int | None) -> Begun:
        wire = from_message(batch.orders, WIRE)
        skus = from_message(batch.skus, WIRE_SKUS).column("sku")
        admitted = self._engine.admit(wire, skus, sequence, batch.now_ms, first_sequence)
        begun = Begun(Kind.ORDERS, sequence, admitted.tables_version, batch.now_ms, [], work=admitted)
        begun.first_sequence = first_sequence
        if len(admitted.reference):
            begun.waits_for = int(sequence_of(admitted.reference).max())
        if admitted.new.num_rows:
            self._givers.note(sequence, begun.tables_version, batch.now_ms)
            begun.messages = [admitted.new]
            begun.documents = _documents_of(batch, admitted)
        return begun

    def ask(self, begun: Begun, question: Question, ledger: LedgerPort) -> None:
        begun.decision = ledger.decide(question, begun.work.claims)

    def finish(self, begun: Begun) -> pa.RecordBatch:
        try:
            outcome = self._engine.commit(begun.work, begun.decision)
        except UnknownTables as missing:
            self._engine.add_tables(self._tables_of(missing.version))
            outcome = self._engine.commit(begun.work, begun.decision)
        self._recall.keep(begun.sequence, begun.halves(begun.work.new, outcome))
        return outcome

    def show(self, begun: Begun) -> None:
        """The index took their state when it was decided; readers see it by the sequence alone."""

    def answer(self, begun: Begun) -> Message:
        outcome = _NO_OUTCOME if begun.outcome is None else begun.outcome
        answers = acknowledge(begun.work, outcome, self._recall, begun.first_sequence)
        return to_message(answers)

    def quote(self, orders: Bytes | Message, skus: Bytes | Message, now_ms: int, ledger: LedgerPort) -> Message:
        """QUOTE rows as if the orders were sent now; nothing is taken, logged or remembered."""

        def ask(tables_version: int, claims: pa.RecordBatch) -> pa.RecordBatch:
            return ledger.quote(tables_version, claims, now_ms)

        wire, items = from_message(orders, WIRE), from_message(skus, WIRE_SKUS).column("sku")
        admitted, outcome = self._engine.quote(wire, items, now_ms, ask)
        cost = QUOTE.field("cost_minor")
        return to_message(first_answers(0, admitted, outcome).append_column(cost, outcome.column(cost.name)))

    def reopen(self, given: Record) -> Begun:
        admitted = reopened(given.sequence, given.tables_version, given.now_ms, read_batch(given))
        return Begun(
            Kind.ORDERS, given.sequence, given.tables_version, given.now_ms, [admitted.new], work=admitted
        )  # fmt: skip

    def replay_input(self, given: Record) -> None:
        self._givers.note(given.sequence, given.tables_version, given.now_ms)
        self._engine.replay_admitted(given.sequence, read_batch(given))

    def replay(self, given: Record, outcome: Record) -> None:
        self._engine.apply_outcome(given.sequence, read_batch(given), read_batch(outcome))


def _documents_of(batch: OrderBatch, admitted: Admitted) -> memoryview:
    """Documents of the rows that are new, as an IPC stream; as they came where all are."""
    if len(admitted.new_at) == admitted.sent:
        return memoryview(batch.documents)  # type: ignore[arg-type]
    with pa.ipc.open_stream(pa.py_buffer(batch.documents)) as stream:
        return memoryview(to_stream(select(stream.read_next_batch(), admitted.new_at)))  # type: ignore[arg-type]
