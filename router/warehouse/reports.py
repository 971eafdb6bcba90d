"""What people report of waves and bins, and the events that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from router.ids import Scope
from router.warehouse.wave import Reported, Wave, WaveLine, WaveOrder
from router.work.acts import order_named
from router.work.item import WorkRefused

Counted = Literal["picked", "short", "packed"]
_EVENTS: dict[str, str] = {"picked": "pick", "short": "short_pick", "packed": "pack"}
_COUNTED: dict[str, Counted] = {"pick": "picked", "short_pick": "short", "pack": "packed"}


class WaveReport(NamedTuple):
    """One report of the holder of a key about a wave."""

    wave_id: str
    what: Literal["picked", "short", "packed", "released"]
    lines: tuple[Reported, ...]  # each once; of a release none, of what is packed what was picked
    reason: str  # of a short pick
    caller: str  # name of the key
    key: str  # by which the same request is known when it comes again
    digest: str
    now_ms: int
    tote: int = 0  # that is packed
    cartons: int = 0  # into how many; 0 = not said


class WaveList(NamedTuple):
    """Which waves are listed."""

    node: str
    states: tuple[str, ...]  # none = any
    behind: str  # wave_id of the last one before; "" = from the newest on
    limit: int


class BinAsked(NamedTuple):
    """A bin to be blocked, or given free."""

    node: str
    bin: str
    is_blocked: bool
    reason: str
    caller: str
    now_ms: int


def event_of(wave: Wave, order: WaveOrder, report: WaveReport, event_id: str, at: str, scope: Scope) -> dict[str, Any]:
    """What the books of an order are told of a report."""
    said = {
        "event_id": event_id,
        **order_named(order.order_id, order.channel, order.seller, scope),
        "type": _EVENTS[report.what],
        "at": at,
        "source": f"desk:{report.caller}"[:128],
        "node": wave.node,
        "lines": [
            {"line_id": each.line_id, "qty": each.qty} for each in report.lines if each.order_id == order.order_id
        ],
    }
    more = {"reason": report.reason, "cartons": report.cartons}
    return said | {name: value for name, value in more.items() if value}


def lines_of_event(event: str) -> tuple[Counted, dict[str, int]]:
    """What such an event counts, and units by line."""
    said = msgspec.json.decode(event)
    return _COUNTED[said["type"]], {line["line_id"]: line["qty"] for line in said["lines"]}


def bins_of(report: WaveReport, lines: Sequence[WaveLine], orders: Sequence[WaveOrder]) -> list[str]:
    """Bins in which units were not found; raises WorkRefused where a line has several and none is named."""
    order_ids = {order.order_key: order.order_id for order in orders}
    known = {(order_ids[line.order_key], line.line_id): line for line in lines}
    found = []
    for each in report.lines:
        names = [stop.bin.bin for stop in known[each.order_id, each.line_id].places]
        if each.bin and each.bin not in names:
            raise WorkRefused(
                "bad_parameter", f"lines: {each.line_id!r} does not lie in bin {each.bin!r}, but {names}."
            )
        if not each.bin and len(set(names)) > 1:
            said = f"lines: {each.line_id!r} lies in several bins; say in which of {names} it was not."
            raise WorkRefused("bad_parameter", said)
        found += [name for name in {each.bin or names[0]} if name]
    return found
