"""The seam between the gateway and the core: what the gateway asks of shards, ledger and tables.

Batches travel as uint8 arrays (zero-copy through Ray's object store): Arrow IPC messages with the schemas of
``router/log/columns/``. Every call that changes something carries a batch id; a call repeated with the same id
is answered from the log and changes nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from adapters._told import ToldEvent
from router.bound import Bound
from router.errors import Retryable
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import WaveAsked
from router.wire.event_batch import EventBatch
from router.work.acts import Act
from router.work.listing import WorkFilter
from router.work.pay import PayAsked
from router.work.reconcile import ReconcileAsked
from router.work.refund import RefundAsked
from router.work.shipment import LabelToPrint, ShipmentAsked

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
BatchId = tuple[int, int]  # (gateway incarnation u64, number of the batch u32)


class ShardUnavailable(Retryable):
    """A shard or the ledger cannot answer now (restarting, recovering); the same batch may be sent again."""


class Backend(Protocol):
    shards: int
    key: U64  # keyed hash of ids, 2 words; the data folder's own

    async def submit_orders(
        self, shard: int, batch_id: BatchId, orders: U8, skus: U8, documents: U8, now_ms: int
    ) -> U8:
        """``orders``: one IPC message of WIRE, ``skus``: one of WIRE_SKUS, ``documents``: an IPC stream with a
        row per order. Returns one IPC message of ACK, row by row; raises ShardUnavailable."""

    async def submit_events(self, shard: int, batch: EventBatch) -> U8:
        """Events of this shard's orders. Returns one IPC message of EVENT_ACK, row by row; raises ShardUnavailable."""

    async def stock(self, rows: bytes, media_type: str, now_ms: int) -> bytes:
        """Stock movements as NDJSON, idempotent by movement_id. Returns a JSON array, one result object a line."""

    async def put_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        """Replace a reference table: ``{"table", "version", "rows"}``; raises router.errors.TableRejected, without
        ``replace`` also where rows would go that are in use."""

    async def patch_table(self, name: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> dict[str, Any]:
        """Change single rows: the same and ``{"added", "changed", "removed"}``; likewise."""

    async def quote(self, orders: U8, skus: U8, now_ms: int) -> U8:
        """Decide without taking or keeping anything. Returns one IPC message of QUOTE, row by row."""

    async def work(self, wanted: WorkFilter, limit: int) -> bytes:
        """A page of the desk's work items by deadline, as JSON; raises ShardUnavailable."""

    async def act(self, act: Act) -> bytes:
        """A work item after what somebody did with it, as JSON; raises router.work.item.WorkRefused."""

    async def pay(self, asked: PayAsked) -> bytes:
        """A new request for money as JSON; raises PayRefused and WorkRefused."""

    async def payment_of(self, request_id: str, bound: Bound) -> bytes:
        """A request for money as JSON; raises WorkRefused."""

    async def payments(self, order_key: str) -> bytes:
        """All requests for money of an order, as JSON."""

    async def reconcile(self, asked: ReconcileAsked) -> bytes:
        """A new run as JSON; raises WorkRefused."""

    async def reconciled(self, run_id: str) -> bytes:
        """A run as JSON; raises WorkRefused."""

    async def refund(self, asked: RefundAsked) -> bytes:
        """A new refund as JSON; raises RefundRefused and WorkRefused."""

    async def refund_of(self, refund_id: str, bound: Bound) -> bytes:
        """A refund as JSON; raises WorkRefused."""

    async def refunds(self, order_key: str) -> bytes:
        """All refunds of an order, as JSON."""

    async def shipment(self, asked: ShipmentAsked) -> bytes:
        """A new shipment as JSON; raises ShipmentRefused and WorkRefused."""

    async def shipment_of(self, shipment_id: str, bound: Bound) -> bytes:
        """A shipment as JSON; raises WorkRefused."""

    async def shipments(self, order_key: str) -> bytes:
        """All shipments of an order, as JSON."""

    async def labels(self, shipment_ids: tuple[str, ...], bound: Bound) -> list[LabelToPrint]:
        """What is needed to print the labels of these; raises WorkRefused where one has none."""

    async def ship_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        """A shipment that is reported to have left, as JSON; raises WorkRefused."""

    async def void_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        """A shipment that is not to leave, as JSON; raises WorkRefused."""

    async def make_wave(self, asked: WaveAsked) -> bytes:
        """A new wave as JSON; raises WorkRefused."""

    async def report_wave(self, report: WaveReport) -> bytes:
        """A wave after what somebody reported of it, as JSON; raises WorkRefused."""

    async def waves(self, wanted: WaveList) -> bytes:
        """What waits at a node by cut-off, and its waves, as JSON; raises WorkRefused."""

    async def wave(self, wave_id: str) -> bytes:
        """A wave as JSON; raises WorkRefused."""

    async def pick_list(self, wave_id: str) -> bytes:
        """What is left to pick of a wave along the walk, as JSON; raises WorkRefused."""

    async def packing(self, wave_id: str, tote: int) -> bytes:
        """An order of a wave with the cartons proposed for it, as JSON; raises WorkRefused."""

    async def bin(self, asked: BinAsked) -> bytes:
        """The blocked bins of a node as JSON, after one more or one less; raises WorkRefused."""

    async def blocked_bins(self, node: str) -> bytes:
        """The blocked bins of a node, as JSON; raises WorkRefused."""

    async def take_told(self, events: tuple[ToldEvent, ...]) -> None:
        """What a partner told and no order took is the desk's now, durable; raises ShardUnavailable."""

    async def ready(self) -> tuple[bool, str]:
        """Whether shards and ledger accept work, and why not, in words."""
