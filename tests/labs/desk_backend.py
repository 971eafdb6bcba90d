"""The real desk beside the real engines in one process. Before each of its answers the log is read, after each act the
outbox is sent, so that nobody waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from actors.owners.desk.call_book import DeskBook
from actors.owners.desk.effect import DeskEffect
from actors.owners.desk.following import Following
from actors.owners.desk.partner_calls import PartnerCalls
from actors.owners.desk.partners import open_partners, refund_terms, told_events
from actors.owners.desk.parts import warehouse
from actors.owners.desk.post import Postman
from actors.owners.desk.refunds import Refunds
from actors.owners.desk.sender import OutboxSender
from actors.owners.desk.service import DeskService
from actors.owners.desk.shelves import Shelves
from actors.store.data_folder import DataFolder, now_ms
from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.table_store import TableStore
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
from router.work.refund import RefundAsked
from router.work.terms import terms_of

T = TypeVar("T")


class _Postman(Postman):
    """To the engines of this process."""

    def __init__(self, data: DataFolder, config: Config, router: LocalRouter) -> None:
        super().__init__(data, config)
        self._router = router

    def _ask(self, part: EventPart) -> Any:
        self._number += 1
        batch = EventBatch((self._sender, self._number), part.events, part.payload, part.documents, 1)
        return self._router.shards[part.shard].submit(Kind.EVENTS, batch)


class DeskHere:
    def __init__(self, data: DataFolder, config: Config, router: LocalRouter, sources: list[Any]) -> None:
        self._sources = sources
        self._database = Database(data.desk, "")
        with self._database.write() as connection:
            place.claim(connection, data.name)
        shelves = Shelves(TableStore(data.tables))
        self._waves, picks = warehouse(data, config, self._database, sources, shelves)
        self._effect = DeskEffect(self._database, terms_of(config), config.order_id_scope, picks, lambda: None)
        self._postman = _Postman(data, config, router)
        self._told = told_events(data, config)
        self._refunds = Refunds(self._database, refund_terms(config), self._told)
        following = Following(self._refunds, self._told, self._waves)
        self._book = DeskBook(self._database, self._refunds.ended, lambda: None)
        self._partners = PartnerCalls(open_partners(config), self._book, now_ms)
        self._partners.start()
        self._sender = OutboxSender(self._database, self._postman.post, following, self._partners.wake)
        self._service = DeskService(
            self._database, config.order_id_scope, self._postman.fault_of, following.decided, self._partners.wake
        )

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
