"""The desk's process: the one writer of work items and of what people do with them.

    log ─▶ feed ─▶ reader ─▶ work items, due rows ◀── clock       people ─▶ act ─▶ item, outbox ─▶ sender ─▶ shards

It is opened beside everything else: orders do not wait for it, and while its database is away it tries again. What is
heavy is imported by that thread, in this process alone.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from actors.owners.seams import DeskCalls
from actors.process.fatal import or_die
from actors.process.names import DESK
from actors.store.data_folder import DataFolder, now_ms
from adapters._told import ToldEvent
from router.bound import Bound
from router.config import Config
from router.errors import Retryable, RouterError
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import WaveAsked
from router.work.acts import Act
from router.work.listing import WorkFilter
from router.work.pay import PayAsked
from router.work.reconcile import ReconcileAsked
from router.work.refund import RefundAsked
from router.work.shipment import LabelToPrint, ShipmentAsked

if TYPE_CHECKING:
    from actors.owners.desk.parts import Parts

OPEN_EVERY_S = 2.0
NOT_OPEN_MS = 1_000


class Desk(DeskCalls):
    def __init__(self, folder: str, config: bytes) -> None:
        self._data = DataFolder(folder)
        self._config = msgspec.json.decode(config, type=Config)
        self._parts: Parts | None = None
        self._waits_for = "it is being opened"
        self._stopping = threading.Event()
        self._opener = threading.Thread(target=lambda: or_die(self._open), name=DESK, daemon=True)
        self._opener.start()

    def work(self, wanted: WorkFilter, limit: int) -> bytes:
        return self._there().made.service.work(wanted, limit)

    def act(self, act: Act) -> bytes:
        return self._there().made.service.act(act)

    def refund(self, asked: RefundAsked) -> bytes:
        parts = self._there()
        answer = parts.made.refunds.ask(asked)
        parts.made.sender.wake()
        return answer

    def refund_of(self, refund_id: str, bound: Bound) -> bytes:
        return self._there().made.refunds.one(refund_id, bound)

    def refunds(self, order_key: str) -> bytes:
        return self._there().made.refunds.of_order(order_key)

    def pay(self, asked: PayAsked) -> bytes:
        parts = self._there()
        answer = parts.made.payments.ask(asked)
        parts.partners.wake()
        return answer

    def payment_of(self, request_id: str, bound: Bound) -> bytes:
        return self._there().made.payments.one(request_id, bound)

    def payments(self, order_key: str) -> bytes:
        return self._there().made.payments.of_order(order_key)

    def reconcile(self, asked: ReconcileAsked) -> bytes:
        parts = self._there()
        answer = parts.made.reconciling.ask(asked)
        parts.partners.wake()
        return answer

    def reconciled(self, run_id: str) -> bytes:
        return self._there().made.reconciling.one(run_id)

    def shipment(self, asked: ShipmentAsked) -> bytes:
        return self._followed(lambda parts: parts.made.shipments.ask(asked))

    def shipment_of(self, shipment_id: str, bound: Bound) -> bytes:
        return self._there().made.shipments.one(shipment_id, bound)

    def shipments(self, order_key: str) -> bytes:
        return self._there().made.shipments.of_order(order_key)

    def labels(self, shipment_ids: tuple[str, ...], bound: Bound) -> list[LabelToPrint]:
        return self._there().made.shipments.labels(shipment_ids, bound)

    def ship_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return self._followed(lambda parts: parts.made.shipments.ship(shipment_id, bound, now_ms))

    def void_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return self._followed(lambda parts: parts.made.shipments.void(shipment_id, bound, now_ms))

    def _followed(self, answer: Callable[[Parts], bytes]) -> bytes:
        """Then events and calls that follow from it are looked for."""
        parts = self._there()
        found = answer(parts)
        parts.made.sender.wake()
        parts.partners.wake()
        return found

    def make_wave(self, asked: WaveAsked) -> bytes:
        return self._there().made.waves.make(asked)

    def report_wave(self, report: WaveReport) -> bytes:
        parts = self._there()
        answer = parts.made.waves.report(report)
        parts.made.sender.wake()
        return answer

    def waves(self, wanted: WaveList) -> bytes:
        return self._there().made.waves.list(wanted)

    def wave(self, wave_id: str) -> bytes:
        return self._there().made.waves.one(wave_id)

    def pick_list(self, wave_id: str) -> bytes:
        return self._there().made.waves.pick_list(wave_id)

    def packing(self, wave_id: str, tote: int) -> bytes:
        return self._there().made.waves.packing(wave_id, tote)

    def bin(self, asked: BinAsked) -> bytes:
        return self._there().made.waves.bin(asked)

    def blocked_bins(self, node: str) -> bytes:
        return self._there().made.waves.blocked(node)

    def take_told(self, events: tuple[ToldEvent, ...]) -> None:
        parts = self._there()
        with parts.database.write() as connection:
            parts.made.told.take(connection, events, now_ms())
        parts.made.sender.wake()

    def status(self) -> dict[str, Any]:
        if self._parts is None:
            return {"reader": DESK, "waits_for": self._waits_for, "pid": os.getpid()}
        return self._parts.reader.status()

    def drain(self) -> None:
        self._stopping.set()
        self._opener.join()
        if self._parts is not None:
            self._parts.drain()

    def _there(self) -> Parts:
        if self._parts is None:
            raise Retryable(f"the desk is closed: {self._waits_for}", NOT_OPEN_MS)
        return self._parts

    def _open(self) -> None:
        from actors.owners.desk.parts import opened

        while not self._stopping.is_set():
            try:
                self._parts = opened(self._data, self._config)
                return
            except (RouterError, OSError) as fault:
                why = str(fault).replace(str(self._data.path), "DIR")  # who asks over HTTP need not know where it is
                if why != self._waits_for:
                    print(f"the desk cannot be opened: {fault}", file=sys.stderr, flush=True)
                self._waits_for = why
                self._stopping.wait(OPEN_EVERY_S)
