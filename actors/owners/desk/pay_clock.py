"""What becomes of requests for money by time alone: those nobody paid are over, instalments fall due."""

from __future__ import annotations

import contextlib

import msgspec
from sqlalchemy import Connection

from actors.owners.desk.collecting import Collecting, Wanted
from actors.store.desk import payments
from router.work.kinds import OWN_SOURCE
from router.work.pay import Method, PayOrder, PayRefused, PayTerms, next_instalment, request_id_of

AT_ONCE_MAX = 500  # in one transaction of the clock


class PayClock:
    """For the desk's clock; every method reads or writes in the transaction it is given."""

    def __init__(self, collecting: Collecting, terms: PayTerms) -> None:
        self._collecting = collecting
        self._terms = terms

    def any_due(self, connection: Connection, now_ms: int) -> bool:
        times = payments.next_expiry_ms(connection), payments.next_due_ms(connection)
        return any(at_ms is not None and at_ms <= now_ms for at_ms in times)

    def tick(self, connection: Connection, now_ms: int, read_ms: int) -> None:
        """``read_ms``: up to when the log was read; a payment that lies unread in it was made in time."""
        for request in payments.expired(connection, read_ms, AT_ONCE_MAX):
            over = request.now("expired", now_ms, "nobody paid in time")
            payments.put(connection, msgspec.structs.replace(over, closing=0))
            if over.instalment and not request.closing:
                self._collecting.raise_overdue(connection, over, now_ms)
            self._collecting.go_on(connection, request.order_key, now_ms)
        for known in payments.falling_due(connection, now_ms, AT_ONCE_MAX):
            self._ask_for_next(connection, known, now_ms)

    def _ask_for_next(self, connection: Connection, known: PayOrder, now_ms: int) -> None:
        payments.put_order(connection, msgspec.structs.replace(known, next_ms=0))
        with contextlib.suppress(PayRefused):  # nothing is due any more
            standing = self._collecting.standing(known.order_key)
            number = next_instalment(known.lefts(standing.captured_minor, standing.due_minor))
            cause = f"{known.order_key}:{known.agreed_ms}:instalment:{number}"
            method: Method = "link" if self._terms.partner else "bank_transfer"
            wanted = Wanted(request_id_of(cause), method, None, OWN_SOURCE, self._terms.instalment_within_ms)
            self._collecting.begin(connection, known.order_key, wanted, now_ms)
