"""What partners tell of orders, by webhooks and in answers to calls, on its way into the books.

    told ─▶ outbox ─▶ shard ─▶ taken, or refused by the books: the end
              ▲         └────▶ no such order, or a thing that no table has: put aside, and a work item
              └── clock: tried again, after as long as it was tried so far ──┘

Under the partner's own id, so what is told twice is kept once. What names no order, but a tracking number, is of the
order that has it: looked up here, and aside until there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from actors.store.desk import items, outbox, parcels
from actors.store.desk.outbox import Letter
from adapters._told import ToldEvent
from router.ids import U64, Scope, hash_text, scoped_id
from router.tracking.numbers import normalise
from router.work.acts import Act, order_named
from router.work.item import WorkItem, settled_in_words
from router.work.partner_told import may_pass, told_work_id, unplaced_item

TRIED_MAX = 500  # in one transaction of the clock
HOMELESS_MS = 14 * 86_400_000  # a parcel may be scanned before its shop reports that it left


class ToldEvents:
    """For any thread; every method writes in the transaction it is given."""

    def __init__(self, scope: Scope, hash_key: U64, answer_ms: Mapping[str, int]) -> None:
        """``hash_key``: of the data folder; ``answer_ms``: that people have for an item, by queue."""
        self._scope: Scope = scope
        self._hash_key = hash_key
        self._answer_ms = answer_ms

    def take(self, connection: Connection, events: Iterable[ToldEvent], now_ms: int) -> None:
        """Into the outbox; what names no order and finds none waits aside for one."""
        for event in events:
            found = event if event.order_id else self._placed(connection, event)
            outbox.put_in(connection, [self._letter(found or event, now_ms)])
            if found is None:
                outbox.put_aside(connection, self._letter(event, now_ms), "", now_ms)

    def _placed(self, connection: Connection, event: ToldEvent) -> ToldEvent | None:
        """Of the order whose parcel has its tracking number; the newest, where the number came again. Only scans are
        taken by number: what else is told needs the parcel's id."""
        found = parcels.find(connection, normalise(event.tracking_number))
        is_scan = event.type == "scan"
        if not found or not (is_scan or found[0].shipment_id):
            return None
        named = order_named(found[0].order_id, found[0].channel, found[0].seller, self._scope)
        number = event.tracking_number if is_scan else ""
        return msgspec.structs.replace(event, shipment_id=found[0].shipment_id, tracking_number=number, **named)

    def _letter(self, event: ToldEvent, now_ms: int) -> Letter:
        order = scoped_id(self._scope, event.order_id, event.channel, event.seller)
        hi, lo = hash_text(self._hash_key, order)
        said = msgspec.json.encode(event).decode()
        return Letter(event.event_id, told_work_id(event.event_id), f"{hi:016x}{lo:016x}", said, now_ms)

    def put_aside(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> bool:
        """Whether it is a partner's, and its refusal may pass: then it is kept for another try."""
        if letter.work_id != told_work_id(letter.event_id) or not may_pass(answer):
            return False
        item = items.find(connection, letter.work_id)
        if item is None:
            new = unplaced_item(letter.event, letter.order_key, answer, now_ms)
            answer_ms = self._answer_ms[new.queue]
            items.add(connection, [msgspec.structs.replace(new, deadline_ms=now_ms + answer_ms)])
        elif item.state == "resolved":
            return False  # a person has let it go meanwhile
        outbox.put_aside(connection, letter, msgspec.json.encode(answer).decode(), now_ms)
        return True

    def heard(self, connection: Connection, letter: Letter, answer: Mapping[str, Any], now_ms: int) -> None:
        """It was taken, or the books refuse it, which is work of its own: either way it has found its order."""
        item = items.find(connection, letter.work_id)
        is_told = letter.work_id == told_work_id(letter.event_id)
        if is_told and item is not None and item.state != "resolved":
            words = f"the order has heard of it: {answer['status']}"
            items.replace(connection, settled_in_words(item, words, now_ms))

    def decided(self, connection: Connection, item: WorkItem, act: Act) -> None:
        """A person has ended the item: nothing is tried any more."""
        if item.kind.endswith("_unplaced"):
            outbox.let_go(connection, item.work_id, act.now_ms)

    def any_due(self, connection: Connection, now_ms: int) -> bool:
        """Whether the time of anything that was put aside has come."""
        return bool(outbox.aside_due(connection, now_ms, 1))

    def try_again(self, connection: Connection, now_ms: int) -> bool:
        """Send what was put aside and whose time has come; whether there was any."""
        due = outbox.aside_due(connection, now_ms, TRIED_MAX)
        homeless = [letter for letter in outbox.letters(connection, due) if not _event(letter).order_id]
        still = [letter for letter in homeless if not self._find_home(connection, letter, now_ms)]
        sent = set(due) - {letter.event_id for letter in still}
        outbox.again(connection, sorted(sent))
        return bool(sent)

    def _find_home(self, connection: Connection, letter: Letter, now_ms: int) -> bool:
        """Whether what names no order has one now. A number that no order has for long is of another shop's parcel."""
        placed = self._placed(connection, _event(letter))
        if placed is not None:
            outbox.addressed(connection, self._letter(placed, letter.made_ms))
        elif now_ms - letter.made_ms > HOMELESS_MS:
            outbox.let_go(connection, letter.work_id, now_ms)
        else:
            outbox.put_off(connection, letter, now_ms)
        return placed is not None


def _event(letter: Letter) -> ToldEvent:
    return msgspec.json.decode(letter.event, type=ToldEvent)
