"""The whole router in one process: the same engines and paths, called one after the other.

For ``route`` (offline), tests, simulation and what-if runs. Logs and the clock are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from router.arrow.arena import PrivateArena
from router.config import Config
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath
from router.ledger.turns import Alone, LedgerTurns, NoCheckpoints
from router.life.events import EventDesk, EventRow
from router.log.index import OrderIndex
from router.pipeline import OrderBatch, ShardPath
from router.ports import Log
from router.shard.engine import ShardEngine
from router.shard.split_batch import Decided, merge_answers, split_batch
from router.tables.compiled import Tables, TablesOf, UnknownTables
from router.wire.batch import WireBatch

U64 = npt.NDArray[np.uint64]


class LocalRouter:
    """Shards and ledger of one configuration; ``log_of(name, parts)`` gives each owner its log."""

    def __init__(self, config: Config, key: U64, log_of: Callable[[str, int], Log]) -> None:
        self._key = key
        ledger_log = log_of("ledger", 1)
        path = LedgerPath(LedgerEngine(config.policy, PrivateArena()), ledger_log)
        self._tables_of: TablesOf = _no_tables
        self.ledger = LedgerTurns(path, ledger_log, lambda version: self._tables_of(version), Alone(), NoCheckpoints())
        self.shards = [
            _shard_path(number, config, key, log_of(f"shard-{number:03d}", 2), self.ledger)
            for number in range(config.shards)
        ]
        self._life = 1
        self._batches = 0

    def use_tables(self, tables: Tables) -> None:
        self.ledger.use_tables(tables)
        for shard in self.shards:
            shard.engine.use_tables(tables)

    def recover(self, tables_of: TablesOf) -> None:
        """Replay every log; the ledger first, because shards ask it to finish what was under way."""
        self._tables_of = tables_of
        self.ledger.recover(1)
        for shard in self.shards:
            shard.recover(1, tables_of)
        # Batch ids of earlier lives are remembered: each life that logged a batch began at another number.
        self._life = 1 + sum(shard.last_sequence for shard in self.shards)

    def submit(self, wire: WireBatch, now_ms: int) -> Decided:
        """ACK rows of a decoded batch, in the order of its rows."""
        parts = split_batch(wire, self._key, len(self.shards))
        answers = [
            self.shards[part.shard].submit(OrderBatch(self._batch_id(), part.orders, part.skus, part.documents, now_ms))
            for part in parts
        ]
        return merge_answers(wire, parts, answers)

    def submit_events(self, shard: int, rows: list[EventRow], now_ms: int) -> list[dict[str, Any]]:
        return self.shards[shard].submit_events(self._batch_id(), rows, now_ms)

    def state_hashes(self) -> list[int]:
        """One number per owner: equal states have equal hashes."""
        shards = [number for path in self.shards for number in (path.engine.state_hash(), path.desk.state_hash())]
        return [*shards, self.ledger.path.engine.state_hash()]

    def _batch_id(self) -> tuple[int, int]:
        self._batches += 1
        return (self._life, self._batches)


def _no_tables(version: int) -> Tables:
    raise UnknownTables(version)


def _shard_path(number: int, config: Config, key: U64, log: Log, ledger: LedgerTurns) -> ShardPath:
    engine = ShardEngine(number, key, config, PrivateArena())
    desk = EventDesk(key, engine.index, OrderIndex(PrivateArena()))
    return ShardPath(engine, desk, log, ledger, key)
