"""The order index: where the row of a 128-bit order id is, in a hash table that grows by fixed small steps.

The table is a run of S segments of 8,192 slots; 2^k is the smallest power of two that is not below S.

    segment = tag mod 2^k, or tag mod 2^(k-1) where that segment does not exist yet
    home    = the 13 top bits of the tag, inside the segment;  then the next slots, round the segment's end

Growing appends segment S and moves into it those entries of segment S - 2^floor(log2 S) whose next bit is set, so a
step costs the same at a million orders and at a thousand million: no doubling, no pause, and nothing else moves.

A slot is 0 when free, else tag << 32 | row + 1. The tag, the upper half of ``hi``, holds the home (its top bits) and
the segment (its bottom bits), so growing reads no row. Rows are columns beside the table: hi, lo and what the caller
keeps. No entry is ever removed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I64, IN_U8, IN_U32, IN_U64, OUT_I64, OUT_U8, OUT_U32, OUT_U64, U64, VOID, kernel, rule
from kernels.rows.fingerprint import absorb, scatter
from kernels.rows.read_words import ONE, ZERO

U64Array = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]
U32Array = npt.NDArray[np.uint32]
U8Array = npt.NDArray[np.uint8]

SEGMENT_SLOTS = 8_192
SEGMENTS_MAX = 1 << 19  # the bits of a tag that are not its home
AHEAD = 32  # rows whose home slots are fetched together, so that their cache misses overlap

_SLOTS = np.uint64(SEGMENT_SLOTS)
_IN_SEGMENT = np.uint64(SEGMENT_SLOTS - 1)
_TAG = np.uint64(0xFFFFFFFF00000000)
_ROW = np.uint64(0x00000000FFFFFFFF)
_TO_TAG = np.uint64(32)
_TO_HOME = np.uint64(64 - 13)


@rule
def _segment_mask(segments: np.uint64) -> np.uint64:
    """2^k - 1 for the smallest 2^k that is not below ``segments``."""
    mask = ZERO
    while mask + ONE < segments:
        mask = mask << ONE | ONE
    return mask


@rule
def _first_slot(hi: np.uint64, segments: np.uint64, mask: np.uint64) -> np.uint64:
    """Number of the first slot of the id's segment."""
    segment = hi >> _TO_TAG & mask
    if segment >= segments:
        segment &= mask >> ONE
    return segment * _SLOTS


@rule
def _search(
    hi: np.uint64, lo: np.uint64, first: np.uint64, slots: U64Array, row_hi: U64Array, row_lo: U64Array
) -> np.uint64:
    """The slot that holds the id, else the free slot where it belongs, else slots.size (a full segment).

    A reader in another process may meet a slot whose row it has not mapped yet; that row is not compared.
    """
    place = hi >> _TO_HOME
    for _ in range(SEGMENT_SLOTS):
        at = first + place
        slot = slots[at]
        if slot == ZERO:
            return at
        if slot & _TAG == hi & _TAG:
            row = (slot & _ROW) - ONE
            if row < np.uint64(row_hi.size) and row_hi[row] == hi and row_lo[row] == lo:
                return at
        place = (place + ONE) & _IN_SEGMENT
    return np.uint64(slots.size)


@rule
def _fetch_homes(
    hi: U64Array, start: int, stop: int, segments: np.uint64, mask: np.uint64, slots: U64Array, first: U64Array
) -> None:
    """first = first slot of each id's segment; reads every home slot, so that the searches find them in cache."""
    seen = ZERO
    for row in range(start, stop):
        at = _first_slot(hi[row], segments, mask)
        first[row - start] = at
        seen |= slots[at + (hi[row] >> _TO_HOME)]
    first[AHEAD] = seen  # stored, so that the reads are not optimised away


@kernel(I64, IN_U64, IN_U64, I64, OUT_U64, OUT_U64, OUT_U64, I64, OUT_U64, OUT_I64, OUT_U8)
def insert_ids(
    hi: U64Array,
    lo: U64Array,
    segments: int,
    slots: U64Array,
    row_hi: U64Array,
    row_lo: U64Array,
    count: int,
    first: U64Array,
    rows: I64Array,
    fresh: U8Array,
) -> int:
    """rows = row of each id, appended where the id is new; result = count of rows afterwards.

    hi (n) uint64 upper half of the id's hash IN
    lo (n) uint64 lower half IN
    segments int64 segments of the table IN
    slots (>= segments x 8192) uint64 the table INOUT
    row_hi (>= count + n) uint64 upper half by row INOUT
    row_lo (>= count + n) uint64 lower half by row INOUT
    count int64 rows so far IN
    first (AHEAD + 1) uint64 scratch
    rows (n) int64 row of each id OUT
    fresh (n) uint8 1 = this occurrence brought the id OUT

    Invariant: equal ids have equal rows, a row has one id, and an id is fresh at most once for ever.
    Cost: one cache miss an id; about 30 ns small, 60 ns at five million.
    """
    wide = np.uint64(segments)
    mask = _segment_mask(wide)
    for start in range(0, hi.size, AHEAD):
        stop = min(start + AHEAD, hi.size)
        _fetch_homes(hi, start, stop, wide, mask, slots, first)
        for place in range(start, stop):
            at = _search(hi[place], lo[place], first[place - start], slots, row_hi, row_lo)
            slot = slots[at]
            fresh[place] = slot == ZERO
            if slot == ZERO:
                row_hi[count] = hi[place]
                row_lo[count] = lo[place]
                count += 1
                slot = (hi[place] & _TAG) | np.uint64(count)
                slots[at] = slot
            rows[place] = np.int64(slot & _ROW) - 1
    return count


