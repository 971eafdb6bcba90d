"""A shard's log: replayed, its orders have their documents and books, and its outcomes are the ledger's decisions."""

from __future__ import annotations

import contextlib

import numpy as np

from actors.care.reading.apart import Show
from actors.care.reading.log_check import epoch_faults
from actors.care.verdict import RESTORE, Told
from actors.care.verify_part import PartCheck
from actors.store.checkpoints import Checkpoint
from actors.store.data_folder import DataFolder
from actors.store.log_reader import LogReader
from actors.store.table_store import TableStore
from router.arrow.arena import PrivateArena
from router.config import Config
from router.ledger.number_series import runs_in
from router.life.states import OrderState
from router.log.columns import DECISION
from router.log.kinds import Kind
from router.log.records import INPUT, Record, read_batch, read_documents
from router.log.steps import OrderHistory
from router.log.tail import FIRST_SEQUENCE
from router.pipeline import ShardPath
from router.queries import ViewTerms
from router.queries.balance import books_of, faults_of
from router.queries.invoice_balance import document_faults
from router.queries.invoices import documents_of
from router.queries.number_balance import given_in, taken_by
from router.replay import NoLedger, Replay, ReplayedLog
from router.shard.engine import ShardEngine

# What a decision says, without what commit adds to it.
NUMBERED_SINCE = 2  # version of the outcomes of events that have numbers
ORDERS_FOLDED_MAX = 2_000  # the newest ones whose documents are told and added up: a millisecond or two each
_COMPARED = [name for name in DECISION.names if name != "reasons"]


