"""A place in the logs of all shards at once: "0:123.0,1:98.17" = shard : sequence . row, one entry a shard.

An order's own cursor, as its acknowledgement has it, is the place of one record in one shard: "1:98:16".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from router.errors import Refused

_ENTRY = re.compile(r"(0|[1-9]\d{0,3}):(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,4})", re.ASCII)
_ORDER = re.compile(r"(0|[1-9]\d{0,3}):([1-9]\d{0,17}):(0|[1-9]\d{0,4})", re.ASCII)
ROWS_MAX = 1 << 16

LogPlace = tuple[int, int]  # sequence, row


class CursorError(Refused):
    """The text is not a cursor of this router."""


def parse_cursor(text: str, shards: int) -> list[LogPlace]:
    """LogPlace of every shard; the text must name each shard once, in order, exactly as it was given out."""
    places = []
    for shard, entry in enumerate(text.split(",")):
        match = _ENTRY.fullmatch(entry)
        if match is None or int(match[1]) != shard or int(match[3]) > ROWS_MAX:
            raise CursorError(f'"{entry[:40]}" is not entry {shard} of a cursor; send back a cursor as it was received')
        places.append((int(match[2]), int(match[3])))
    if len(places) != shards:
        raise CursorError(f"the cursor names {len(places)} shards, this router has {shards}; start without a cursor")
    return places


def places_behind(text: str, shards: int, first: LogPlace) -> list[LogPlace]:
    """As :func:`parse_cursor`; the cursor of an order stands behind it in its shard, and at ``first`` in all others."""
    match = _ORDER.fullmatch(text)
    if match is None:
        return parse_cursor(text, shards)
    shard, sequence, row = (int(part) for part in match.groups())
    if shard >= shards or row >= ROWS_MAX:
        raise CursorError(f'"{text}" is the cursor of no order here; send back a cursor as it was received')
    return [(sequence, row + 1) if number == shard else first for number in range(shards)]


def cursor_text(places: Sequence[LogPlace]) -> str:
    return ",".join(f"{shard}:{sequence}.{row}" for shard, (sequence, row) in enumerate(places))


def around(places: Sequence[LogPlace], shard: int) -> tuple[str, str]:
    """Text before and after one shard's place, for many cursors that differ only there."""
    entries = [f"{number}:{sequence}.{row}" for number, (sequence, row) in enumerate(places)]
    before = "".join(entry + "," for entry in entries[:shard]) + f"{shard}:"
    return before, "".join("," + entry for entry in entries[shard + 1 :])
