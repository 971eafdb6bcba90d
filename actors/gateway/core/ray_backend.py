"""The core behind Ray actors, as the gateway asks it."""

from __future__ import annotations

import asyncio
import logging
import pathlib
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import ray

from actors.gateway.core.backend import U8, BatchId, ShardUnavailable
from actors.owners.calls import Call, Unanswered
from actors.owners.stubs import Owners
from actors.store.data_folder import DataFolder
from adapters._told import ToldEvent
from router.bound import Bound
from router.config import Config
from router.errors import Refused, RouterError
from router.shard.order_lane import OrderBatch
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import WaveAsked
from router.wire.event_batch import EventBatch
from router.work.acts import Act
from router.work.listing import WorkFilter
from router.work.pay import PayAsked
from router.work.reconcile import ReconcileAsked
from router.work.refund import RefundAsked
from router.work.shipment import LabelToPrint, ShipmentAsked

T = TypeVar("T")

CALL_TIMEOUT_S = 30.0
TABLES_TIMEOUT_S = 300.0
READY_TIMEOUT_S = 0.8  # those who probe rarely wait for more than a second
RETRY_AFTER_MS = 200


class RayBackend:
    """Satisfies ``backend.Backend``."""

    def __init__(self, data: DataFolder, config: Config) -> None:
        self.shards = config.shards
        self.key = data.key()
        self._owners = Owners(data.namespace, config.shards)

    async def submit_orders(
        self, shard: int, batch_id: BatchId, orders: U8, skus: U8, documents: U8, now_ms: int
    ) -> U8:
        batch = OrderBatch(batch_id, orders, skus, documents, now_ms)
        return await _answer(partial(self._owners.shards[shard].submit, batch))

    async def submit_events(self, shard: int, batch: EventBatch) -> U8:
        return await _answer(partial(self._owners.shards[shard].submit_events, batch))

    async def stock(self, rows: bytes, media_type: str, now_ms: int) -> bytes:
        return await _answer(partial(self._owners.tables.stock, rows, now_ms), TABLES_TIMEOUT_S)

    async def put_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        put = partial(self._owners.tables.put, name, body, media_type, replace, now_ms)
        return (await _answer(put, TABLES_TIMEOUT_S))._asdict()

    async def patch_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        patch = partial(self._owners.tables.patch, name, body, media_type, replace, now_ms)
        return (await _answer(patch, TABLES_TIMEOUT_S))._asdict()

    async def quote(self, orders: U8, skus: U8, now_ms: int) -> U8:
        return await _answer(partial(self._owners.shards[0].quote, orders, skus, now_ms))

    async def work(self, wanted: WorkFilter, limit: int) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.work, wanted, limit))

    async def act(self, act: Act) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.act, act))

    async def pay(self, asked: PayAsked) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.pay, asked))

    async def payment_of(self, request_id: str, bound: Bound) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.payment_of, request_id, bound))

    async def payments(self, order_key: str) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.payments, order_key))

    async def reconcile(self, asked: ReconcileAsked) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.reconcile, asked))

    async def reconciled(self, run_id: str) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.reconciled, run_id))

    async def refund(self, asked: RefundAsked) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.refund, asked))

    async def refund_of(self, refund_id: str, bound: Bound) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.refund_of, refund_id, bound))

    async def refunds(self, order_key: str) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.refunds, order_key))

    async def shipment(self, asked: ShipmentAsked) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.shipment, asked))

    async def shipment_of(self, shipment_id: str, bound: Bound) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.shipment_of, shipment_id, bound))

    async def shipments(self, order_key: str) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.shipments, order_key))

    async def labels(self, shipment_ids: tuple[str, ...], bound: Bound) -> list[LabelToPrint]:
        return await _answer_of_desk(partial(self._owners.desk.labels, shipment_ids, bound))

    async def ship_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.ship_shipment, shipment_id, bound, now_ms))

    async def void_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.void_shipment, shipment_id, bound, now_ms))

    async def make_wave(self, asked: WaveAsked) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.make_wave, asked))

    async def report_wave(self, report: WaveReport) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.report_wave, report))

    async def waves(self, wanted: WaveList) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.waves, wanted))

    async def wave(self, wave_id: str) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.wave, wave_id))

    async def pick_list(self, wave_id: str) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.pick_list, wave_id))

    async def packing(self, wave_id: str, tote: int) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.packing, wave_id, tote))

    async def bin(self, asked: BinAsked) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.bin, asked))

    async def blocked_bins(self, node: str) -> bytes:
        return await _answer_of_desk(partial(self._owners.desk.blocked_bins, node))

    async def take_told(self, events: tuple[ToldEvent, ...]) -> None:
        await _answer_of_desk(partial(self._owners.desk.take_told, events))

    async def ready(self) -> tuple[bool, str]:
        """Asked all at once: however many of them are silent, who probes hears of it within READY_TIMEOUT_S."""
        asked = [_answer(engine.status, READY_TIMEOUT_S) for engine in self._owners.engines]
        for found in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(found, ShardUnavailable):
                return False, str(found)
            if isinstance(found, BaseException):
                raise found
        return True, ""


def _kept_back(fault: RouterError) -> str:
    """What is wrong with logs and tables is their keeper's affair."""
    return f"a part of the router cannot answer ({type(fault).__name__}); `order-router doctor` says more"


async def _answer(
    begin: Callable[[], Call[T]], timeout_s: float = CALL_TIMEOUT_S, say: Callable[[RouterError], str] = _kept_back
) -> T:
    """Our own deadline around every call: an error or silence never means that nothing was done."""
    try:
        return await begin().wait(timeout_s)
    except Refused:
        raise
    except Unanswered as fault:
        raise ShardUnavailable(str(fault), RETRY_AFTER_MS) from None
    except RouterError as fault:
        raise ShardUnavailable(say(fault), RETRY_AFTER_MS) from None


async def _answer_of_desk(begin: Callable[[], Call[T]]) -> T:
    """Its sentences say why its database cannot be had, and what to do, to those whose work waits for it."""
    return await _answer(begin, say=str)


def connect(folder: pathlib.Path, address: str, config: Config) -> RayBackend:
    """Join the Ray of a running router as a client of its actors."""
    data = DataFolder(folder)
    ray.init(address=address, namespace=data.namespace, log_to_driver=False, logging_level=logging.WARNING)
    return RayBackend(data, config)
