"""``order-router verify``: recompute a data folder from its logs and compare with what it claims.

tables: every file's checksum                  every order has its document
logs: every checksum, every chain, no gap      shards: replay ─▶ state hash ══ checkpoint + tail ─▶ state hash
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

from actors.checkpoints import Checkpoint, read_latest
from actors.data_folder import DataFolder
from actors.log_reader import LogReader
from actors.table_store import TableStore
from router.arena import PrivateArena
from router.columns import ADMITTED, DECISION, OUTCOME
from router.config import Config
from router.errors import RouterError
from router.ledger import LedgerEngine
from router.lifecycle import OrderState
from router.order_events import EventDesk
from router.order_index import OrderIndex
from router.records import INPUT, Kind, Record, read_batch, read_documents
from router.replay import replay_ledger, replay_shard
from router.shard import ShardEngine

# What a decision says, without what commit adds to it.
_COMPARED = [name for name in DECISION.names if name != "reasons"]
FINDINGS_MAX = 20  # of one place; the rest is counted
# Replaying records that are whole but were written by no router trips over any of these.
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


class Verifier:
    """Works on a folder that nobody writes; reads everything, changes nothing."""

    def __init__(self, data: DataFolder, config: Config, progress: Callable[[str], None]) -> None:
        self._data = data
        self._config = config
        self._progress = progress
        self._key = data.key()
        self._tables = TableStore(data.tables)
        self._asked: Counter[int] = Counter()  # shard -> newest sequence that the ledger has answered
        self._found: Counter[str] = Counter()
        self.verdict = Verdict()

    def run(self) -> Verdict:
        self._guarded("tables", self._check_tables)
        with contextlib.closing(LogReader(self._data.ledger, 1)) as ledger:
            self._guarded("ledger", lambda: self._ledger(ledger))
            for number in range(self._data.identity().shards):
                with contextlib.closing(LogReader(self._data.shard(number), 2)) as reader:
                    self._guarded(f"shard {number}", functools.partial(self._shard, number, reader, ledger))
        for where, count in self._found.items():
            if count > FINDINGS_MAX:
                self.verdict.findings.append(Finding(where, f"and {count - FINDINGS_MAX:,} findings more"))
        return self.verdict

    def _guarded(self, where: str, work: Callable[[], None]) -> None:
        """A damaged part ends the work on that part only; the others are still looked at."""
        try:
            work()
        except RouterError as fault:
            self._find(where, str(fault))
        except lmdb.Error as fault:
            self._find(where, f"LMDB cannot read its file ({fault}); restore this folder from a copy")
        except _NONSENSE as fault:
            said = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
            self._find(where, f"a record is whole but makes no sense here ({said}); restore this folder from a copy")

    def _find(self, where: str, what: str) -> None:
        self._found[where] += 1
        if self._found[where] <= FINDINGS_MAX:
            self.verdict.findings.append(Finding(where, what))

    def _check_tables(self) -> None:
        self._progress("tables: reading")
        for fault in self._tables.faults():
            self._find("tables", fault)

    # --- the ledger ------------------------------------------------------------------------------

    def _ledger(self, reader: LogReader) -> None:
        self._progress("ledger: replaying")
        engine = LedgerEngine(self._config.policy, PrivateArena())
        records = replay_ledger(engine, self._noting_shards(reader.iterate(1)), self._tables.load)
        broken = engine.conservation()
        for cell in broken:
            self._find("ledger", f"{cell}: received differs from available + held + allocated + shipped")
        fresh = f"{engine.state_hash():016x}"
        self.verdict.ledger = {
            "records": records,
            "state_hash": fresh,
            "conservation_broken_cells": len(broken),
            "totals": engine.totals(),
        }
        kept = self._checkpoint("ledger", self._data.ledger)
        if kept is not None:
            resumed = LedgerEngine(self._config.policy, PrivateArena())
            resumed.restore(kept.arrays)
            replay_ledger(resumed, reader.iterate(kept.sequence + 1, kept.chains), self._tables.load)
            self._compare_hashes("ledger", kept, f"{resumed.state_hash():016x}", fresh)

    def _noting_shards(self, records: Iterator[tuple[int, int, Record]]) -> Iterator[tuple[int, int, Record]]:
        for sequence, part, record in records:
            if record.kind in (Kind.DECISION, Kind.MOVES):
                self._asked[record.batch_number] = max(self._asked[record.batch_number], record.batch_id)
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

    def _shard(self, number: int, reader: LogReader, ledger: LogReader) -> None:
        where = f"shard {number}"
        self._progress(f"{where}: replaying")
        engine, desk = self._engine(number)
        replayed = replay_shard(engine, desk, reader.iterate(1), _forget)
        fresh = f"{engine.state_hash():016x}{desk.state_hash():016x}"
        states = np.bincount(engine.index.state(np.arange(engine.index.count)) & 31, minlength=len(OrderState))
        said = {
            "shard": number,
            "orders": engine.index.count,
            "batches": replayed.batches,
            "unfinished": len(replayed.unfinished),
            "decisions_compared": 0,
            "states": {s.name.lower(): int(states[s]) for s in OrderState if states[s]},
            "state_hash": fresh,
        }
        self.verdict.shards.append(said)
        self._check_end(where, number, reader)
        self._progress(f"{where}: comparing with the ledger")
        said["decisions_compared"] = self._compare(number, reader, ledger)
        kept = self._checkpoint(where, self._data.shard(number))
        if kept is not None:
            resumed, resumed_desk = self._engine(number)
            for prefix, index in (("orders-", resumed.index), ("events-", resumed_desk.seen)):
                index.restore([kept.arrays[name] for name in sorted(kept.arrays) if name.startswith(prefix)])
            replay_shard(resumed, resumed_desk, reader.iterate(kept.sequence + 1, kept.chains), _forget)
            self._compare_hashes(where, kept, f"{resumed.state_hash():016x}{resumed_desk.state_hash():016x}", fresh)

    def _engine(self, number: int) -> tuple[ShardEngine, EventDesk]:
        engine = ShardEngine(number, self._key, self._config, PrivateArena())
        return engine, EventDesk(self._key, engine.index, OrderIndex(PrivateArena()))

    def _check_end(self, where: str, number: int, reader: LogReader) -> None:
        """A batch is on disk before the ledger is asked, so a log never ends before the ledger's answers."""
        last, asked = reader.last_sequence(INPUT), self._asked[number]
        if last < asked:
            self._find(
                where,
                f"its log ends at record {last}, but the ledger has answered record {asked}: the end of the log is "
                "missing; restore this folder from a copy",
            )

    def _compare(self, number: int, reader: LogReader, ledger: LogReader) -> int:
        """Every order has its document, and every outcome carries exactly what the ledger decided for it."""
        compared, newest_tables = 0, self._tables.current()
        for sequence, part, record in reader.iterate(1):
            if record.tables_version > newest_tables:
                self._find(f"shard {number}", f"record {sequence} names tables {record.tables_version}, not in tables/")
            if record.kind is Kind.ORDERS:
                self._check_documents(number, sequence, record, reader)
            elif part != INPUT and record.kind is Kind.OUTCOMES:
                compared += self._compare_outcome(number, sequence, record, ledger)
        return compared

    def _check_documents(self, number: int, sequence: int, record: Record, reader: LogReader) -> None:
        kept = reader.read_documents(sequence)
        orders = read_batch(record, 0, ADMITTED).num_rows
        documents = 0 if kept is None else read_documents(kept).num_rows
        if orders != documents:
            self._find(f"shard {number}", f"record {sequence} has {orders} orders, but {documents} documents are there")

    def _compare_outcome(self, number: int, sequence: int, record: Record, ledger: LogReader) -> int:
        at = ledger.find_batch(number, sequence)
        decision = None if at is None else ledger.read(at, INPUT)
        if decision is None:
            self._find(f"shard {number}", f"record {sequence} part 1: the ledger has no decision for this outcome")
            return 0
        outcome = read_batch(record, 0, OUTCOME)
        if not outcome.select(_COMPARED).equals(read_batch(decision, 1, DECISION).select(_COMPARED)):
            what = f"record {sequence} part 1: the outcome differs from the ledger's decision, record {at}"
            self._find(f"shard {number}", what)
        return outcome.num_rows


def _forget(_batch_id: tuple[int, int], _sequence: int) -> None:
    """Batch ids matter to a running gateway only."""
