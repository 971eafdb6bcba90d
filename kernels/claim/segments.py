"""Tables for ever, open-addressed, that grow between batches; key 0 is a free place.

A table is a run of S segments of 1,024 places and grows by one segment at a time: with 2^k the smallest power of
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
from kernels.layout import INT64, IO_ENTRIES

Array = npt.NDArray[Any]

SEGMENT_BITS = 10
SEGMENT_PLACES = 1 << SEGMENT_BITS
PLACE_MASK = SEGMENT_PLACES - 1
HOME_SHIFT = 64 - SEGMENT_BITS  # the home comes from the top bits, the segment from the bottom ones


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
def spread_of(key: int) -> int:
    """The key with its bits mixed: the lowest decide the segment, the uppermost ten the home."""
    spread = (key ^ key >> 32) * 0x2545F4914F6CDD1D
    return int(spread ^ spread >> 32)


@inlined_rule
def home_of(key: int, segments: int) -> int:
    """Where a search for a key begins."""
    spread = spread_of(key)
    return int(segment_start(spread, segments) | ((spread >> HOME_SHIFT) & PLACE_MASK))


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


@kernel(VOID, I64, I64, IO_ENTRIES, IO_ENTRIES)
def grow_ever(segments: int, wanted: int, entries: Array, scratch: Array) -> None:
    """Grow a table for ever segment by segment.

    segments, wanted i64    before and after
    entries  (>= wanted x 1024) ENTRY  zeroed beyond segments                                           INOUT
    scratch  (1024)  ENTRY                                                                              scratch

    Afterwards every entry is found with ``wanted`` segments. Cost: 1024 places a segment, whatever the size.
    """
    for added in range(segments, wanted):
        # A fresh page that is read before it is written is faulted in twice, and the second time stops other threads.
        for place in range(added << SEGMENT_BITS, (added + 1) << SEGMENT_BITS):
            clear_entry(entries[place])
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
