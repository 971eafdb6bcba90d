"""The real desk beside the real engines in one process. Before each of its answers the log is read, after each act the
outbox is sent, so that nobody waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from actors.owners.desk.partner_calls import PartnerCalls
from actors.owners.desk.partners import open_partners
from actors.owners.desk.post import Postman
from actors.owners.desk.standings import standings_of
from actors.owners.desk.wiring import Bells, Outside, desk_terms, wired
from actors.store.data_folder import DataFolder, now_ms
from actors.store.desk import place
from actors.store.desk.database import Database
from adapters._told import ToldEvent
from router.bound import Bound
from router.config import Config
from router.feed.changes import ChangeReader
from router.feed.feed import Feed
from router.local import LocalRouter
from router.log.kinds import Kind
from router.shard.split_events import EventPart
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import WaveAsked
from router.wire.event_batch import EventBatch
from router.work.acts import Act
from router.work.listing import WorkFilter
from router.work.partner_told import PAUSE_MS_MAX
from router.work.pay import PayAsked
from router.work.reconcile import ReconcileAsked
from router.work.refund import RefundAsked
from router.work.shipment import LabelToPrint, ShipmentAsked

T = TypeVar("T")


class _Postman(Postman):
    """To the engines of this process."""

    def __init__(self, data: DataFolder, config: Config, router: LocalRouter) -> None:
        super().__init__(data, config)
        self._router = router

    def _ask(self, part: EventPart) -> Any:
        self._number += 1
        batch = EventBatch((self._sender, self._number), part.events, part.payload, part.documents, now_ms())
        return self._router.shards[part.shard].submit(Kind.EVENTS, batch)


class DeskHere:
    def __init__(self, data: DataFolder, config: Config, router: LocalRouter, sources: list[Any]) -> None:
        self._sources = sources
        self._database = Database(data.desk, "")
        with self._database.write() as connection:
            place.claim(connection, data.name)
        standings = standings_of(data, sources)
        self._postman = _Postman(data, config, router)
        outside = Outside(sources, standings, data.key(), self._postman.post, self._postman.fault_of)
        bells = Bells(go_on=lambda: self._partners.wake(), call=lambda: self._partners.wake())
        made = wired(self._database, desk_terms(data, config, standings, sources), outside, bells)
        self._effect, self._sender, self._service, self._told = made.effect, made.sender, made.service, made.told
        self._refunds, self._payments, self._shipments = made.refunds, made.payments, made.shipments
        self._reconciling, self._waves = made.reconciling, made.waves
        self._partners = PartnerCalls(open_partners(config), made.book, now_ms)
        self._partners.start()

    def work(self, wanted: WorkFilter, limit: int) -> bytes:
        return self._caught_up(lambda: self._service.work(wanted, limit))

    def act(self, act: Act) -> bytes:
        return self._caught_up(lambda: self._service.act(act))

    def refund(self, asked: RefundAsked) -> bytes:
        return self._caught_up(lambda: self._refunds.ask(asked))

    def refund_of(self, refund_id: str, bound: Bound) -> bytes:
        return self._caught_up(lambda: self._refunds.one(refund_id, bound))

    def refunds(self, order_key: str) -> bytes:
        return self._caught_up(lambda: self._refunds.of_order(order_key))

    def pay(self, asked: PayAsked) -> bytes:
        return self._caught_up(lambda: self._payments.ask(asked))

    def payment_of(self, request_id: str, bound: Bound) -> bytes:
        return self._caught_up(lambda: self._payments.one(request_id, bound))

    def payments(self, order_key: str) -> bytes:
        return self._caught_up(lambda: self._payments.of_order(order_key))

    def reconcile(self, asked: ReconcileAsked) -> bytes:
        return self._caught_up(lambda: self._reconciling.ask(asked))

    def reconciled(self, run_id: str) -> bytes:
        return self._caught_up(lambda: self._reconciling.one(run_id))

    def shipment(self, asked: ShipmentAsked) -> bytes:
        return self._stepped(lambda: self._shipments.ask(asked))

    def shipment_of(self, shipment_id: str, bound: Bound) -> bytes:
        return self._caught_up(lambda: self._shipments.one(shipment_id, bound))

    def shipments(self, order_key: str) -> bytes:
        return self._caught_up(lambda: self._shipments.of_order(order_key))

    def labels(self, shipment_ids: tuple[str, ...], bound: Bound) -> list[LabelToPrint]:
        return self._caught_up(lambda: self._shipments.labels(shipment_ids, bound))

    def ship_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return self._caught_up(lambda: self._shipments.ship(shipment_id, bound, now_ms))

    def void_shipment(self, shipment_id: str, bound: Bound, now_ms: int) -> bytes:
        return self._stepped(lambda: self._shipments.void(shipment_id, bound, now_ms))

    def _stepped(self, answer: Callable[[], T]) -> T:
        """With calls that follow from it on their way."""
        found = self._caught_up(answer)
        self._partners.wake()
        return found

    def make_wave(self, asked: WaveAsked) -> bytes:
        return self._caught_up(lambda: self._waves.make(asked))

    def report_wave(self, report: WaveReport) -> bytes:
        return self._caught_up(lambda: self._waves.report(report))

    def waves(self, wanted: WaveList) -> bytes:
        return self._caught_up(lambda: self._waves.list(wanted))

    def wave(self, wave_id: str) -> bytes:
        return self._caught_up(lambda: self._waves.one(wave_id))

    def pick_list(self, wave_id: str) -> bytes:
        return self._caught_up(lambda: self._waves.pick_list(wave_id))

    def packing(self, wave_id: str, tote: int) -> bytes:
        return self._caught_up(lambda: self._waves.packing(wave_id, tote))

    def bin(self, asked: BinAsked) -> bytes:
        return self._caught_up(lambda: self._waves.bin(asked))

    def blocked_bins(self, node: str) -> bytes:
        return self._caught_up(lambda: self._waves.blocked(node))

    def take_told(self, events: tuple[ToldEvent, ...]) -> None:
        with self._database.write() as connection:
            self._told.take(connection, events, now_ms())
        self._caught_up(lambda: None)

    def _caught_up(self, answer: Callable[[], T]) -> T:
        self._read()
        with self._database.write() as connection:
            self._told.try_again(connection, now_ms() + PAUSE_MS_MAX)
        self._reconciling.tick(now_ms())
        found = answer()
        while self._sender.send():
            self._read()
        return found

    def _read(self) -> None:
        feed = Feed(ChangeReader(self._sources, self._effect.columns), self._effect.cursor())
        while feed.has_news:
            changes = [part.changes for part in feed.turn()]
            self._effect.apply(changes, feed.cursor)

    def close(self) -> None:
        self._partners.stop()
        self._postman.close()
        self._database.close()
