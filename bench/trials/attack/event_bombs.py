"""Events at their bounds: ten thousand lines each, all on one order, texts of the greatest length."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.trials.attack.attack import Attack, Body, Target, Told, at_once, events, single_order
from bench.trials.attack.ground import up_to
from bench.trials.attack.long_orders import one_long

MIB = 1 << 20
ORDER = "of-events"
LINES = 10_000
_encode = msgspec.json.Encoder().encode


def of_many_lines(bytes_max: int, order_id: str, lines: int, kind: str = "cancel") -> bytes:
    """Each names every line, a unit of it."""
    named = [{"line_id": str(number), "qty": 1} for number in range(1, lines + 1)]
    return up_to(bytes_max, lambda at: _line(f"m-{kind}-{at}", order_id, kind, lines=named))


def longest_notes(bytes_max: int, order_id: str) -> bytes:
    return up_to(bytes_max, lambda at: _line(f"n-{at}", order_id, "note", text="x" * 4_096))


def _line(event_id: str, order_id: str, kind: str, **more: object) -> bytes:
    return bytes(_encode({"event_id": event_id, "order_id": order_id, "type": kind, **more})) + b"\n"


def longest_order() -> Body:
    return single_order(one_long(ORDER, LINES))


def behind_an_order(target: Target, bodies: Sequence[Body]) -> Told:
    """The order first, then everything about it at once."""
    told = target.send(longest_order())
    told.add(at_once(target, bodies))
    return told


ATTACKS = (
    Attack(
        "events",
        "1 MiB of events of 10,000 lines, 4 at once",
        lambda: [events(of_many_lines(MIB, ORDER, LINES, kind)) for kind in ("cancel", "pick", "pack", "ship")],
        behind_an_order,
    ),
    Attack(
        "events", "longest notes on one order, 8 MiB", lambda: [events(longest_notes(8 * MIB, ORDER))], behind_an_order
    ),
)
