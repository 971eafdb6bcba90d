"""``order-router verify``: recompute a data folder from its logs and compare with what it claims.

files: every page where LMDB put it            tables: every file's checksum
logs: every checksum, every chain, no gap      every order has its document
books: every unit that an order holds lies in the ledger's cells, and no other
by_batch: every answer is found again          shards: replay ─▶ state hash ══ checkpoint + tail ─▶ state hash
ledger: replay ─▶ conservation, state hash     every outcome ══ the ledger's decision for it
no shard's log ends before what the ledger decided for it
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import lmdb
import numpy as np
import pyarrow as pa

from actors.care.reading.apart import ReaderEnded, apart
from actors.care.reading.log_check import check_structure, entry_faults, epoch_faults
from actors.care.reading.page_format import BrokenPages, Layout
from actors.store.checkpoints import Checkpoint, read_latest
from actors.store.data_folder import DataFolder
from actors.store.log_reader import LogReader
from actors.store.table_store import TableStore
from router.arrow.arena import PrivateArena
from router.config import Config
from router.errors import RouterError
from router.ledger.engine import LedgerEngine
from router.ledger.replay import replay_ledger
from router.ledger.state import can_restore
from router.life.states import OrderState
from router.log.columns import DECISION
from router.log.kinds import QUESTIONS, Kind
from router.log.records import INPUT, Record, read_batch, read_documents
from router.log.tail import FIRST_SEQUENCE
from router.pipeline import ShardPath
from router.queries.balance import BookUnits, LedgerUnits, books_of, can_compare, cells_of, differences, faults_of
from router.replay import NoLedger, Replay, ReplayedLog
from router.shard.engine import ShardEngine

# What a decision says, without what commit adds to it.
_COMPARED = [name for name in DECISION.names if name != "reasons"]
FINDINGS_MAX = 20  # of one place; the rest is counted
# Replaying records that are whole but were written by no router trips over any of these.
RESTORE = "restore this folder from a backup"
_NONSENSE = (pa.ArrowInvalid, AssertionError, IndexError, KeyError, ValueError)


@dataclass
class Finding:
    """One thing that is wrong, in words."""

    where: str
    what: str


@dataclass
class Verdict:
    shards: list[dict[str, Any]] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        hashes = [shard["state_hash"] for shard in self.shards] + [self.ledger.get("state_hash", "")]
        return {
            "ok": not self.findings,
            "orders": sum(shard["orders"] for shard in self.shards),
            "state_hash": hashlib.blake2b("".join(hashes).encode(), digest_size=8).hexdigest(),
            "shards": self.shards,
            "ledger": self.ledger,
            "findings": [{"where": finding.where, "what": finding.what} for finding in self.findings],
        }


@dataclass
class _Told:
    """What one part of the work found out, sent back by the process that did it."""

    said: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    asked: Counter[int] = field(default_factory=Counter)  # shard -> newest sequence that the ledger has answered
    cells: LedgerUnits | None = None  # of the ledger
    books: BookUnits | None = None  # of a shard
    pages_whole: bool = False


class Verifier:
    """Works on a folder that nobody writes; reads everything, changes nothing.

    Every part is looked at by a process of its own: a page that the disk cannot give ends that process only.
    """

    def __init__(self, data: DataFolder, config: Config, progress: Callable[[str], None]) -> None:
        self._data = data
        self._config = config
        self._progress = progress
        self._key = data.key()
        self._tables = TableStore(data.tables)
        self._asked: Counter[int] = Counter()
        self._ledger_whole = False
        self._told = _Told()
        self.verdict = Verdict()

    def run(self) -> Verdict:
        self._apart("tables", self._check_tables)
        ledger = self._apart("ledger", self._with_ledger)
        self.verdict.ledger, self._asked, self._ledger_whole = ledger.said, ledger.asked, ledger.pages_whole
        books: list[BookUnits | None] = []
        for number in range(self._data.identity().shards):
            told = self._apart(f"shard {number}", functools.partial(self._with_shard, number))
            books.append(told.books)
            if told.said:
                self.verdict.shards.append(told.said)
        self._balance(ledger.cells, books)
        return self.verdict

    def _balance(self, cells: LedgerUnits | None, books: list[BookUnits | None]) -> None:
        """Units that orders hold by their books lie in the ledger's cells, and no others."""
        if cells is None or None in books:
            return
        known = [each for each in books if each is not None]
        last = self.verdict.ledger["records"]
        for shard in known:
            if shard.grants_seen > last:
                what = f"it has taken over grants of record {shard.grants_seen} of the ledger, which ends at {last}"
                self.verdict.findings.append(Finding(f"shard {shard.shard}", f"{what}; {RESTORE}"))
        faults = [Finding("ledger", f"{fault}; {RESTORE}") for fault in differences(cells, known)]
        self.verdict.findings += faults[:FINDINGS_MAX]
        self.verdict.ledger["balanced_with_books"] = can_compare(known) and not faults

    def _apart(self, where: str, work: Callable[[], None]) -> _Told:
        """A damaged part ends the work on that part only; the others are still looked at."""

        def tell(show: Callable[[str], None]) -> _Told:
            self._progress, self._told = show, _Told()
            self._guarded(where, work)
            return self._told

        try:
            told = apart(tell, self._progress)
        except ReaderEnded as ended:
            told = _Told(findings=[Finding(where, f"{ended}; {RESTORE}")])
        self.verdict.findings += told.findings[:FINDINGS_MAX]
        if len(told.findings) > FINDINGS_MAX:
            more = len(told.findings) - FINDINGS_MAX
            self.verdict.findings.append(Finding(where, f"and {more:,} findings more"))
        return told

    def _guarded(self, where: str, work: Callable[[], None]) -> None:
        try:
            work()
        except BrokenPages as fault:
            self._find(where, f"{fault}; {RESTORE}")
        except RouterError as fault:
            self._find(where, str(fault))
        except (lmdb.Error, OSError) as fault:
            self._find(where, f"its file cannot be read ({fault}); {RESTORE}")
        except _NONSENSE as fault:
            said = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
            self._find(where, f"a record is whole but makes no sense here ({said}); {RESTORE}")

    def _find(self, where: str, what: str) -> None:
        self._told.findings.append(Finding(where, what))

    def _find_all(self, where: str, faults: Iterator[str]) -> None:
        for fault in faults:
            self._find(where, f"{fault}; {RESTORE}")

    def _check_tables(self) -> None:
        self._progress("tables: reading")
        for fault in self._tables.faults():
            self._find("tables", fault)

    def _check_structure(self, where: str, folder: pathlib.Path) -> Layout | None:
        """LMDB may open the file only when this has not raised."""
        self._progress(f"{where}: checking pages")
        layout = check_structure(folder)
        self._told.pages_whole = True
        return layout

    # --- the ledger ------------------------------------------------------------------------------

    def _with_ledger(self) -> None:
        layout = self._check_structure("ledger", self._data.ledger)
        with contextlib.closing(LogReader(self._data.ledger, 1)) as reader:
            self._ledger(reader)
            if layout is not None:
                self._find_all("ledger", epoch_faults(reader))
                self._find_all("ledger", entry_faults(reader, 1, len(layout.values[b"by_batch"])))

    def _ledger(self, reader: LogReader) -> None:
        self._progress("ledger: replaying")
        engine = LedgerEngine(self._config.policy, PrivateArena())
        records = replay_ledger(engine, self._noting_shards(reader.iterate(FIRST_SEQUENCE)), self._tables.load)
        broken = engine.conservation()
        for cell in broken:
            self._find("ledger", f"{cell}: received differs from the sum of its accounts")
        fresh = f"{engine.state_hash():016x}"
        self._told.said = {
            "records": records,
            "state_hash": fresh,
            "conservation_broken_cells": len(broken),
            "totals": engine.totals(),
        }
        self._told.cells = cells_of(engine)
        kept = self._checkpoint("ledger", self._data.ledger)
        if kept is not None and can_restore(kept.arrays):
            resumed = LedgerEngine(self._config.policy, PrivateArena())
            resumed.restore(kept.arrays)
            replay_ledger(resumed, reader.iterate(kept.sequence + 1, kept.chains), self._tables.load)
            self._compare_hashes("ledger", kept, f"{resumed.state_hash():016x}", fresh)

    def _noting_shards(self, records: Iterator[tuple[int, int, Record]]) -> Iterator[tuple[int, int, Record]]:
        for sequence, part, record in records:
            if record.kind in QUESTIONS:
                asked = self._told.asked
                asked[record.batch_number] = max(asked[record.batch_number], record.batch_id)
            yield sequence, part, record

    def _checkpoint(self, where: str, folder: pathlib.Path) -> Checkpoint | None:
        """The newest whole one. Damaged ones do no harm, but somebody should know."""
        kept, passed_over = read_latest(folder)
        for sentence in passed_over:
            self._find(where, f"{sentence}; nothing is lost, the log has it all: remove the file")
        return kept

    def _compare_hashes(self, where: str, kept: Checkpoint, resumed: str, fresh: str) -> None:
        if resumed != fresh:
            self._find(
                where,
                f"checkpoint-{kept.sequence}.bin and the log after it give another state than a replay of the whole "
                "log; remove the checkpoints, the next start replays the log",
            )

    # --- shards ----------------------------------------------------------------------------------

    def _with_shard(self, number: int) -> None:
        layout = self._check_structure(f"shard {number}", self._data.shard(number))
        with (
            contextlib.closing(LogReader(self._data.shard(number), 2)) as reader,
            contextlib.closing(LogReader(self._data.ledger, 1)) as ledger,
        ):
            self._shard(number, reader, ledger)
            if layout is not None:
                self._find_all(f"shard {number}", epoch_faults(reader))

    def _shard(self, number: int, reader: LogReader, ledger: LogReader) -> None:
        where = f"shard {number}"
        self._progress(f"{where}: replaying")
        path, replay = self._replayed(number, reader, None)
        engine, fresh = path.engine, _hash_of(path)
        states = np.bincount(engine.index.state(np.arange(engine.index.count)) & 31, minlength=len(OrderState))
        said = {
            "shard": number,
            "orders": engine.index.count,
            "open_books": engine.books.count,
            "batches": replay.batches,
            "unfinished": len(replay.unfinished),
            "decisions_compared": 0,
            "states": {s.name.lower(): int(states[s]) for s in OrderState if states[s]},
            "state_hash": fresh,
        }
        self._told.said = said
        self._check_end(where, number, reader)
        self._progress(f"{where}: comparing with the ledger")
        said["decisions_compared"] = self._compare(number, reader, ledger, engine)
        comparable = not replay.unfinished and not replay.before_books
        self._told.books = books_of(engine, path.grants.seen, comparable)
        kept = self._checkpoint(where, self._data.shard(number))
        if kept is not None and ShardPath.can_restore(kept.arrays):
            resumed, _ = self._replayed(number, reader, kept)
            self._compare_hashes(where, kept, _hash_of(resumed), fresh)

    def _replayed(self, number: int, reader: LogReader, kept: Checkpoint | None) -> tuple[ShardPath, Replay]:
        """A shard as its log tells it, from the beginning or from a checkpoint on."""
        engine = ShardEngine(number, self._key, self._config, PrivateArena())
        policy_of = self._tables.policies(self._config.policy)
        path = ShardPath(engine, ReplayedLog(reader), NoLedger(), self._tables.load, policy_of)
        replay = Replay(path.lanes, _forget)
        if kept is None:
            replay.run(reader.iterate(FIRST_SEQUENCE))
        else:
            path.restore(kept.arrays)
            replay.run(reader.iterate(kept.sequence + 1, kept.chains))
        return path, replay

    def _check_end(self, where: str, number: int, reader: LogReader) -> None:
        """A batch is on disk before the ledger is asked, so a log never ends before the ledger's answers."""
        last, asked = reader.last_sequence(INPUT), self._asked[number]
        if last < asked:
            self._find(
                where,
                f"its log ends at record {last}, but the ledger has answered record {asked}: the end of the log is "
                f"missing; {RESTORE}",
            )

    def _compare(self, number: int, reader: LogReader, ledger: LogReader, engine: ShardEngine) -> int:
        """Every order has its document, every outcome carries exactly what the ledger decided for it, and every open
        book holds what was ordered."""
        compared = 0
        for sequence, part, record in reader.iterate(FIRST_SEQUENCE):
            if record.kind is Kind.OUTCOMES:
                self._check_books(number, sequence, record, reader, engine)
            if record.kind in (Kind.ORDERS, Kind.EVENTS):
                self._check_documents(number, sequence, record, reader)
            elif part != INPUT and record.kind is Kind.OUTCOMES and self._ledger_whole:
                compared += self._compare_outcome(number, sequence, record, ledger)
        return compared

    def _check_books(self, number: int, sequence: int, outcome: Record, reader: LogReader, engine: ShardEngine) -> None:
        given = reader.read(sequence, INPUT)
        assert given is not None, "it was replayed a moment ago"
        orders = read_batch(given)
        for row, fault in faults_of(engine, orders, read_batch(outcome)):
            order_id = orders.column("order_id")[row].as_py()
            self._find(f"shard {number}", f'record {sequence} row {row}, order "{order_id}": {fault}')

    def _check_documents(self, number: int, sequence: int, record: Record, reader: LogReader) -> None:
        """Every order has its document; a batch of events in which nobody wrote anything has none."""
        kept = reader.read_documents(sequence)
        if kept is None and record.kind is Kind.EVENTS:
            return
        rows, what = read_batch(record).num_rows, record.kind.name.lower()
        documents = 0 if kept is None else read_documents(kept).num_rows
        if rows != documents:
            self._find(f"shard {number}", f"record {sequence} has {rows} {what}, but {documents} documents are there")

    def _compare_outcome(self, number: int, sequence: int, record: Record, ledger: LogReader) -> int:
        at = ledger.find_batch(number, sequence)
        decision = None if at is None else ledger.read(at.sequence, INPUT)
        if at is None or decision is None:
            self._find(f"shard {number}", f"record {sequence} part 1: the ledger has no decision for this outcome")
            return 0
        outcome = read_batch(record)
        if not outcome.select(_COMPARED).equals(read_batch(decision, 1).select(_COMPARED)):
            what = f"record {sequence} part 1: the outcome differs from the ledger's decision, record {at.sequence}"
            self._find(f"shard {number}", what)
        return int(outcome.num_rows)


def _hash_of(path: ShardPath) -> str:
    return "".join(f"{number:016x}" for number in path.engine.state_hash())


def _forget(_batch_id: tuple[int, int], _sequence: int) -> None:
    """Batch ids matter to a running gateway only."""
