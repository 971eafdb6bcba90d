"""The real engines, logs and mapped arrays of a data folder in this process, as the gateway asks them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from actors.gateway.core.backend import U8, BatchId
from actors.owners.table_uploads import TableUploads
from actors.process.names import LEDGER
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.mapped import SharedArena, SharedArenaReader
from actors.store.table_store import TableStore
from adapters._told import ToldEvent
from router.bound import Bound
from router.config import Config
from router.ledger.shown_lots import StockReader
from router.local import LocalRouter
from router.log.kinds import Kind
from router.ports import Log
from router.shard.order_lane import OrderBatch
from router.tables.stock_rows import movement_results, parse_movements
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import WaveAsked
from router.wire.event_batch import EventBatch
from router.work.acts import Act
from router.work.listing import WorkFilter
from router.work.pay import PayAsked
from router.work.reconcile import ReconcileAsked
from router.work.refund import RefundAsked
from router.work.shipment import LabelToPrint, ShipmentAsked
from tests.labs.desk_backend import DeskHere

T = TypeVar("T")


class EngineBackend:
    """Satisfies ``backend.Backend``; one thread does all the work, as one order of everything."""

    def __init__(self, data: DataFolder, config: Config) -> None:
        self.shards = config.shards
        self.key = data.key()
        self._thread = ThreadPoolExecutor(1)
        self._store = TableStore(data.tables)
        self._data, self._config = data, config
        self.folder = data.path
        self._logs: list[LmdbLog] = []
        self.router = LocalRouter(
            config, self.key, self._log_of, self._store.load, lambda name: SharedArena(data.shared / name)
        )
        self.ledger_log, *self.sources = [log.reader() for log in self._logs]
        self.router.use_tables(self._store.load(self._store.current()))
        self.router.recover()
        stock = StockReader(SharedArenaReader(data.shared / LEDGER))
        self._uploads = TableUploads(self._store, self.router, lambda: stock, self._spread, self.key, 1)

    def _spread(self, version: int) -> None:
        self.router.use_tables(self._store.load(version))

    def _log_of(self, name: str, parts: int) -> Log:
        self._logs.append(LmdbLog(self._data.path / name, self._config.log, parts))
        return self._logs[-1]

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def submit_orders(
        self, shard: int, batch_id: BatchId, orders: U8, skus: U8, documents: U8, now_ms: int
    ) -> U8:
        batch = OrderBatch(batch_id, orders, skus, documents, now_ms)
        return await self._run(lambda: self.router.shards[shard].submit(Kind.ORDERS, batch))

    async def submit_events(self, shard: int, batch: EventBatch) -> U8:
        def work() -> U8:
            answers = self.router.shards[shard].submit(Kind.EVENTS, batch)
            self.router.take_grants(batch.now_ms)
            return answers

        return await self._run(work)

    async def stock(self, rows: bytes, media_type: str, now_ms: int) -> bytes:
        def work() -> bytes:
            parsed = parse_movements(rows, self._store.load(self._store.current()), self.key)
            return msgspec.json.encode(movement_results(parsed, self.router.stock(parsed.batch, now_ms)))

        return await self._run(work)

    async def put_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        return (await self._run(lambda: self._uploads.put(name, body, media_type, replace, now_ms)))._asdict()

    async def patch_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        return (await self._run(lambda: self._uploads.patch(name, body, media_type, replace, now_ms)))._asdict()

    async def quote(self, orders: U8, skus: U8, now_ms: int) -> U8:
        return await self._run(lambda: self.router.quote(orders, skus, now_ms))

    @functools.cached_property
    def desk(self) -> DeskHere:
        """Opened by the first who asks for it."""
        return DeskHere(self._data, self._config, self.router, self.sources)

    async def work(self, wanted: WorkFilter, limit: int) -> bytes:
        return await self._run(lambda: self.desk.work(wanted, limit))

    async def act(self, act: Act) -> bytes:
        return await self._run(lambda: self.desk.act(act))

    async def pay(self, asked: PayAsked) -> bytes:
        return await self._run(lambda: self.desk.pay(asked))

    async def payment_of(self, request_id: str, bound: Bound) -> bytes:
        return await self._run(lambda: self.desk.payment_of(request_id, bound))

    async def payments(self, order_key: str) -> bytes:
        return await self._run(lambda: self.desk.payments(order_key))

    async def reconcile(self, asked: ReconcileAsked) -> bytes:
        return await self._run(lambda: self.desk.reconcile(asked))

    async def reconciled(self, run_id: str) -> bytes:
        return await self._run(lambda: self.desk.reconciled(run_id))

    async def refund(self, asked: RefundAsked) -> bytes:
        return await self._run(lambda: self.desk.refund(asked))

    async def refund_of(self, refund_id: str, bound: Bound) -> bytes:
        return await self._run(lambda: self.desk.refund_of(refund_id, bound))

    async def refunds(self, order_key: str) -> bytes:
        return await self._run(lambda: self.desk.refunds(order_key))

    async def shipment(self, asked: ShipmentAsked) -> bytes:
        return await self._run(lambda: self.desk.shipment(asked))

    async def shipment_of(self, shipment_id: str, bound: Bound) -> bytes:
        return await self._run(lambda: self.desk.shipment_of(shipment_id, bound))

    async def shipments(self, order_key: str) -> bytes:
        return await self._run(lambda: self.desk.shipments(order_key))

    async def labels(self, shipment_ids: tuple[str, ...], bound: Bound) -> list[LabelToPrint]:
        return await self._run(lambda: self.desk.labels(shipment_ids, bound))

    async def ship_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return await self._run(lambda: self.desk.ship_shipment(shipment_id, bound, now_ms))

    async def void_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return await self._run(lambda: self.desk.void_shipment(shipment_id, bound, now_ms))

    async def make_wave(self, asked: WaveAsked) -> bytes:
        return await self._run(lambda: self.desk.make_wave(asked))

    async def report_wave(self, report: WaveReport) -> bytes:
        return await self._run(lambda: self.desk.report_wave(report))

    async def waves(self, wanted: WaveList) -> bytes:
        return await self._run(lambda: self.desk.waves(wanted))

    async def wave(self, wave_id: str) -> bytes:
        return await self._run(lambda: self.desk.wave(wave_id))

    async def pick_list(self, wave_id: str) -> bytes:
        return await self._run(lambda: self.desk.pick_list(wave_id))

    async def packing(self, wave_id: str, tote: int) -> bytes:
        return await self._run(lambda: self.desk.packing(wave_id, tote))

    async def bin(self, asked: BinAsked) -> bytes:
        return await self._run(lambda: self.desk.bin(asked))

    async def blocked_bins(self, node: str) -> bytes:
        return await self._run(lambda: self.desk.blocked_bins(node))

    async def take_told(self, events: tuple[ToldEvent, ...]) -> None:
        await self._run(lambda: self.desk.take_told(events))

    async def ready(self) -> tuple[bool, str]:
        return True, ""

    def close(self) -> None:
        self._thread.shutdown()
        if "desk" in vars(self):
            self.desk.close()
        for log in self._logs:
            log.close()
