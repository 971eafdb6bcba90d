"""What the books say that came and went by a partner's payments on a day, read from the feed.

An entry counts on the day on which it happened (``at`` of its event), so that it counts on the same day as at the
partner; one that was taken back since does not count at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.feed.changes import ChangeReader, Changes
from router.feed.feed import FIRST, Feed
from router.feed.runs import FeedSource
from router.life.event_types import OrderEvent
from router.life.reconciling import Figure, What
from router.life.states import MoneyAccount
from router.log.columns import EventResult
from router.log.cursor import cursor_text
from router.log.records import INPUT
from router.log.reference import in_shard

COLUMNS = (
    "event", "result", "event_id", "hash_hi", "hash_lo", "order", "order_id", "source", "payment_id",
    "reversed_event_id", "occurred_at_ms", "money",
)  # fmt: skip
EARLY_MS = 3_600_000  # a partner's clock may be ahead of ours so much
_WHAT: dict[int, tuple[What, int]] = {
    OrderEvent.PAYMENT_CAPTURED: ("captured", MoneyAccount.CAPTURED),
    OrderEvent.PAYMENT_REFUNDED: ("refunded", MoneyAccount.REFUNDED),
}


class Day(NamedTuple):
    """Of whom, and from when until before when, Unix milliseconds."""

    partner: str
    from_ms: int
    until_ms: int


def books_of_day(
    sources: Sequence[FeedSource], day: Day, payments: Collection[str], currency_of: Callable[[int], str]
) -> list[Figure]:
    """``payments``: ids of payments that are the partner's, too, whoever reported them; ``currency_of``: of the order
    that is at a place."""
    cursor = cursor_text([(_first_since(source, day.from_ms - EARLY_MS), FIRST[1]) for source in sources])
    feed = Feed(ChangeReader(sources, COLUMNS), cursor)
    found: dict[tuple[str, str], tuple[Figure, int]] = {}
    while feed.has_news:
        before = feed.cursor
        for part in feed.turn():
            _take(part.changes, day, payments, found)
        if feed.cursor == before:
            break  # a record that is not finished yet
    return [figure._replace(currency=currency_of(place)) for figure, place in found.values()]


def _take(
    changes: Changes, day: Day, payments: Collection[str], found: dict[tuple[str, str], tuple[Figure, int]]
) -> None:
    for row in _rows(changes, day):
        order_key = f"{row['hash_hi']:016x}{row['hash_lo']:016x}"
        if row["event"] == OrderEvent.REVERSE:
            found.pop((order_key, row["reversed_event_id"]), None)
        elif row["source"] == day.partner or row["payment_id"] in payments:
            what, account = _WHAT[row["event"]]
            amount = sum(move["amount_minor"] for move in row["money"] if move["account"] == account)
            figure = Figure(row["payment_id"], what, amount, "", row["order_id"])
            found[order_key, row["event_id"]] = figure, in_shard(changes.shard, row["order"])


def _rows(changes: Changes, day: Day) -> Iterator[dict[str, Any]]:
    batch = changes.batch
    event, at_ms = numbers(batch, "event"), numbers(batch, "occurred_at_ms")
    is_then = np.isin(event, list(_WHAT)) & (at_ms >= day.from_ms) & (at_ms < day.until_ms)
    is_ours = (is_then | (event == OrderEvent.REVERSE)) & (numbers(batch, "result") == EventResult.APPLIED)
    rows = np.flatnonzero(is_ours)
    yield from select(batch, rows).to_pylist() if len(rows) else ()


def _first_since(source: FeedSource, since_ms: int) -> int:
    """Sequence of the first record that was received by then or later; behind the last where none was."""
    low, high = FIRST[0], source.last_sequence(INPUT) + 1
    while low < high:
        middle = (low + high) // 2
        head = source.head(middle, INPUT)
        if head is None or head.now_ms >= since_ms:
            high = middle
        else:
            low = middle + 1
    return low
