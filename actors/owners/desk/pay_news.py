"""What the feed tells of money that was asked for: that it came, that it did not, that less of it is due, that all was
shipped. And what the desk asks for by itself when a payment has failed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Connection

from actors.owners.desk.collecting import OVER, Collecting, Wanted
from actors.owners.desk.standings import Standings
from actors.store.desk import payments
from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.feed.changes import Changes
from router.life.event_types import OrderEvent
from router.life.instalments import Instalment
from router.life.states import OrderState, unpack_state
from router.log.columns import EventResult
from router.work.kinds import OWN_SOURCE
from router.work.pay import PayRefused, PayRequest, PayTerms, as_reference, request_id_of

E = OrderEvent
# Events that change what is due of an order, or when.
_TELL = (
    E.PAYMENT_CAPTURED, E.PAYMENT_REFUNDED, E.CANCEL, E.REVIEW_REJECT, E.EXPIRE, E.REFUSE, E.SHORT_PICK, E.CREDIT,
    E.WRITE_OFF, E.REVERSE, E.SHIP, E.DELIVER, E.PAYMENT_FAILED,
)  # fmt: skip
_SHIPPED = (OrderState.SHIPPED, OrderState.DELIVERED, OrderState.CLOSED)
_HALVES = [50, 50]


class _News(NamedTuple):
    order_key: str
    event: int
    version: int
    after: int  # state byte
    payment_id: str
    amount_minor: int  # -1 = all that was due
    received_at_ms: int


class PayNews:
    columns = (
        "hash_hi", "hash_lo", "event", "version", "after", "result", "payment_id", "amount_minor", "received_at_ms",
    )  # fmt: skip

    def __init__(
        self, collecting: Collecting, standings: Standings, terms: PayTerms, followed: set[int],
        now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        """``followed``: the low halves of the keys of orders of which money was asked for."""
        self._collecting = collecting
        self._standings = standings
        self._terms = terms
        self._followed = followed
        self._now_ms = now_ms

    def keep(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """In the transaction of the reader; few orders have anything of it."""
        news = [each for part in changes for each in self._news(part)]
        for each in news:
            if each.event == E.PAYMENT_CAPTURED:
                self._came(connection, each)
            elif each.event == E.PAYMENT_FAILED:
                self._failed(connection, each)
            elif each.event in (E.SHIP, E.DELIVER) and unpack_state(each.after)[0] in _SHIPPED:
                self._shipped(connection, each)
        for order_key in dict.fromkeys(each.order_key for each in news):
            self._collecting.look_again(connection, order_key, self._now_ms())

    def _news(self, changes: Changes) -> list[_News]:
        batch = changes.batch
        event, order = numbers(batch, "event"), numbers(batch, "hash_lo")
        is_ours = (numbers(batch, "result") == EventResult.APPLIED) & np.isin(event, _TELL)
        followed = np.fromiter(self._followed, np.uint64, len(self._followed))
        rows = np.flatnonzero(is_ours & ((event == E.PAYMENT_FAILED) | np.isin(order, followed)))
        found = select(batch.select(list(PayNews.columns)), rows) if len(rows) else None
        return [] if found is None else [
            _News(f"{row['hash_hi']:016x}{row['hash_lo']:016x}", *(row[name] for name in _News._fields[1:]))
            for row in found.to_pylist()
        ]  # fmt: skip

    def _came(self, connection: Connection, news: _News) -> None:
        """Also for a request that has ended meanwhile: its money is here all the same."""
        for request in payments.of_order(connection, news.order_key):
            if not request.payment_id or request.payment_id not in (news.payment_id, as_reference(news.payment_id)):
                continue
            came = request.left_minor if news.amount_minor < 0 else news.amount_minor
            request = msgspec.structs.replace(request, paid_minor=request.paid_minor + came)
            is_all = request.paid_minor >= request.amount_minor
            paid = request.now("paid", news.received_at_ms) if is_all else request
            payments.put(connection, msgspec.structs.replace(paid, closing=0) if is_all else paid)

    def _shipped(self, connection: Connection, news: _News) -> None:
        known = payments.order(connection, news.order_key)
        if known.instalments and not known.shipped_ms:
            payments.put_order(connection, msgspec.structs.replace(known, shipped_ms=news.received_at_ms))

    def _failed(self, connection: Connection, news: _News) -> None:
        known = payments.order(connection, news.order_key)
        known = msgspec.structs.replace(known, failures=known.failures + 1)
        payments.put_order(connection, known)
        if news.received_at_ms + self._terms.link_lives_ms <= self._now_ms():
            return  # read late, by a desk that begins anew: nobody waits for a link any more
        with contextlib.suppress(PayRefused):  # nothing is due, or nobody to ask: the failure's work item stands
            self._ask_again(connection, news, known.failures)

    def _ask_again(self, connection: Connection, news: _News, failures: int) -> PayRequest | None:
        """After the first failures the same again, where the configuration says so; then another way."""
        terms, now = self._terms, self._now_ms()
        named = request_id_of(f"{news.order_key}:{news.version}")
        link = Wanted(named, "link", None, OWN_SOURCE)
        other_way = terms.other_ways_after
        if not other_way or failures < other_way:
            return self._collecting.begin(connection, news.order_key, link, now) if terms.pay_again else None
        if failures > other_way:
            return None  # people go on with what was offered
        if self._agree_on_halves(connection, news, now):
            first = link if terms.partner else link._replace(method="bank_transfer")
            return self._collecting.begin(connection, news.order_key, first, now)
        if terms.transfer_to:
            return self._collecting.begin(connection, news.order_key, link._replace(method="bank_transfer"), now)
        return self._collecting.begin(connection, news.order_key, link, now) if terms.pay_again else None

    def _agree_on_halves(self, connection: Connection, news: _News, now: int) -> bool:
        """Half of it now, half after the shipping, of an order that is large enough."""
        standing = self._standings.now(news.order_key)
        if standing is None or standing.order in OVER or payments.order(connection, news.order_key).instalments:
            return False
        least = self._terms.instalments_from.get(self._standings.currency_of(standing))
        has_way = bool(self._terms.partner or self._terms.transfer_to)
        if not has_way or least is None or standing.total_minor < least:
            return False
        plan = [Instalment(0), Instalment(0, "after_shipping", self._terms.instalment_days)]
        self._collecting.agree(connection, news.order_key, plan, _HALVES, OWN_SOURCE, now)
        return True
