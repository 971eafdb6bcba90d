"""The whole router in one process: the same engines and paths, called one after the other.

For ``route`` (offline), tests, simulation and what-if runs. Logs and the clock are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arena import PrivateArena
from router.config import Config
from router.ledger.engine import LedgerEngine
from router.ledger.path import Answer, LedgerPath
from router.life.events import EventDesk, EventRow, Moves
from router.log.index import OrderIndex
from router.pipeline import OrderBatch, ShardPath
from router.ports import Log
from router.shard.engine import ShardEngine
from router.shard.split_batch import Decided, merge_answers, split_batch
from router.tables.compiled import Tables
from router.wire.batch import WireBatch

U64 = npt.NDArray[np.uint64]


class DirectLedger:
    """Satisfies ``pipeline.LedgerPort`` by calling the ledger's path."""

    def __init__(self, path: LedgerPath, log: Log) -> None:
        self.path = path
        self._log = log

    def decide(
        self, shard: int, sequence: int, epoch: int, tables_version: int, claims: pa.RecordBatch, now_ms: int
    ) -> pa.RecordBatch:
        return self._settled(self.path.decide(shard, sequence, epoch, tables_version, claims, now_ms))

    def move(self, shard: int, sequence: int, epoch: int, moves: Moves, now_ms: int) -> None:
        self._settled(self.path.move(shard, sequence, epoch, moves, now_ms))

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        return self.path.quote(tables_version, claims, now_ms)

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        return self._settled(self.path.stock(movements, now_ms))

    def _settled(self, answer: Answer) -> pa.RecordBatch:
        if answer.ticket:
            self._log.wait(answer.ticket)
            self.path.publish(answer)
        return answer.batch


class LocalRouter:
    """Shards and ledger of one configuration; ``log_of(name, parts)`` gives each owner its log."""

    def __init__(self, config: Config, key: U64, log_of: Callable[[str, int], Log]) -> None:
        self._key = key
        ledger_log = log_of("ledger", 1)
        self.ledger = DirectLedger(LedgerPath(LedgerEngine(config.policy, PrivateArena()), ledger_log), ledger_log)
        self.shards = [
            _shard_path(number, config, key, log_of(f"shard-{number:03d}", 2), self.ledger)
            for number in range(config.shards)
        ]
        self._life = 1
        self._batches = 0

    def use_tables(self, tables: Tables) -> None:
        self.ledger.path.engine.use_tables(tables)
        for shard in self.shards:
            shard.engine.use_tables(tables)

    def recover(self, tables_of: Callable[[int], Tables]) -> None:
        """Replay every log; the ledger first, because shards ask it to finish what was under way."""
        self.ledger.path.recover(1, tables_of)
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


def _shard_path(number: int, config: Config, key: U64, log: Log, ledger: DirectLedger) -> ShardPath:
    engine = ShardEngine(number, key, config, PrivateArena())
    desk = EventDesk(key, engine.index, OrderIndex(PrivateArena()))
    return ShardPath(engine, desk, log, ledger, key)
