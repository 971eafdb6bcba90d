"""Which events an order takes now: each type is tried on a copy of its book, as the smallest event of that type.

    judged by the books      the copy of the book says it
    needs the ledger         possible where some unit of some line can be meant
    takes an event back      possible where some event can be taken back

A field that a type needs, or without which it could mean several things, is given as it would be right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kernels.life import layout
from router.life.books import Books
from router.life.event_types import EVENT_TYPES, OrderEvent
from router.life.events import signed
from router.life.meant import Named, Refusing, units_meant
from router.life.open_book import OpenBook
from router.life.reversing import Reversing
from router.life.rules import RULES
from router.life.scratch import ROW
from router.life.states import Disposition, Stage, stage_of
from router.log.steps import OrderHistory

E = OrderEvent
NEW_HOLD = 1  # no keyed hash that anything has
_NODE_MATTERS = frozenset({E.SHORT_PICK, E.REFUSE})  # they are about what one node has not got


class _Trial(NamedTuple):
    """An event that says no more than it has to, as EVENT has it."""

    event: OrderEvent
    amount_minor: int = -1
    hold: int = 0
    shipment: int = 0
    payment: int = 0
    disposition: int = -1


_SMALLEST = {E.CREDIT: _Trial(E.CREDIT, amount_minor=1), E.HOLD: _Trial(E.HOLD, hold=NEW_HOLD)}
_TRIALS = tuple(_SMALLEST.get(event, _Trial(event)) for event in EVENT_TYPES.values())
_FURTHER = (_Trial(E.RETURN, disposition=Disposition.RESTOCK),)  # says what became of what was returned before


def next_events(books: Books, history: OrderHistory, reversing: Reversing) -> list[str]:
    """Types in the order of the alphabet; ``books`` hold the order in ROW and may be added to. None of one without."""
    if not books.are_open(np.array([ROW]))[0]:
        return []
    book = books.look(ROW)
    trials = [*_TRIALS, *_FURTHER, *_named(book)]
    found = {
        trial.event
        for trial, result in zip(trials, _tried(books, trials), strict=True)
        if result == layout.APPLIED or (result == layout.ASKED and _may_be_asked(trial.event, book, history, reversing))
    }
    return sorted(event.name.lower() for event in found)


def _named(book: OpenBook) -> Iterator[_Trial]:
    """What has to say which of several it means."""
    yield from (_Trial(E.SCAN, shipment=key) for key, _ in book.shipments[:1])
    of_one_payment = (E.PAYMENT_CAPTURED, E.PAYMENT_FAILED)
    authorized = [payment.key for payment in book.payments if payment.key and payment.authorized_minor]
    yield from (_Trial(event, payment=key) for event in of_one_payment for key in authorized)


def _tried(books: Books, trials: list[_Trial]) -> list[int]:
    """What becomes of each, on a copy of its own."""
    rows = np.arange(ROW + 1, ROW + 1 + len(trials))
    books.copy(ROW, rows)
    events = np.zeros(len(trials), layout.EVENT)
    for name in ("event", "amount_minor", "disposition"):
        events[name] = [getattr(trial, name) for trial in trials]
    for name in ("hold", "shipment", "payment"):
        events[name] = [signed(getattr(trial, name)) for trial in trials]
    events["currency"] = events["node"] = events["to_node"] = -1
    sent = layout.Sent(events, np.zeros(0, layout.EVENT_LINE))
    try:
        results: list[int] = books.judge(0, sent, rows, layout.STAGE_SHIPPED).verdicts["result"].tolist()
        return results
    finally:
        books.end(rows)


def _may_be_asked(event: OrderEvent, book: OpenBook, history: OrderHistory, reversing: Reversing) -> bool:
    if event is E.REVERSE:
        return reversing.finds_any(book, history)
    stages = frozenset(Stage(stage) for tier in RULES[event].tiers for stage in tier)
    places = {
        (line, node if event in _NODE_MATTERS else -1)
        for line, node, stage in book.positions[["line", "node", "stage"]].tolist()
        if stage_of(stage) in stages
    }
    return any(not isinstance(units_meant(book, Named([(line, -1)], node, stages)), Refusing) for line, node in places)
