"""The parts of an open desk, and in which order they begin and end."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from actors.owners.desk.call_book import DeskBook
from actors.owners.desk.clock import DeskClock
from actors.owners.desk.counting import Counting
from actors.owners.desk.effect import DeskEffect
from actors.owners.desk.following import Following
from actors.owners.desk.partner_calls import PartnerCalls
from actors.owners.desk.partners import open_partners, refund_terms, told_events
from actors.owners.desk.post import Postman
from actors.owners.desk.refunds import Refunds
from actors.owners.desk.sender import OutboxSender
from actors.owners.desk.service import DeskService
from actors.owners.desk.shelves import Shelves
from actors.owners.desk.to_pick import PickReader
from actors.owners.desk.told_events import ToldEvents
from actors.owners.desk.waves import Waves, WaveTerms
from actors.owners.reader import Reader
from actors.process.fatal import OWNER_PATIENCE_S
from actors.process.names import DESK
from actors.store.data_folder import DataFolder, now_ms
from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.locks import FolderLock
from actors.store.log_reader import LogReader
from actors.store.private import make_folder
from actors.store.table_store import TableStore
from router.config import Config
from router.errors import Misconfigured
from router.log.cursor import CursorError
from router.queries.source import RecordSource
from router.warehouse.here import OrderBooks
from router.work.terms import terms_of


class _Closed(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closed)


class Parts(NamedTuple):
    lock: FolderLock
    database: Database
    postman: Postman
    sender: OutboxSender
    partners: PartnerCalls
    service: DeskService
    refunds: Refunds
    waves: Waves
    told: ToldEvents
    reader: Reader
    clock: DeskClock

    def drain(self) -> None:
        """The shards have ended, and what they wrote last is taken over. The clock reads the logs, too."""
        self.clock.stop()
        self.reader.drain()
        self.partners.stop()
        self.sender.stop()
        self.postman.close()
        self.database.close()
        self.lock.close()


def opened(data: DataFolder, config: Config) -> Parts:
    """All of them, at work. Raises RouterError, with nothing left open, where the database cannot be had."""
    with contextlib.ExitStack() as on_fault:
        parts = _made(data, config, on_fault)
        on_fault.pop_all()
    for part in (parts.sender, parts.partners, parts.clock, parts.reader):
        part.start()
    return parts


def _made(data: DataFolder, config: Config, on_fault: contextlib.ExitStack) -> Parts:
    def kept(part: T) -> T:
        on_fault.callback(part.close)
        return part

    terms, scope = terms_of(config), config.order_id_scope
    make_folder(data.desk)
    lock = kept(FolderLock(data.desk, OWNER_PATIENCE_S))
    database = kept(Database(data.desk, config.desk.url))
    with database.write() as connection:
        place.claim(connection, data.name)
    sources = [kept(LogReader(data.shard(number), 2)) for number in range(data.identity().shards)]
    postman = kept(Postman(data, config))
    told = told_events(data, config)
    refunds = Refunds(database, refund_terms(config), told)
    shelves = Shelves(TableStore(data.tables))
    waves, picks = warehouse(data, config, database, sources, shelves)
    following = Following(refunds, told, waves)
    sender = OutboxSender(database, postman.post, following, lambda: partners.wake())
    partners = PartnerCalls(open_partners(config), DeskBook(database, refunds.ended, sender.wake), now_ms)

    def go_on() -> None:
        sender.wake()
        partners.wake()

    counting = Counting(database, data.desk_figures)
    clock = DeskClock(database, terms, scope, sources, told, sender.wake, counting.tell)
    service = DeskService(database, scope, postman.fault_of, following.decided, go_on)
    reader = _reader(data, DeskEffect(database, terms, scope, picks, sender.wake), sources)
    return Parts(lock, database, postman, sender, partners, service, refunds, waves, told, reader, clock)


def warehouse(
    data: DataFolder, config: Config, database: Database, sources: Sequence[RecordSource], shelves: Shelves
) -> tuple[Waves, PickReader]:
    """What people do at the nodes that are worked here, and what the reader keeps of them; each has books of its own,
    as each has a thread of its own."""
    nodes = config.warehouse.nodes

    def books() -> OrderBooks:
        return OrderBooks(data.key(), sources, shelves.version, shelves.naming)

    waves = Waves(
        database, WaveTerms(config.order_id_scope, nodes, shelves.bins, shelves.cartons, shelves.unit_of), books()
    )
    return waves, PickReader(nodes, shelves.numbers_of, books())


def _reader(data: DataFolder, effect: DeskEffect, sources: list[LogReader]) -> Reader:
    try:
        return Reader(DESK, data, effect, sources)
    except CursorError as fault:  # under logs from before, or of another number of shards
        remedy = "restore the desk that belongs to them, or remove it: what the log tells comes back"
        raise Misconfigured(f"the desk does not belong to these logs ({fault}); {remedy}") from None
