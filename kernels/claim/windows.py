"""Windows: what happened lately, in bounded memory, and for ever, in tables that grow between batches.

    a window has two generations, each in an open-addressing table; a generation ends when the window has passed by
    the highest time seen, or when it holds entries_max entries; the one before it stays readable until then

An entry belongs to a generation by its number, so a new generation begins without clearing anything; both lie side
by side, so that looking at both costs one cache line. In tables for ever key 0 is a free place.

Both tables are a run of S segments of 1,024 places and grow by one segment at a time: with 2^k the smallest power of
two that is not below S, a key belongs to

    segment = spread mod 2^k, or spread mod 2^(k-1) where that segment does not exist yet
    home    = ten other bits of the spread key, inside the segment;  then the next places, round the segment's end

so growing moves part of one segment and nothing else. Tables that doubled stopped every decision for 0.8 s at two
million entries. Keys are keyed hashes, so segments of 256 to 512 entries on average do not fill up.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, VOID, inlined_rule, kernel, rule
from kernels.layout import INT64, IO_ENTRIES, IO_GENERATIONS

Array = npt.NDArray[Any]

SEGMENT_BITS = 10
SEGMENT_PLACES = 1 << SEGMENT_BITS
PLACE_MASK = SEGMENT_PLACES - 1
HOME_SHIFT = 64 - SEGMENT_BITS  # the home comes from the top bits, the segment from the bottom ones


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
def segment_start(spread: int, segments: int) -> int:
    """First place of the segment that a spread key belongs to."""
    mask = segments - 1
    mask |= mask >> 1
    mask |= mask >> 2
    mask |= mask >> 4
    mask |= mask >> 8
    mask |= mask >> 16
    segment = spread & mask
    if segment >= segments:
        segment &= mask >> 1
    return int(segment << SEGMENT_BITS)


@inlined_rule
def next_place(at: int) -> int:
    """The place after this one, round the end of its segment."""
    return int((at & ~PLACE_MASK) | ((at + 1) & PLACE_MASK))


@inlined_rule
def home_of(key: int, segments: int) -> int:
    """Where a search for a key begins."""
    spread = (key ^ key >> 32) * 0x2545F4914F6CDD1D
    spread ^= spread >> 32
    return int(segment_start(spread, segments) | ((spread >> HOME_SHIFT) & PLACE_MASK))


@inlined_rule
def find_recent(key: int, generation: int, segments: int, entries: Array) -> int:
    """Place of the key in a generation, or the free place where it would stand."""
    half = generation & 1
    at: int = home_of(key, segments)
    while entries[at, half].tag == generation and entries[at, half].key != key:
        at = next_place(at)
    return at


@inlined_rule
def find_ever(key: int, tag: int, segments: int, entries: Array) -> int:
    """Place of (key, tag) in a table for ever, or the free place where it would stand."""
    at: int = home_of(key ^ tag, segments)
    while entries[at].key != 0 and (entries[at].key != key or entries[at].tag != tag):
        at = next_place(at)
    return at


@inlined_rule
def segments_of(entries: Array) -> int:
    return int(entries.shape[0] >> SEGMENT_BITS)


@inlined_rule
def split_from(added: int) -> int:
    """First place of the segment from which segment ``added`` takes its entries."""
    return segment_start(added, added)


@rule
def copy_entry(old: Any, new: Any) -> None:
    new.key, new.tag, new.count, new.value = old.key, old.tag, old.count, old.value


@rule
def clear_entry(entry: Any) -> None:
    entry.key, entry.tag, entry.count, entry.value = 0, 0, 0, 0


@inlined_rule
def fills(place: int, home: int, hole: int) -> bool:
    """Whether an entry at a place may move into a hole before it: a search from its home passes there."""
    return bool((place - home) & PLACE_MASK >= (place - hole) & PLACE_MASK)


@rule
def remove_ever(at: int, entries: Array) -> None:
    """Free a place of a table for ever; entries behind it that a search would no longer reach move up."""
    segments, hole = segments_of(entries), at
    place = next_place(hole)
    while entries[place].key != 0:
        entry = entries[place]
        if fills(place, home_of(entry.key ^ entry.tag, segments), hole):
            copy_entry(entry, entries[hole])
            hole = place
        place = next_place(place)
    clear_entry(entries[hole])


@rule
def remove_recent(at: int, generation: int, entries: Array) -> None:
    """The same in one generation of a window."""
    segments, half, hole = segments_of(entries), generation & 1, at
    place = next_place(hole)
    while entries[place, half].tag == generation:
        entry = entries[place, half]
        if fills(place, home_of(entry.key, segments), hole):
            copy_entry(entry, entries[hole, half])
            hole = place
        place = next_place(place)
    clear_entry(entries[hole, half])


@kernel(VOID, I64, I64, I64, IO_GENERATIONS, IO_ENTRIES)
def grow_recent(generation: int, segments: int, wanted: int, entries: Array, scratch: Array) -> None:
    """Grow a window's table segment by segment; entries of generations that have passed are left out.

    generation       i64    the current one; it and the one before it live
    segments, wanted i64    before and after
    entries  (>= wanted x 1024, 2) ENTRY  by place and generation & 1; zeroed beyond segments           INOUT
    scratch  (1024)  ENTRY                                                                              scratch

    Afterwards every live entry is found with ``wanted`` segments. Cost: 2 x 1024 places a segment, whatever the size.
    """
    for added in range(segments, wanted):
        source = split_from(added)
        for half in range(2):
            live = generation if generation & 1 == half else generation - 1
            moved: int = INT64(0)
            for at in range(source, source + SEGMENT_PLACES):
                if entries[at, half].tag == live:
                    copy_entry(entries[at, half], scratch[moved])
                    moved += 1
                clear_entry(entries[at, half])
            for place in range(moved):
                entry = scratch[place]
                copy_entry(entry, entries[find_recent(entry.key, live, added + 1, entries), half])


@kernel(VOID, I64, I64, IO_ENTRIES, IO_ENTRIES)
def grow_ever(segments: int, wanted: int, entries: Array, scratch: Array) -> None:
    """Grow a table for ever segment by segment.

    segments, wanted i64    before and after
    entries  (>= wanted x 1024) ENTRY  zeroed beyond segments                                           INOUT
    scratch  (1024)  ENTRY                                                                              scratch

    Afterwards every entry is found with ``wanted`` segments. Cost: 1024 places a segment, whatever the size.
    """
    for added in range(segments, wanted):
        source = split_from(added)
        moved: int = INT64(0)
        for at in range(source, source + SEGMENT_PLACES):
            if entries[at].key != 0:
                copy_entry(entries[at], scratch[moved])
                moved += 1
            clear_entry(entries[at])
        for place in range(moved):
            entry = scratch[place]
            copy_entry(entry, entries[find_ever(entry.key, entry.tag, added + 1, entries)])


@kernel(VOID, IO_ENTRIES, IO_GENERATIONS)
def fill_recent(rows: Array, entries: Array) -> None:
    """Enter rows, each in the half its generation says.

    rows     (m)     ENTRY  of at most two generations that follow each other                           IN
    entries  (n, 2)  ENTRY  large enough, without these keys                                            INOUT
    """
    segments = segments_of(entries)
    for row in range(rows.shape[0]):
        entry = rows[row]
        copy_entry(entry, entries[find_recent(entry.key, entry.tag, segments, entries), entry.tag & 1])


@kernel(VOID, IO_ENTRIES, IO_ENTRIES)
def fill_ever(rows: Array, entries: Array) -> None:
    """Enter rows in a table for ever.

    rows     (m)  ENTRY                                                                                 IN
    entries  (n)  ENTRY  large enough, without these keys                                               INOUT
    """
    segments = segments_of(entries)
    for row in range(rows.shape[0]):
        entry = rows[row]
        copy_entry(entry, entries[find_ever(entry.key, entry.tag, segments, entries)])
