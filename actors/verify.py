"""``order-router verify``: recompute a data folder from its logs and compare with what it claims.

logs: every checksum, every chain, no gap      shards: replay ─▶ state hash ══ checkpoint + tail ─▶ state hash
ledger: replay ─▶ conservation, state hash     every outcome ══ the ledger's decision for it
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actors.checkpoints import read_latest
from actors.data_folder import DataFolder
from actors.log_reader import LogReader
from actors.table_store import TableStore
from router.arena import PrivateArena
from router.columns import DECISION, OUTCOME
from router.config import Config
from router.ledger import LedgerEngine
from router.lifecycle import OrderState
from router.order_events import EventDesk
from router.order_index import OrderIndex
from router.records import INPUT, DamagedRecord, Kind, MissingRecord, read_batch
from router.replay import replay_ledger, replay_shard
from router.shard import ShardEngine

# What a decision says, without what commit adds to it.
_COMPARED = [name for name in DECISION.names if name != "reasons"]


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
        self.verdict = Verdict()

    def run(self) -> Verdict:
        ledger = LogReader(self._data.ledger, 1)
        self._guarded("ledger", lambda: self._ledger(ledger))
        for number in range(self._data.identity().shards):
            self._guarded(f"shard {number}", lambda number=number: self._shard(number, ledger))
        ledger.close()
        return self.verdict

    def _guarded(self, where: str, work: Callable[[], None]) -> None:
        """A damaged log ends the work on that log only; the others are still looked at."""
        try:
            work()
        except (DamagedRecord, MissingRecord) as fault:
            self._find(where, str(fault))

    def _find(self, where: str, what: str) -> None:
        self.verdict.findings.append(Finding(where, what))

    def _ledger(self, reader: LogReader) -> None:
        self._progress("ledger: replaying")
        engine = LedgerEngine(self._config.policy, PrivateArena())
        records = replay_ledger(engine, reader.iterate(1), self._tables.load)
        broken = engine.conservation()
        for cell in broken[:20]:
            self._find("ledger", f"{cell}: received differs from available + held + allocated + shipped")
        fresh = f"{engine.state_hash():016x}"
        kept, _ = read_latest(self._data.ledger)
        if kept is not None:
            resumed = LedgerEngine(self._config.policy, PrivateArena())
            resumed.restore(kept.arrays)
            replay_ledger(resumed, reader.iterate(kept.sequence + 1, kept.chains), self._tables.load)
            if f"{resumed.state_hash():016x}" != fresh:
                self._find("ledger", "checkpoint and tail give another state than a replay of the whole log")
        self.verdict.ledger = {
            "records": records,
            "state_hash": fresh,
            "conservation_broken_cells": len(broken),
            "totals": engine.totals(),
        }

    def _shard(self, number: int, ledger: LogReader) -> None:
        folder = self._data.shard(number)
        reader = LogReader(folder, 2)
        self._progress(f"shard {number}: replaying")
        engine, desk = self._engine(number)
        replayed = replay_shard(engine, desk, reader.iterate(1), _forget)
        fresh = f"{engine.state_hash():016x}{desk.state_hash():016x}"
        kept, _ = read_latest(folder)
        if kept is not None:
            resumed, resumed_desk = self._engine(number)
            for prefix, index in (("orders-", resumed.index), ("events-", resumed_desk.seen)):
                index.restore([kept.arrays[name] for name in sorted(kept.arrays) if name.startswith(prefix)])
            replay_shard(resumed, resumed_desk, reader.iterate(kept.sequence + 1, kept.chains), _forget)
            if f"{resumed.state_hash():016x}{resumed_desk.state_hash():016x}" != fresh:
                self._find(f"shard {number}", "checkpoint and tail give another state than a replay of the whole log")
        self._progress(f"shard {number}: comparing with the ledger")
        compared = self._compare(number, reader, ledger)
        states = np.bincount(engine.index.state(np.arange(engine.index.count)) & 31, minlength=len(OrderState))
        self.verdict.shards.append(
            {
                "shard": number,
                "orders": engine.index.count,
                "batches": replayed.batches,
                "unfinished": len(replayed.unfinished),
                "decisions_compared": compared,
                "states": {s.name.lower(): int(states[s]) for s in OrderState if states[s]},
                "state_hash": fresh,
            }
        )
        reader.close()

    def _engine(self, number: int) -> tuple[ShardEngine, EventDesk]:
        engine = ShardEngine(number, self._key, self._config, PrivateArena())
        return engine, EventDesk(self._key, engine.index, OrderIndex(PrivateArena()))

    def _compare(self, number: int, reader: LogReader, ledger: LogReader) -> int:
        """Every outcome carries exactly what the ledger decided for it."""
        compared = 0
        for sequence, part, record in reader.iterate(1):
            if part == INPUT or record.kind is not Kind.OUTCOMES:
                continue
            at = ledger.find_batch(number, sequence)
            decision = None if at is None else ledger.read(at, INPUT)
            where = f"shard {number}, sequence {sequence}"
            if decision is None:
                self._find(where, "the ledger has no decision for this outcome")
                continue
            outcome = read_batch(record, 0, OUTCOME)
            if not outcome.select(_COMPARED).equals(read_batch(decision, 1, DECISION).select(_COMPARED)):
                self._find(where, "the outcome differs from the ledger's decision")
            compared += outcome.num_rows
        return compared


def _forget(_batch_id: tuple[int, int], _sequence: int) -> None:
    """Batch ids matter to a running gateway only."""
