"""Refunds that a person pays by hand are done when the order's log says that the money went, or that it did not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from actors.owners.desk.refunds import stuck_id
from actors.store.desk import calls, items, refunds
from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.feed.changes import Changes
from router.life.event_types import OrderEvent
from router.life.refunds import PartState
from router.log.columns import EventResult
from router.work.item import settled_in_words
from router.work.own_item import own_work_id
from router.work.refund import RefundPart

_ENDS: dict[int, PartState] = {OrderEvent.PAYMENT_REFUNDED: "done", OrderEvent.REFUND_FAILED: "failed"}


class _Report(NamedTuple):
    order_key: str
    event: int
    payment_id: str  # "" = whichever
    amount_minor: int  # -1 = all that was asked for
    received_at_ms: int


class PaidBack:
    columns = ("hash_hi", "hash_lo", "event", "result", "payment_id", "amount_minor", "received_at_ms")

    def keep(self, connection: Connection, changes: Sequence[Changes]) -> None:
        """In the transaction of the reader; few turns have any of these events."""
        reports = [report for part in changes for report in _reports(part)]
        waiting = refunds.orders_by_hand(connection) if reports else ()
        for report in reports:
            if report.order_key in waiting:
                _settle(connection, report)


def _reports(changes: Changes) -> list[_Report]:
    batch = changes.batch
    applied = numbers(batch, "result") == EventResult.APPLIED
    rows = np.flatnonzero(applied & np.isin(numbers(batch, "event"), list(_ENDS)))
    found = select(batch.select(list(PaidBack.columns)), rows) if len(rows) else None
    return [] if found is None else [
        _Report(f"{row['hash_hi']:016x}{row['hash_lo']:016x}", *(row[name] for name in _Report._fields[1:]))
        for row in found.to_pylist()
    ]  # fmt: skip


def _settle(connection: Connection, report: _Report) -> None:
    """As many parts, the oldest first, as the amount is enough for."""
    left = report.amount_minor
    for _, parts in refunds.of_order(connection, report.order_key).values():
        for part in parts:
            is_named = part.payment_id in ("", report.payment_id) or not report.payment_id
            is_meant = part.state == "by_hand" and is_named
            if is_meant and (report.amount_minor < 0 or part.amount_minor <= left):
                left -= part.amount_minor
                _end(connection, part, report)


def _end(connection: Connection, part: RefundPart, report: _Report) -> None:
    state = _ENDS[report.event]
    detail = "a person reported that it did not go back" if state == "failed" else ""
    refunds.put_part(connection, part.now(state, report.received_at_ms, detail))
    for work_id in _items_about(connection, part):
        item = items.find(connection, work_id)
        if item is not None:
            words = "settled by a report of the order"
            items.replace(connection, settled_in_words(item, words, report.received_at_ms))


def _items_about(connection: Connection, part: RefundPart) -> list[str]:
    """Work ids: that somebody pays it back, and that nobody knew whether the partner had."""
    call = calls.find(connection, part.partner, part.key)
    return [own_work_id("refund_by_hand", part.key), *([] if call is None else [stuck_id(call)])]
