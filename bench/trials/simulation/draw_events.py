"""Events drawn from a seed: orders live through stories, in the order in which events may come, and through chance.

An event's fields are those that its type takes, each given or not. Events are sent again, under their id with another
body, under the id of another order's event, of orders that nobody sent, and after an order was closed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.trials.simulation import goods
from bench.trials.simulation.dice import Dice
from bench.trials.simulation.plan import CLIENTS, EventSent, Lines, OrderRow
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES

STORIES = tuple(
    tuple(story.split())
    for story in (
        "pick pack ship deliver return return close",
        "payment_captured pack ship deliver refund_requested payment_refunded close",
        "short_pick pick ship lose payment_refunded deliver close",
        "refuse accept ship deliver return reverse return",
        "move send_to_node accept pick short_pick cancel",
        "hold cancel release ship reverse ship",
        "cancel close note credit payment_refunded return",
        "payment_authorized payment_failed payment_authorized payment_captured write_off",
        "short_pick short_pick refuse cancel release",
        "move move refuse cancel",
        "release pick pack reverse ship scan deliver",
        "review_reject close note",
        "cancel cancel cancel close",
        "ship deliver close return payment_refunded note",
        "cancel short_pick cancel refuse",
    )
)
EVENTS_MAX = 5
_NO_SUCH_ORDER = 999
_AMOUNTS = (100, 490, 1_000, 2_490, 5_000)


class Events:
    """Of one plan; orders are those it was told of, with the client that sends them."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._orders: dict[int, list[OrderRow]] = defaultdict(list)  # by client
        self._sent: list[EventSent] = []
        self._of_order: dict[int, list[EventSent]] = defaultdict(list)
        self._told: Counter[int] = Counter()  # by order, events of its story that were sent

    def know(self, client: int, orders: Sequence[OrderRow]) -> None:
        self._orders[client] += orders

    def request(self, place: int) -> tuple[int, tuple[EventSent, ...]]:
        """Who sends, and what: a few events of one order or two, mostly by whoever sent them."""
        dice = self._dice
        owner = dice.one_of(sorted(self._orders), "events of", place)
        known = self._orders[owner]
        orders = [known[max(dice.below(len(known), "of", place, at, turn) for turn in range(2))] for at in range(2)]
        rows = [
            self._event(dice.one_of(orders, "event of", place, at), place, at)
            for at in range(dice.between(1, EVENTS_MAX, "event count", place))
        ]
        stranger = dice.chance(15, "stranger", place)
        return dice.below(CLIENTS, "event client", place) if stranger else owner, tuple(rows)

    def _event(self, order: OrderRow, place: int, at: int) -> EventSent:
        dice = self._dice
        if self._sent and dice.chance(12, "event again", place, at):
            return self._again(dice.one_of(self._sent, "which event", place, at), order, place, at)
        number = _NO_SUCH_ORDER if dice.chance(1, "no such order", place, at) else order.number
        sent = self._filled(EventSent(10 * place + at, number, self._type(order.number, place, at)), order, place, at)
        self._sent.append(sent)
        self._of_order[number].append(sent)
        return sent

    def _type(self, order: int, place: int, at: int) -> str:
        dice = self._dice
        if dice.chance(25, "any type", place, at):
            return dice.one_of(sorted(EVENT_TYPES), "type", place, at)
        story = dice.one_of(STORIES, "story", order)
        self._told[order] += 1
        return story[(self._told[order] - 1) % len(story)]

    def _again(self, sent: EventSent, order: OrderRow, place: int, at: int) -> EventSent:
        """The same, another body under its id, or its id for another order."""
        kind = self._dice.below(4, "again how", place, at)
        if kind == 0:
            return replace(sent, type="note", lines=(), fields=(("text", f"{place}.{at}"),))
        return replace(sent, order=order.number) if kind == 1 else sent

    # --- fields ----------------------------------------------------------------------------------

    def _filled(self, sent: EventSent, order: OrderRow, place: int, at: int) -> EventSent:
        event = EVENT_TYPES[sent.type]
        lines: Lines = ()
        if "lines" in TAKES[event] and self._dice.chance(50, "lines", place, at):
            lines = self._lines(order, place, at)
        fields = {}
        for name, choices in _CHOICES.items():
            needed = name in NEEDS.get(event, ())
            if name in TAKES[event] and (needed or self._dice.chance(_GIVEN.get(name, 25), name, place, at)):
                fields[name] = self._dice.one_of(choices, name, "which", place, at)
        if "reversed_event_id" in TAKES[event]:
            fields["reversed_event_id"] = self._earlier(order.number, place, at)
        return replace(sent, lines=lines, fields=tuple(sorted(fields.items())))

    def _lines(self, order: OrderRow, place: int, at: int) -> Lines:
        """Some of the order's lines, some of their units; now and then a line that it has not."""
        dice = self._dice
        found: dict[str, int | None] = {}
        for _ in range(dice.one_of((1, 1, 2), "line count", place, at)):
            line = dice.below(len(order.lines), "line", place, at, len(found))
            named = order.number + dice.chance(5, "line unknown", place, at, len(found))
            units = dice.between(1, order.lines[line][1], "units", place, at, len(found))
            found[goods.line_id(named, line)] = units if dice.chance(75, "units given", place, at, line) else None
        return tuple(found.items())

    def _earlier(self, order: int, place: int, at: int) -> str:
        """Mostly the newest one."""
        known = self._of_order[order] or self._sent or [EventSent(0, order, "note")]
        newest = len(known) - 1 - min(self._dice.below(len(known), "reversed", place, at, turn) for turn in range(3))
        return f"e-{known[newest].event}"


_CHOICES: dict[str, tuple[Any, ...]] = {
    "payment_id": ("p1", "p2"),
    "amount": _AMOUNTS,
    "currency": ("EUR",),
    "hold": ("fraud", "address", "review"),
    "node": goods.NODES,
    "to_node": goods.NODES,
    "shipment_id": ("1", "2", "parcel-a"),
    "tracking_number": ("T1", "T2"),
    "disposition": ("restock", "restock", "refurbish", "scrap", "missing"),
    "text": ("a word",),
    "reason": ("because",),
}
_GIVEN = {"amount": 40, "node": 20, "currency": 10, "shipment_id": 15, "disposition": 60, "to_node": 10}