@kernel(VOID, IN_U64, IN_U64, I64, IN_U64, IN_U64, IN_U64, OUT_U64, OUT_I64)
def find_ids(
    hi: U64Array,
    lo: U64Array,
    segments: int,
    slots: U64Array,
    row_hi: U64Array,
    row_lo: U64Array,
    first: U64Array,
    rows: I64Array,
) -> None:
    """rows = row of each id.

    hi (n) uint64 upper half of the id's hash IN
    lo (n) uint64 lower half IN
    segments int64 segments of the table IN
    slots (>= segments x 8192) uint64 the table IN
    row_hi (any) uint64 upper half by row IN
    row_lo (as row_hi) uint64 lower half by row IN
    first (AHEAD + 1) uint64 scratch
    rows (n) int64 row of each id, -1 = not in the index OUT

    Invariant: a row found has exactly this id. Ends also on a table that is being written. Cost: as insert_ids.
    """
    wide = np.uint64(segments)
    mask = _segment_mask(wide)
    for start in range(0, hi.size, AHEAD):
        stop = min(start + AHEAD, hi.size)
        _fetch_homes(hi, start, stop, wide, mask, slots, first)
        for place in range(start, stop):
            at = _search(hi[place], lo[place], first[place - start], slots, row_hi, row_lo)
            found = at < np.uint64(slots.size) and slots[at] != ZERO
            rows[place] = np.int64(slots[at] & _ROW) - 1 if found else -1


@kernel(VOID, IN_I64, IN_U64, IN_U8, IN_U32, OUT_U64, OUT_U8, OUT_U32)
def put_rows(
    rows: I64Array,
    references: U64Array,
    states: U8Array,
    versions: U32Array,
    reference: U64Array,
    state: U8Array,
    version: U32Array,
) -> None:
    """What the caller keeps of rows is these values; of a row that is named more than once the last ones.

    rows (n) int64 rows of the index IN
    references (n) uint64 place in the log IN
    states (n) uint8 lifecycle state IN
    versions (n) uint32 version of the order IN
    reference (> every row) uint64 by row INOUT
    state (as reference) uint8 by row INOUT
    version (as reference) uint32 by row INOUT

    Invariant: rows that are not named stay as they are. Cost: three cache misses a row, which overlap.
    """
    for at in range(rows.size):
        row = rows[at]
        reference[row] = references[at]
        state[row] = states[at]
        version[row] = versions[at]


@kernel(VOID, I64, OUT_U64, OUT_U64)
def split_segment(segments: int, slots: U64Array, scratch: U64Array) -> None:
    """Grow the table by one segment: the entries that belong to segment ``segments`` move there.

    segments int64 segments before, at least 1 IN
    slots (>= (segments + 1) x 8192) uint64 the table, the new segment all 0 INOUT
    scratch (8192) uint64 scratch

    Invariant: the same entries as before, each findable with segments + 1. Cost: about 30 us, whatever the size.
    """
    added = np.uint64(segments)
    mask = _segment_mask(added + ONE)
    source = (added & mask >> ONE) * _SLOTS
    taken = ZERO
    for at in range(source, source + _SLOTS):  # without a branch: whether a slot is free cannot be predicted
        slot = slots[at]
        slots[at] = ZERO
        scratch[taken & _IN_SEGMENT] = slot
        taken += np.uint64(slot != ZERO)
    for place in range(taken):
        slot = scratch[place]
        first = added * _SLOTS if slot >> _TO_TAG & mask == added else source
        home = slot >> _TO_HOME
        while slots[first + home] != ZERO:
            home = (home + ONE) & _IN_SEGMENT
        slots[first + home] = slot


@kernel(U64, IN_U64, IN_U64, IN_U64, IN_U8, IN_U32)
def fold_rows(row_hi: U64Array, row_lo: U64Array, reference: U64Array, state: U8Array, version: U32Array) -> np.uint64:
    """Sum over rows of a mix of all they hold, modulo 2^64: the same for every order of rows.

    row_hi (n) uint64 upper half of the id's hash IN
    row_lo (n) uint64 lower half IN
    reference (n) uint64 place in the log IN
    state (n) uint8 lifecycle state IN
    version (n) uint32 version of the order IN

    Invariant: independent of the order of rows and of the table. Cost: about 5 ns a row.
    """
    total = ZERO
    for row in range(row_hi.size):
        mixed = absorb(absorb(absorb(ZERO, row_hi[row]), row_lo[row]), reference[row])
        total += scatter(absorb(mixed, np.uint64(state[row]) << np.uint64(32) | np.uint64(version[row])))
    return total
