"""The parts of an open desk, and in which order they begin and end."""

from __future__ import annotations

import contextlib
from typing import NamedTuple, Protocol, TypeVar

from actors.owners.desk.counting import Counting
from actors.owners.desk.effect import DeskEffect
from actors.owners.desk.partner_calls import PartnerCalls
from actors.owners.desk.partners import open_partners
from actors.owners.desk.post import Postman
from actors.owners.desk.standings import standings_of
from actors.owners.desk.wiring import Bells, Outside, Wired, desk_terms, wired
from actors.owners.reader import Reader
from actors.process.fatal import OWNER_PATIENCE_S
from actors.process.names import DESK
from actors.store.data_folder import DataFolder, now_ms
from actors.store.desk import place
from actors.store.desk.database import Database
from actors.store.locks import FolderLock
from actors.store.log_reader import LogReader
from actors.store.private import make_folder
from router.config import Config
from router.errors import Misconfigured
from router.log.cursor import CursorError


class _Closed(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closed)


class Parts(NamedTuple):
    lock: FolderLock
    database: Database
    postman: Postman
    partners: PartnerCalls
    made: Wired
    reader: Reader

    def drain(self) -> None:
        """The shards have ended, and what they wrote last is taken over. The clock reads the logs, too."""
        self.made.clock.stop()
        self.reader.drain()
        self.partners.stop()
        self.made.sender.stop()
        self.postman.close()
        self.database.close()
        self.lock.close()


def opened(data: DataFolder, config: Config) -> Parts:
    """All of them, at work. Raises RouterError, with nothing left open, where the database cannot be had."""
    with contextlib.ExitStack() as on_fault:
        parts = _made(data, config, on_fault)
        on_fault.pop_all()
    for part in (parts.made.sender, parts.partners, parts.made.clock, parts.reader):
        part.start()
    return parts


def _made(data: DataFolder, config: Config, on_fault: contextlib.ExitStack) -> Parts:
    def kept(part: T) -> T:
        on_fault.callback(part.close)
        return part

    make_folder(data.desk)
    lock = kept(FolderLock(data.desk, OWNER_PATIENCE_S))
    database = kept(Database(data.desk, config.desk.url))
    with database.write() as connection:
        place.claim(connection, data.name)
    sources = [kept(LogReader(data.shard(number), 2)) for number in range(data.identity().shards)]
    standings = standings_of(data, sources)
    postman = kept(Postman(data, config))
    outside = Outside(sources, standings, data.key(), postman.post, postman.fault_of)
    counting = Counting(database, data.desk_figures)
    bells = Bells(
        send=lambda: made.sender.wake(), go_on=lambda: go_on(), call=lambda: partners.wake(), tell=counting.tell
    )
    made = wired(database, desk_terms(data, config, standings, sources), outside, bells)
    partners = PartnerCalls(open_partners(config), made.book, now_ms)

    def go_on() -> None:
        made.sender.wake()
        partners.wake()

    return Parts(lock, database, postman, partners, made, _reader(data, made.effect, sources))


def _reader(data: DataFolder, effect: DeskEffect, sources: list[LogReader]) -> Reader:
    try:
        return Reader(DESK, data, effect, sources)
    except CursorError as fault:  # under logs from before, or of another number of shards
        remedy = "restore the desk that belongs to them, or remove it: what the log tells comes back"
        raise Misconfigured(f"the desk does not belong to these logs ({fault}); {remedy}") from None
