"""A core that answers as the test tells it to: for faults and delays that real engines do not produce on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa

from actors.gateway.core.backend import U8, BatchId, ShardUnavailable
from adapters._told import ToldEvent
from router.arrow.arrays import from_message, record_batch, to_message
from router.bound import Bound
from router.errors import TableRejected
from router.ids import hash_key
from router.life.refusals import REFUSALS
from router.life.states import OrderState, PaymentState, Stage, pack_state
from router.log.columns import (
    ACK,
    EVENT_ACK,
    EVENT_PAYLOAD,
    EVENTS,
    MONEY_SHOWN,
    WIRE,
    WIRE_SKUS,
    EventResult,
    Status,
)
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import WaveAsked
from router.wire.event_batch import EventBatch
from router.work.acts import Act
from router.work.item import WorkRefused
from router.work.listing import WorkFilter
from router.work.pay import PayAsked
from router.work.reconcile import ReconcileAsked
from router.work.refund import RefundAsked
from router.work.shipment import LabelToPrint, ShipmentAsked

KEY = hash_key(b"0123456789abcdef")
NO_LINES = pa.array([], type=ACK.field("lines").type)


class ScriptedBackend:
    """Every order is allocated at no node; ``total`` counts its lines. An id seen before is a duplicate."""

    def __init__(self, shards: int = 1) -> None:
        self.shards = shards
        self.key = KEY
        self.sources = None  # its logs: none are open
        self.is_ready = (True, "")
        self.before: Callable[[int, BatchId], Any] | None = None  # awaited before each batch is decided
        self.batches: list[tuple[int, BatchId, int]] = []
        self.seen: dict[str, tuple[int, int, int]] = {}  # order_id -> shard, sequence, row
        self.answered: dict[tuple[int, BatchId], U8] = {}
        self.events: dict[str, list[str]] = {}  # order_id -> ids of the events that were applied, in order
        self.shard_of_order: dict[str, int] = {}
        self.documents: list[pa.RecordBatch] = []
        self.tables: dict[str, bytes] = {}
        self.reject: TableRejected | None = None
        self.has_desk, self.told = True, list[ToldEvent]()  # what the desk has taken over

    async def submit_orders(
        self, shard: int, batch_id: BatchId, orders: U8, skus: U8, documents: U8, now_ms: int
    ) -> U8:
        wire = from_message(orders, WIRE)
        from_message(skus, WIRE_SKUS)
        kept = pa.ipc.open_stream(pa.py_buffer(documents)).read_all()
        assert kept.num_rows == wire.num_rows, "one document an order"
        self.batches.append((shard, batch_id, wire.num_rows))
        if self.before is not None:
            await self.before(shard, batch_id)
        if (shard, batch_id) not in self.answered:
            self.documents += kept.to_batches()
            self.answered[shard, batch_id] = to_message(self._decide(shard, wire))
        return self.answered[shard, batch_id]

    def _decide(self, shard: int, wire: pa.RecordBatch) -> pa.RecordBatch:
        count, sequence = wire.num_rows, len(self.answered) + 1
        ids = wire.column("order_id").to_pylist()
        duplicate = np.zeros(count, np.uint8)
        place = []
        for row, order_id in enumerate(ids):
            duplicate[row] = order_id in self.seen
            place.append(self.seen.setdefault(order_id, (shard, sequence, row)))
        conflict = np.array([order_id.startswith("conflict") for order_id in ids], np.bool_)
        refused = conflict | np.array([order_id.startswith("refuse") for order_id in ids], np.bool_)
        lines = wire.column("lines").to_pylist()
        zeros = np.zeros(count, np.int64)
        return record_batch(
            ACK,
            {
                "status": np.where(refused, Status.REJECTED, Status.ALLOCATED).astype(np.int8),
                "reasons": np.where(conflict, 1 << 1, np.where(refused, 1 << 12, 0)).astype(np.uint64),
                "reason_line": np.full(count, -1, np.int32),
                "duplicate": duplicate,
                "total_minor": np.array([len(row) for row in lines], np.int64),
                "discount_minor": zeros,
                "tax_minor": zeros,
                "shipping_minor": zeros,
                "parcels": np.zeros(count, np.int32),
                "promise_day": np.full(count, -1, np.int32),
                "sequence": np.array([sequence for _, sequence, _ in place], np.int64),
                "row": np.array([row for _, _, row in place], np.int32),
                "twin": np.full(count, -1, np.int64),
                "lines": pa.array(
                    [[{"backordered": 0, "allocations": []} for _ in row] for row in lines], ACK.field("lines").type
                ),
            },
        )

    async def submit_events(self, shard: int, batch: EventBatch) -> U8:
        """Orders whose id begins with ``unknown`` or ``refuse`` are so; other events are applied, or were before."""
        events = from_message(batch.events, EVENTS)
        assert from_message(batch.payload, EVENT_PAYLOAD).num_rows == events.num_rows
        if batch.documents is not None:
            kept = pa.ipc.open_stream(pa.py_buffer(batch.documents)).read_all()
            assert kept.num_rows == events.num_rows, "one document an event"
            self.documents += kept.to_batches()
        if self.before is not None:
            await self.before(shard, batch.batch_id)
        self.batches.append((shard, batch.batch_id, events.num_rows))
        if (shard, batch.batch_id) not in self.answered:
            rows = [self._report(shard, event) for event in events.to_pylist()]
            self.answered[shard, batch.batch_id] = to_message(pa.RecordBatch.from_pylist(rows, EVENT_ACK))
        return self.answered[shard, batch.batch_id]

    def _report(self, shard: int, event: dict[str, Any]) -> dict[str, Any]:
        order_id = event["order_id"]
        reported = self.events.setdefault(order_id, [])
        result, books = EventResult.APPLIED, (list[int](), list[int]())
        if order_id.startswith("unknown"):
            result = EventResult.UNKNOWN_ORDER
        elif order_id.startswith("refuse"):
            result, books = EventResult.REFUSED, ([1] * len(Stage), [5] * len(MONEY_SHOWN))
        elif event["event_id"] in reported:
            result = EventResult.REPEATED
        else:
            reported.append(event["event_id"])
            self.shard_of_order[order_id] = shard
        return {
            "result": result,
            "refusal": min(REFUSALS) if result == EventResult.REFUSED else 0,
            "refused_line": -1,
            "wanted": 0,
            "found": 0,
            "state": pack_state(OrderState.PICKING, PaymentState.PAID),
            "version": 1 + len(reported),
            "units": books[0],
            "money": books[1],
        }

    async def stock(self, rows: bytes, media_type: str, now_ms: int) -> bytes:
        return orjson.dumps(
            [{"movement_id": orjson.loads(row)["movement_id"], "status": "applied"} for row in rows.splitlines()]
        )

    async def put_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        if self.reject is not None:
            raise self.reject
        self.tables[name] = body
        return {"table": name, "version": len(self.tables), "rows": len(body.splitlines()), "warnings": []}

    async def patch_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        done = await self.put_table(name, body, media_type, replace, now_ms)
        return done | {"added": 0, "changed": 0, "removed": 0}

    async def quote(self, orders: U8, skus: U8, now_ms: int) -> U8:
        batch = self._decide(0, from_message(orders, WIRE))
        return to_message(
            batch.append_column(pa.field("cost_minor", pa.int64(), False), pa.array([5] * batch.num_rows, pa.int64()))
        )

    async def work(self, wanted: WorkFilter, limit: int) -> bytes:
        return b'{"items":[],"cursor":null}'

    async def act(self, act: Act) -> bytes:
        raise WorkRefused("work_not_found", "No work item has this id.")

    async def pay(self, asked: PayAsked) -> bytes:
        raise WorkRefused("payment_not_found", "No request for money has this id.")

    async def payment_of(self, request_id: str, bound: Bound) -> bytes:
        raise WorkRefused("payment_not_found", "No request for money has this id.")

    async def payments(self, order_key: str) -> bytes:
        return b'{"payments":[],"failures":0,"plan":null,"offers":[]}'

    async def reconcile(self, asked: ReconcileAsked) -> bytes:
        raise WorkRefused("reconciliation_not_found", "There is no such run.")

    async def reconciled(self, run_id: str) -> bytes:
        raise WorkRefused("reconciliation_not_found", "There is no such run.")

    async def refund(self, asked: RefundAsked) -> bytes:
        raise WorkRefused("refund_not_found", "No refund has this id.")

    async def refund_of(self, refund_id: str, bound: Bound) -> bytes:
        raise WorkRefused("refund_not_found", "No refund has this id.")

    async def refunds(self, order_key: str) -> bytes:
        return b'{"refunds":[]}'

    async def shipment(self, asked: ShipmentAsked) -> bytes:
        raise WorkRefused("shipment_not_found", "No shipment has this id.")

    async def shipment_of(self, shipment_id: str, bound: Bound) -> bytes:
        raise WorkRefused("shipment_not_found", "No shipment has this id.")

    async def shipments(self, order_key: str) -> bytes:
        return b'{"shipments":[]}'

    async def labels(self, shipment_ids: tuple[str, ...], bound: Bound) -> list[LabelToPrint]:
        raise WorkRefused("shipment_not_found", "No shipment has this id.")

    async def ship_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        raise WorkRefused("shipment_not_found", "No shipment has this id.")

    async def void_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        raise WorkRefused("shipment_not_found", "No shipment has this id.")

    async def make_wave(self, asked: WaveAsked) -> bytes:
        raise WorkRefused("wave_conflict", "Nothing waits.")

    async def report_wave(self, report: WaveReport) -> bytes:
        raise WorkRefused("wave_not_found", "No wave has this id.")

    async def waves(self, wanted: WaveList) -> bytes:
        return b'{"waiting":[],"waves":[],"cursor":null}'

    async def wave(self, wave_id: str) -> bytes:
        raise WorkRefused("wave_not_found", "No wave has this id.")

    async def pick_list(self, wave_id: str) -> bytes:
        raise WorkRefused("wave_not_found", "No wave has this id.")

    async def packing(self, wave_id: str, tote: int) -> bytes:
        raise WorkRefused("wave_not_found", "No wave has this id.")

    async def bin(self, asked: BinAsked) -> bytes:
        return b'{"node":"","blocked":[]}'

    async def blocked_bins(self, node: str) -> bytes:
        return b'{"node":"","blocked":[]}'

    async def take_told(self, events: tuple[ToldEvent, ...]) -> None:
        if not self.has_desk:
            raise ShardUnavailable("the desk is being opened", 10)
        self.told += events

    async def ready(self) -> tuple[bool, str]:
        return self.is_ready


async def at_once(*_: object) -> None:
    await asyncio.sleep(0)


def order(order_id: str, **changes: object) -> bytes:
    """One order that is complete, as a JSON line without its newline."""
    return msgspec.json.encode(
        {
            "order_id": order_id,
            "channel": "web",
            "placed_at": "2026-03-01T12:00:00Z",
            "currency": "EUR",
            "customer": {"id": "c1", "name": "Ada"},
            "ship_to": {"name": "Ada", "line1": "Street 1", "city": "Berlin", "postcode": "10115", "country": "DE"},
            "lines": [{"sku": "A", "qty": 1}],
        }
        | changes
    )