class ShardCheck(PartCheck):
    """``ledger`` is what was found out about the ledger before."""

    def __init__(
        self,
        number: int,
        data: DataFolder,
        config: Config,
        tables: TableStore,
        ledger: Told,
        told: Told,
        show: Show,
    ) -> None:
        super().__init__(f"shard {number}", data.shard(number), told, show)
        self._number = number
        self._data = data
        self._key = data.key()
        self._config = config
        self._tables = tables
        self._ledger = ledger

    def run(self) -> None:
        layout = self.check_structure()
        with (
            contextlib.closing(LogReader(self.folder, 2)) as reader,
            contextlib.closing(LogReader(self._data.ledger, 1)) as ledger,
        ):
            self._replay(reader, ledger)
            if layout is not None:
                self.find_all(epoch_faults(reader))

    def _replay(self, reader: LogReader, ledger: LogReader) -> None:
        self.show("replaying")
        path, replay = self._replayed(reader, None)
        engine, fresh = path.engine, _hash_of(path)
        states = np.bincount(engine.index.state(np.arange(engine.index.count)) & 31, minlength=len(OrderState))
        said = {
            "shard": self._number,
            "orders": engine.index.count,
            "open_books": engine.books.count,
            "batches": replay.batches,
            "unfinished": len(replay.unfinished),
            "decisions_compared": 0,
            "documents": 0,
            "states": {s.name.lower(): int(states[s]) for s in OrderState if states[s]},
            "state_hash": fresh,
        }
        self.told.said = said
        self._check_end(reader)
        self.show("comparing with the ledger")
        said["decisions_compared"] = self._compare(reader, ledger, engine)
        said["documents"] = self._compare_numbers(reader, ledger, engine, is_whole=not replay.unfinished)
        comparable = not replay.unfinished and not replay.before_books
        self.told.books = books_of(engine, path.grants.seen, comparable)
        kept = self.checkpoint()
        if kept is not None and ShardPath.can_restore(kept.arrays):
            resumed, _ = self._replayed(reader, kept)
            self.compare_hashes(kept, _hash_of(resumed), fresh)

    def _replayed(self, reader: LogReader, kept: Checkpoint | None) -> tuple[ShardPath, Replay]:
        """A shard as its log tells it, from the beginning or from a checkpoint on."""
        engine = ShardEngine(self._number, self._key, self._config, PrivateArena())
        policy_of = self._tables.policies(self._config.policy)
        path = ShardPath(engine, ReplayedLog(reader), NoLedger(), self._tables.load, policy_of)
        replay = Replay(path.lanes, _forget)
        if kept is None:
            replay.run(reader.iterate(FIRST_SEQUENCE))
        else:
            path.restore(kept.arrays)
            replay.run(reader.iterate(kept.sequence + 1, kept.chains))
        return path, replay

    def _check_end(self, reader: LogReader) -> None:
        """A batch is on disk before the ledger is asked, so a log never ends before the ledger's answers."""
        last, asked = reader.last_sequence(INPUT), self._ledger.asked[self._number]
        if last < asked:
            self.find(
                f"its log ends at record {last}, but the ledger has answered record {asked}: the end of the log is "
                f"missing; {RESTORE}"
            )

    def _compare(self, reader: LogReader, ledger: LogReader, engine: ShardEngine) -> int:
        """Every order has its document, every outcome carries exactly what the ledger decided for it, and every open
        book holds what was ordered."""
        compared = 0
        for sequence, part, record in reader.iterate(FIRST_SEQUENCE):
            if record.kind is Kind.OUTCOMES:
                self._check_books(sequence, record, reader, engine)
            if record.kind in (Kind.ORDERS, Kind.EVENTS):
                self._check_documents(sequence, record, reader)
            elif part != INPUT and record.kind is Kind.OUTCOMES and self._ledger.pages_whole:
                compared += self._compare_outcome(sequence, record, ledger)
        return compared

    def _check_books(self, sequence: int, outcome: Record, reader: LogReader, engine: ShardEngine) -> None:
        given = reader.read(sequence, INPUT)
        assert given is not None, "it was replayed a moment ago"
        orders = read_batch(given)
        for row, fault in faults_of(engine, orders, read_batch(outcome)):
            order_id = orders.column("order_id")[row].as_py()
            self.find(f'record {sequence} row {row}, order "{order_id}": {fault}')

    def _check_documents(self, sequence: int, record: Record, reader: LogReader) -> None:
        """Every order has its document; a batch of events in which nobody wrote anything has none."""
        kept = reader.read_documents(sequence)
        if kept is None and record.kind is Kind.EVENTS:
            return
        rows, what = read_batch(record).num_rows, record.kind.name.lower()
        documents = 0 if kept is None else read_documents(kept).num_rows
        if rows != documents:
            self.find(f"record {sequence} has {rows} {what}, but {documents} documents are there")

    def _compare_outcome(self, sequence: int, record: Record, ledger: LogReader) -> int:
        at = ledger.find_batch(self._number, sequence)
        decision = None if at is None else ledger.read(at.sequence, INPUT)
        if at is None or decision is None:
            self.find(f"record {sequence} part 1: the ledger has no decision for this outcome")
            return 0
        outcome = read_batch(record)
        if not outcome.select(_COMPARED).equals(read_batch(decision, 1).select(_COMPARED)):
            what = f"record {sequence} part 1: the outcome differs from the ledger's decision, record {at.sequence}"
            self.find(what)
        return int(outcome.num_rows)

    def _compare_numbers(self, reader: LogReader, ledger: LogReader, engine: ShardEngine, is_whole: bool) -> int:
        """Documents have the numbers that the ledger gave their batch, and all of these; those of the newest orders add
        up to what the orders cost."""
        taken = 0
        for sequence, _, record in reader.iterate(FIRST_SEQUENCE) if self._ledger.pages_whole else ():
            if record.kind is Kind.EVENT_OUTCOMES and record.version >= NUMBERED_SINCE:
                taken += self._compare_batch(sequence, record, reader, ledger, engine)
        given = self._ledger.numbers.get(self._number, 0)
        if is_whole and self._ledger.pages_whole and taken != given:
            self.find(
                f"its events have {taken} numbers of invoices and credit notes, the ledger gave it {given}; {RESTORE}"
            )
        self._fold_documents(reader, engine)
        return taken

    def _compare_batch(
        self, sequence: int, record: Record, reader: LogReader, ledger: LogReader, engine: ShardEngine
    ) -> int:
        given, outcome = reader.read(sequence, INPUT), read_batch(record)
        assert given is not None, "it was replayed a moment ago"
        taken = taken_by(read_batch(given), outcome, engine)
        if not taken:
            return 0
        at = ledger.find_batch(self._number, sequence)
        answer = None if at is None else ledger.read(at.sequence, INPUT)
        if answer is None or given_in(runs_in(answer)) != taken:
            self.find(f"record {sequence} part 1: its documents have other numbers than the ledger gave it; {RESTORE}")
        return len(taken)

    def _fold_documents(self, reader: LogReader, engine: ShardEngine) -> None:
        newest_tables = self._tables.load(self._tables.current())
        terms = ViewTerms(self._key, self._tables.load, lambda *_: newest_tables, self._config)
        for newest in engine.index.reference(engine.origins.invoiced()[-ORDERS_FOLDED_MAX:]).tolist():
            order, made = documents_of(OrderHistory(reader, newest), reader, terms)
            for fault in document_faults(order, made):
                self.find(f'order "{order.given["order_id"]}": {fault}')


def _hash_of(path: ShardPath) -> str:
    return "".join(f"{number:016x}" for number in path.engine.state_hash())


def _forget(_batch_id: tuple[int, int], _sequence: int) -> None:
    """Batch ids matter to a running gateway only."""
