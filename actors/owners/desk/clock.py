"""The desk's clock: what is due becomes an item, or an event; what was put off comes back; what is old is forgotten.

Something is due when its time has come *and* the log has been read up to that time: a payment that lies unread in the
log was made in time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from actors.owners.desk.by_itself import letter_of
from actors.owners.desk.pay_clock import PayClock
from actors.owners.desk.reconciling import Reconciling
from actors.owners.desk.told_events import ToldEvents
from actors.process.fatal import or_die
from actors.store.data_folder import now_ms
from actors.store.desk import due, items, outbox, parcels, place, repeats, shipments
from actors.store.desk.database import Database
from router.errors import Retryable
from router.feed.feed import FIRST
from router.feed.lag import LagSource, lag_of
from router.ids import Scope
from router.log.cursor import parse_cursor
from router.work.kinds import KINDS
from router.work.told import Terms, is_meant, overdue

LOOK_EVERY_S = 1.0
GRACE_MS = 2_000  # a batch that was received before may become durable so much later
DUE_MAX = 1_000  # in one transaction
FORGET_EVERY_MS = 3_600_000


class DeskClock:
    """Deterministic but for its thread: ``tick`` is all that it does."""

    def __init__(
        self, database: Database, terms: Terms, scope: Scope, sources: Sequence[LagSource], told: ToldEvents,
        pay_clock: PayClock, reconciling: Reconciling,
        send: Callable[[], None], tell: Callable[[int], None],
    ) -> None:  # fmt: skip
        """``send`` is called when there is something in the outbox, ``tell`` after every look."""
        self._database = database
        self._terms = terms
        self._scope = scope
        self._sources = sources
        self._told = told
        self._pay_clock = pay_clock
        self._reconciling = reconciling
        self._send = send
        self._tell = tell
        self._forgot_ms = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: or_die(self._run), name="desk-clock", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause_s = LOOK_EVERY_S
            try:
                if self.tick(now_ms()) == DUE_MAX:
                    pause_s = 0.0
            except Retryable as fault:
                pause_s = fault.retry_after_ms / 1000
            self._stopping.wait(pause_s)

    def tick(self, now: int) -> int:
        """Do what is to be done at this moment; how many things were due."""
        fired = 0
        if self._has_work(now):
            with self._database.write() as connection:
                items.wake(connection, now)
                read_ms = now - lag_of(self._places(connection), self._sources, now).ms
                fired = self._fire(connection, read_ms, now)
                self._pay_clock.tick(connection, now, read_ms - GRACE_MS)
                if self._told.try_again(connection, now):
                    self._send()
                self._forget(connection, now)
        self._reconciling.tick(now)
        self._tell(now)
        return fired

    def _has_work(self, now: int) -> bool:
        """Looked for without writing, because each transaction that writes waits for the disk."""
        with self._database.read() as connection:
            first_ms = due.next_ms(connection)
            is_due = first_ms is not None and first_ms + GRACE_MS <= now
            is_ours = is_due or self._told.any_due(connection, now) or self._pay_clock.any_due(connection, now)
            return is_ours or items.any_awake(connection, now) or now - self._forgot_ms > FORGET_EVERY_MS

    def _fire(self, connection: Connection, read_ms: int, now: int) -> int:
        found = due.until(connection, read_ms - GRACE_MS, DUE_MAX)
        meant = [each for each in found if is_meant(each, self._terms)]
        letters = [
            letter_of(each, each.due_ms, now, self._scope) for each in meant if KINDS[each.kind].sends is not None
        ]
        items.add(connection, [overdue(each, self._terms) for each in meant if KINDS[each.kind].sends is None])
        outbox.put_in(connection, letters)
        due.end(connection, [each.key for each in found])
        if letters:
            self._send()
        return len(found)

    def _places(self, connection: Connection) -> list[tuple[int, int]]:
        """How far the transactions of the reader have come."""
        cursor, count = place.cursor_of(connection), len(self._sources)
        return [FIRST] * count if cursor is None else parse_cursor(cursor, count)

    def _forget(self, connection: Connection, now: int) -> None:
        if now - self._forgot_ms > FORGET_EVERY_MS:
            repeats.forget(connection, now)
            shipments.forget_labels(connection, now)
            parcels.forget(connection, now)
            self._forgot_ms = now
