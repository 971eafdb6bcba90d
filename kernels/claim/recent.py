"""What happened lately, in bounded memory: entries of two generations, found by key.

    a generation ends when the window has passed by the time of what comes, or when it holds entries_max entries;
    the one before it stays readable until then

    rows   (2, n)       ENTRY  of each generation in the order in which they came, in the half that its number names
    slots  (S x 2,048)  i64    which row a key has: S segments (segments.py) of 1,024 places, each a slot of either half

A slot says of which generation it is, so a new one begins without clearing anything; and enough of its key that a row
is looked at only when it is the right one, and that slots move to a new segment without their rows. Both generations
are asked for a key, and the slots of both lie side by side: one wait for memory. Rows lie without gaps: entries in open
tables of their own took seven times as much, and every fresh page of it was a fault while a shard stood.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, OUT_I64, VOID, inlined_rule, kernel, rule
from kernels.claim.segments import (
    HOME_SHIFT,
    PLACE_MASK,
    SEGMENT_BITS,
    SEGMENT_PLACES,
    fills,
    segment_start,
    split_from,
    spread_of,
)
from kernels.layout import INT64, IO_ENTRIES, IO_GENERATIONS

Array = npt.NDArray[Any]

FIRST_GENERATION = 2  # an empty slot seems to belong to none
ROW_BITS, HOME_BITS, SPREAD_BITS = 21, SEGMENT_BITS, 13
HOME_AT, SPREAD_AT = ROW_BITS, ROW_BITS + HOME_BITS
GENERATION_AT = SPREAD_AT + SPREAD_BITS
ROWS_MAX = 1 << ROW_BITS
SEGMENT_SLOTS = 2 * SEGMENT_PLACES
SLOT_MASK = SEGMENT_SLOTS - 1
ROW_MASK = ROWS_MAX - 1
SPREAD_MASK = (1 << SPREAD_BITS) - 1
SEGMENTS_MAX = 1 << SPREAD_BITS
GENERATIONS = (1 << (63 - GENERATION_AT)) - 1  # slots name them modulo this; from 1 on, so that 0 is an empty slot


@inlined_rule
def rotate(known_ms: int, window: Any) -> None:
    """Begin a new generation when it is time."""
    passed_ms = known_ms - window.started_ms
    if passed_ms >= 2 * window.window_ms:
        window.generation += 2  # nothing of the generation before is recent either
        window.started_ms = known_ms
        window.entries = 0
    elif passed_ms >= window.window_ms:
        window.generation += 1
        window.started_ms += window.window_ms
        window.entries = 0
    elif window.entries >= window.entries_max:
        window.generation += 1
        window.started_ms = max(known_ms, window.started_ms)
        window.entries = 0


@inlined_rule
def slot_segments(slots: Array) -> int:
    return int(slots.shape[0] >> (SEGMENT_BITS + 1))


@inlined_rule
def in_half(place: int, generation: int) -> int:
    """The slot of a place (segments.py) in the half of a generation."""
    return int(place << 1 | (generation & 1))


@inlined_rule
def next_slot(at: int) -> int:
    """The slot of the next place in the same half, round the end of its segment."""
    return int((at & ~SLOT_MASK) | ((at + 2) & SLOT_MASK))


@inlined_rule
def mark_of(spread: int, generation: int) -> int:
    """What a slot says beside its row."""
    home = (spread >> HOME_SHIFT) & PLACE_MASK
    of = generation % GENERATIONS + 1
    return int(of << GENERATION_AT | (spread & SPREAD_MASK) << SPREAD_AT | home << HOME_AT)


@inlined_rule
def first_slot(spread: int, generation: int, segments: int) -> int:
    """Where a search begins."""
    place = segment_start(spread, segments) | ((spread >> HOME_SHIFT) & PLACE_MASK)
    return int(in_half(place, generation))


@inlined_rule
def find_recent(key: int, generation: int, slots: Array, rows: Array) -> int:
    """Slot of the key in a generation, or the free one where it would stand."""
    spread = spread_of(key)
    mark, of = mark_of(spread, generation), generation % GENERATIONS + 1
    at: int = first_slot(spread, generation, slot_segments(slots))
    while slots[at] >> GENERATION_AT == of:
        if slots[at] & ~ROW_MASK == mark:
            entry = rows[generation & 1, slots[at] & ROW_MASK]
            if entry.key == key and entry.tag == generation:
                break
        at = next_slot(at)
    return at


@inlined_rule
def is_of(slot: int, generation: int) -> bool:
    """Whether a slot names a row of a generation."""
    return bool(slot >> GENERATION_AT == generation % GENERATIONS + 1)


@inlined_rule
def add_recent(key: int, at: int, generation: int, row: int, slots: Array, rows: Array) -> None:
    """Let a free slot name a row, and the row a key."""
    slots[at] = mark_of(spread_of(key), generation) | row
    rows[generation & 1, row].key, rows[generation & 1, row].tag = key, generation


@rule
def remove_recent(at: int, generation: int, entries: int, slots: Array, rows: Array) -> None:
    """Free a slot and its row; slots behind it that a search would no longer reach move up.

    ``entries``: of the generation, whose last row then fills the gap; 0 = nothing is added to it any more, a gap stays.
    """
    half, freed, hole = generation & 1, slots[at] & ROW_MASK, at
    slot = next_slot(hole)
    while is_of(slots[slot], generation):
        if fills(slot >> 1, slots[slot] >> HOME_AT & PLACE_MASK, hole >> 1):
            slots[hole] = slots[slot]
            hole = slot
        slot = next_slot(slot)
    slots[hole] = 0
    last = entries - 1
    if last > freed:
        moved = rows[half, last]
        slot = find_recent(moved.key, generation, slots, rows)
        slots[slot] = (slots[slot] & ~ROW_MASK) | freed
        filled = rows[half, freed]
        filled.key, filled.tag, filled.count, filled.value = moved.key, moved.tag, moved.count, moved.value
        rows[half, last].tag = 0
    else:
        rows[half, freed].tag = 0


@kernel(VOID, I64, I64, I64, OUT_I64, OUT_I64)
def grow_recent(generation: int, segments: int, wanted: int, slots: Array, scratch: Array) -> None:
    """Grow a window's slots segment by segment; those of generations that have passed are left out.

    generation       i64    the current one; it and the one before it live
    segments, wanted i64    before and after, at most SEGMENTS_MAX
    slots  (>= wanted x 2048) i64   zeroed beyond segments                                              INOUT
    scratch  (1024)  i64                                                                                scratch

    Afterwards every live entry is found with ``wanted`` segments. Cost: 1024 places a segment and generation.
    """
    for added in range(segments, wanted):
        first = added * SEGMENT_SLOTS
        slots[first : first + SEGMENT_SLOTS] = 0  # as in segments.grow_ever
        for live in range(max(generation - 1, FIRST_GENERATION), generation + 1):
            source: int = in_half(split_from(added), live)
            moved: int = INT64(0)
            for at in range(source, source + SEGMENT_SLOTS, 2):
                if is_of(slots[at], live):
                    scratch[moved] = slots[at]
                    moved += 1
                slots[at] = 0
            for number in range(moved):
                slot = scratch[number]
                home = slot >> HOME_AT & PLACE_MASK
                free: int = in_half(segment_start(slot >> SPREAD_AT & SPREAD_MASK, added + 1) | home, live)
                while slots[free] != 0:
                    free = next_slot(free)
                slots[free] = slot


@kernel(VOID, IO_ENTRIES, OUT_I64, IO_GENERATIONS)
def fill_recent(entered: Array, slots: Array, rows: Array) -> None:
    """Enter entries, each in the half its generation says, in the order in which they come.

    entered  (m)     ENTRY  of at most two generations that follow each other                           IN
    slots    (S x 2048) i64, rows (2, n) ENTRY   large enough, without these keys                       INOUT
    """
    even: int = INT64(0)
    odd: int = INT64(0)
    for number in range(entered.shape[0]):
        entry = entered[number]
        half = entry.tag & 1
        row = odd if half else even
        add_recent(entry.key, find_recent(entry.key, entry.tag, slots, rows), entry.tag, row, slots, rows)
        rows[half, row].count, rows[half, row].value = entry.count, entry.value
        even, odd = even + 1 - half, odd + half
