"""What the desk's reader does with a turn of the feed: work items, due rows and cursor in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection

from actors.owners.desk.by_itself import letter_of
from actors.owners.desk.paid_back import PaidBack
from actors.owners.desk.parcels import Parcels
from actors.owners.desk.pay_news import PayNews
from actors.owners.desk.to_pick import PickReader
from actors.store.data_folder import now_ms
from actors.store.desk import due, items, outbox, place
from actors.store.desk.database import Database
from router.errors import Retryable
from router.feed.changes import Changes
from router.ids import Scope
from router.work.kinds import KINDS
from router.work.rows import COLUMNS
from router.work.told import Came, Due, Ended, Key, Terms, Told, is_meant, overdue, told_of

AGAIN_MS = 10


class DeskEffect:
    """Satisfies ``actors.owners.reader.Effect``."""

    def __init__(
        self, database: Database, terms: Terms, scope: Scope, pay_news: PayNews, parcels: Parcels, picks: PickReader,
        send: Callable[[], None], clock_ms: Callable[[], int] = now_ms,
    ) -> None:  # fmt: skip
        """``send`` is called when there is something in the outbox."""
        asked = (*COLUMNS, *PaidBack.columns, *PayNews.columns, *Parcels.columns, *picks.columns)
        self.columns = tuple(dict.fromkeys(asked))
        self._clock_ms = clock_ms
        self._picks = picks
        self._database = database
        self._scope = scope
        self._send = send
        self._paid_back = PaidBack()
        self._pay_news = pay_news
        self._parcels = parcels
        self._terms = terms
        with database.read() as connection:
            self._cursor = place.cursor_of(connection)
            self._known = items.known(connection)
            picks.begin(connection)

    def cursor(self) -> str | None:
        return self._cursor

    def apply(self, changes: Sequence[Changes], cursor: str) -> None:
        told = told_of(changes, self._terms, self._known)
        seen = self._picks.read(changes)
        with self._database.write() as connection:
            self._refuse_doubt(connection)
            came = [*_came(connection, told.ended.values()), *told.came]
            outbox.put_in(connection, [letter_of(each.due, each.at_ms, each.at_ms, self._scope) for each in came])
            keep(connection, told, self._terms)
            self._paid_back.keep(connection, changes)
            self._pay_news.keep(connection, changes)
            self._parcels.keep(connection, changes)
            self._picks.keep(connection, seen, self._clock_ms())
            place.move_cursor(connection, cursor)
        self._cursor = cursor
        self._known.add(told)
        self._picks.told()
        if came:
            self._send()

    def _refuse_doubt(self, connection: Connection) -> None:
        """A commit whose answer was lost may have been made: then these changes are kept already."""
        kept = place.cursor_of(connection)
        if kept != self._cursor:
            self._cursor, self._known = kept, items.known(connection)
            self._picks.begin(connection)
            raise Retryable("the desk is further than its reader", AGAIN_MS)

    def close(self) -> None:
        """The database is the desk's."""


def keep(connection: Connection, told: Told, terms: Terms) -> None:
    """What lasted too long before it ended was somebody's work in between, whenever that is read."""
    ended = list(told.ended.values())
    lasting = {end.key: end for end in ended if KINDS[end.kind].lasts}
    items.add(connection, [overdue(each, terms) for each in _too_long(connection, lasting, terms)])
    items.settle(connection, ended)
    due.end(connection, list(lasting))
    items.add(connection, told.raised)
    due.start(connection, told.started.values())


def _came(connection: Connection, ended: Iterable[Ended]) -> Iterator[Came]:
    """Of what began in turns before, that for which it waited."""
    waited = {end.key: end for end in ended if end.came}
    for each in due.of_places(connection, sorted({at for at, _ in waited})):
        if each.key in waited:
            yield Came(each, waited[each.key].at_ms)


def _too_long(connection: Connection, ended: Mapping[Key, Ended], terms: Terms) -> Iterator[Due]:
    """What was due before it ended: seldom any, and then the first thing that is due tells."""
    first_ms, last_ms = due.next_ms(connection), max((end.at_ms for end in ended.values()), default=0)
    if first_ms is None or first_ms > last_ms:
        return
    for each in due.of_places(connection, sorted({at for at, _ in ended})):
        end = ended.get(each.key)
        if end is not None and each.due_ms <= end.at_ms and KINDS[each.kind].sends is None and is_meant(each, terms):
            yield each
