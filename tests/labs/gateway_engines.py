"""The real engines, logs and mapped arrays of a data folder in this process, as the gateway asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from actors.gateway.core.backend import U8, BatchId
from actors.process.names import shard_name
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.mapped import SharedArena
from actors.store.table_store import TableStore
from router.arrow.arena import PrivateArena
from router.config import Config
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath
from router.life.events import EventDesk
from router.local import DirectLedger
from router.log.index import OrderIndex
from router.pipeline import OrderBatch, ShardPath
from router.shard.engine import ShardEngine
from router.tables.rows import parse_rows
from router.tables.stock_rows import movement_results, on_hand_movements, parse_movements
from router.wire.event_batch import EventBatch

T = TypeVar("T")


class EngineBackend:
    """Satisfies ``backend.Backend``; one thread does all the work, as one order of everything."""

    def __init__(self, data: DataFolder, config: Config) -> None:
        self.shards = config.shards
        self.key = data.key()
        self._thread = ThreadPoolExecutor(1)
        self._store = TableStore(data.tables)
        self._logs = [LmdbLog(data.ledger, config.log, part_count=1)]
        engine = LedgerEngine(config.policy, SharedArena(data.shared / "ledger"))
        self._ledger = DirectLedger(LedgerPath(engine, self._logs[0]), self._logs[0])
        self._paths = [self._path(data, config, number) for number in range(config.shards)]
        self.sources = [log.reader() for log in self._logs[1:]]
        self._use(self._store.current())
        self._ledger.path.recover(1, self._store.load)
        for path in self._paths:
            path.recover(1, self._store.load)

    def _path(self, data: DataFolder, config: Config, number: int) -> ShardPath:
        log = LmdbLog(data.shard(number), config.log, part_count=2)
        self._logs.append(log)
        shard = ShardEngine(number, self.key, config, SharedArena(data.shared / shard_name(number)))
        desk = EventDesk(self.key, shard.index, OrderIndex(PrivateArena()))
        return ShardPath(shard, desk, log, self._ledger, self.key)

    def _use(self, version: int) -> None:
        tables = self._store.load(version)
        self._ledger.path.engine.use_tables(tables)
        for path in self._paths:
            path.engine.use_tables(tables)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def submit_orders(
        self, shard: int, batch_id: BatchId, orders: U8, skus: U8, documents: U8, now_ms: int
    ) -> U8:
        batch = OrderBatch(batch_id, orders, skus, documents, now_ms)
        return await self._run(lambda: self._paths[shard].submit(batch))

    async def submit_events(self, shard: int, batch: EventBatch) -> U8:
        return await self._run(lambda: self._paths[shard].submit_events(batch))

    async def stock(self, rows: bytes, media_type: str, now_ms: int) -> bytes:
        def work() -> bytes:
            parsed = parse_movements(rows, self._store.load(self._store.current()), self.key)
            return msgspec.json.encode(movement_results(parsed, self._ledger.stock(parsed.batch, now_ms)))

        return await self._run(work)

    async def put_table(self, name: str, body: bytes, media_type: str, now_ms: int) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            upload = parse_rows(name, body, media_type)
            version = self._store.put(upload, now_ms)
            self._use(version)
            if name == "stock":
                movements = on_hand_movements(upload, self._store.load(version), self.key, version)
                self._ledger.stock(movements, now_ms)
            return {"table": name, "version": version, "rows": len(upload.rows)}

        return await self._run(work)

    async def quote(self, orders: U8, skus: U8, now_ms: int) -> U8:
        return await self._run(lambda: self._paths[0].quote(orders, skus, now_ms))

    async def ready(self) -> tuple[bool, str]:
        return True, ""

    def close(self) -> None:
        self._thread.shutdown()
        for log in self._logs:
            log.close()
