"""A wave: orders that are picked together at a node, and how far each line of them is.

open ──(nothing is left to pick)──▶ done
  └──(released: what is left goes back to what waits)──▶ released
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from router.warehouse.bins import Bin
from router.work.item import WorkRefused

WaveState = Literal["open", "done", "released"]
WAVE_STATES: tuple[WaveState, ...] = ("open", "done", "released")
WAVE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
ORDERS_USUAL, ORDERS_MAX = 50, 200
LINES_USUAL, LINES_MAX = 500, 2_000
REPORTED_MAX = 2_000  # lines in one report


class WaveAsked(NamedTuple):
    """Which of the orders that wait at a node are to be picked together."""

    node: str
    zone: str  # "" = any; else all units of an order lie in it
    carrier: str  # "" = any
    due_before_ms: int  # 0 = any
    orders_max: int
    lines_max: int
    caller: str  # name of the key
    key: str  # by which the same request is known when it comes again
    digest: str
    now_ms: int


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    wave_id: str
    node: str
    state: WaveState = "open"
    zone: str
    carrier: str
    due_before_ms: int
    made_by: str
    made_ms: int
    ended_ms: int = 0


class WaveOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a wave."""

    wave_id: str
    order_key: str
    number: int  # from 1: of the tote
    order_id: str
    channel: str
    seller: str
    due_ms: int
    carrier: str
    service: str
    told_version: int = 0  # of the order, with the last report of the wave that its books took


class Stop(NamedTuple):
    """Where units of a line are taken from."""

    sku: str
    qty: int  # in one unit of the line
    bin: Bin


class WaveLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order in a wave; all figures are units of the line: whole bundles where it is one."""

    wave_id: str
    order_key: str
    line: int  # from 0
    line_id: str
    sku: str
    stops: str  # of Stop, as JSON
    qty: int
    picked: int = 0
    short: int = 0  # not found
    dropped: int = 0  # left the wave without having been picked
    packed: int = 0
    why: str = ""  # it was dropped

    @property
    def left(self) -> int:
        return self.qty - self.picked - self.short - self.dropped

    @property
    def places(self) -> list[Stop]:
        return msgspec.json.decode(self.stops, type=list[Stop])


class Reported(NamedTuple):
    """So many units of a line that a person has, or did not find."""

    order_id: str
    line_id: str
    qty: int
    bin: str = ""  # where they were not; "" = in the only one of the line


Key = tuple[str, int]  # order_key, line


def reported(
    what: Literal["picked", "short", "packed"],
    said: Sequence[Reported],
    lines: Sequence[WaveLine],
    orders: Sequence[WaveOrder],
) -> list[WaveLine]:
    """The lines that a report changes, as they are afterwards; raises WorkRefused with none of them changed."""
    order_ids = {order.order_key: order.order_id for order in orders}
    known = {(order_ids[line.order_key], line.line_id): line for line in lines}
    changed: dict[Key, WaveLine] = {}
    for each in said:
        there = known.get((each.order_id, each.line_id))
        if there is None:
            remedy = "see its lines with GET /v1/waves/{wave_id}"
            raise WorkRefused(
                "bad_parameter", f"lines: the wave has no line {each.line_id!r} of order {each.order_id!r}; {remedy}."
            )
        line = changed.get((there.order_key, there.line), there)
        if each.qty > (line.picked - line.packed if what == "packed" else line.left):
            why = f" ({line.dropped} left it: {line.why})" if line.dropped else ""
            raise WorkRefused(
                "wave_conflict",
                f"Line {each.line_id!r} of order {each.order_id!r} has {line.left} units left in the wave{why}, "
                f"not {each.qty}; report what there is.",
            )
        count = getattr(line, what) + each.qty
        changed[line.order_key, line.line] = msgspec.structs.replace(line, **{what: count})
    return list(changed.values())


def dropped(lines: Iterable[WaveLine], waiting: Mapping[int, int], why: str) -> list[WaveLine]:
    """Lines of one order of which fewer units wait to be picked than the wave wants (``waiting``: by line)."""
    found = []
    for line in lines:
        fewer = line.left - waiting.get(line.line, 0)
        if fewer > 0:
            found.append(msgspec.structs.replace(line, dropped=line.dropped + fewer, why=why))
    return found


def not_taken(line: WaveLine, what: Literal["picked", "short", "packed"], qty: int, why: str) -> WaveLine:
    """The order's books refused what was reported of a line: its units are no longer the wave's."""
    count = max(getattr(line, what) - qty, 0)
    if what == "packed":
        return msgspec.structs.replace(line, packed=count, why=why)
    return msgspec.structs.replace(line, **{what: count}, dropped=line.dropped + getattr(line, what) - count, why=why)
