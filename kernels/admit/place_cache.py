"""Remember what an address resolves to: open addressing over (country, region, postcode), bytes compared.

    home = scatter(hash of the three texts) mod slots;  look at home, home + 1, ... until the key or a free slot

A slot is 0 when free, else the upper half of the hash (tag) and the entry number + 1. Keys are whole texts,
so two addresses that hash alike stay apart. At most half of the slots are taken: a search always ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_U8, IN_U64, OUT_I32, OUT_I64, OUT_U8, OUT_U64, kernel, rule
from kernels.rows.fingerprint import absorb, scatter
from kernels.rows.read_words import EIGHT, ONE, SEVEN, ZERO, tail_of, word_at

U64Array = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]
I32Array = npt.NDArray[np.int32]
U8Array = npt.NDArray[np.uint8]

_TAG = np.uint64(0xFFFFFFFF00000000)
_LENGTH_AT = np.uint64(56)
_NUMBER = np.uint64(0x00000000FFFFFFFF)


@rule
def _end_of(text: U8Array, first: np.uint64, last: np.uint64) -> np.uint64:
    """The last (last - first) % 8 bytes as one number: one load and a mask wherever the text goes on long enough."""
    count = (last - first) & SEVEN
    at = last - count
    if at + EIGHT <= np.uint64(text.size):
        return word_at(text, at) & ((ONE << (EIGHT * count)) - ONE)
    return tail_of(text, first, last)


@rule
def _absorb(state: np.uint64, text: U8Array, first: np.uint64, last: np.uint64) -> np.uint64:
    """Whole words, then the end together with the length, which leaves its upper byte free but for long texts."""
    at = first
    for _ in range((last - first) // EIGHT):
        state = absorb(state, word_at(text, at))
        at += EIGHT
    return absorb(state, _end_of(text, first, last) ^ (last - first) << _LENGTH_AT)


@rule
def _hash_of(
    row: int, at_a: I32Array, text_a: U8Array, at_b: I32Array, text_b: U8Array, at_c: I32Array, text_c: U8Array
) -> np.uint64:
    state = _absorb(ZERO, text_a, np.uint64(at_a[row]), np.uint64(at_a[row + 1]))
    state = _absorb(state, text_b, np.uint64(at_b[row]), np.uint64(at_b[row + 1]))
    return scatter(_absorb(state, text_c, np.uint64(at_c[row]), np.uint64(at_c[row + 1])))


@rule
def _same(row: int, at: I32Array, text: U8Array, start: int, stop: int, keys: U8Array) -> bool:
    """Whether a row's text equals keys[start:stop]."""
    place, last = np.uint64(at[row]), np.uint64(at[row + 1])
    other, end = np.uint64(start), np.uint64(stop)
    if last - place != end - other:
        return False
    for _ in range((last - place) // EIGHT):
        if word_at(text, place) != word_at(keys, other):
            return False
        place += EIGHT
        other += EIGHT
    return bool(_end_of(text, np.uint64(at[row]), last) == _end_of(keys, np.uint64(start), end))


@rule
def _put_text(row: int, at: I32Array, text: U8Array, keys: U8Array, start: int) -> int:
    for place in range(at[row], at[row + 1]):
        keys[start] = text[place]
        start += 1
    return start


@kernel(I64, IN_I32, IN_U8, IN_I32, IN_U8, IN_I32, IN_U8, IN_U64, IN_I32, IN_U8, OUT_I64, OUT_I64)
def look_up_places(
    at_country: I32Array,
    country: U8Array,
    at_region: I32Array,
    region: U8Array,
    at_postcode: I32Array,
    postcode: U8Array,
    slots: U64Array,
    bounds: I32Array,
    keys: U8Array,
    entry: I64Array,
    misses: I64Array,
) -> int:
    """Find the entry of every address; the rows without one are listed and counted.

    at_country, at_region, at_postcode (n+1) int32 byte where each text starts, ascending IN
    country, region, postcode (any) uint8 UTF-8 IN
    slots (power of two) uint64 tag and entry number + 1, 0 = free IN
    bounds (3 E + 1) int32 byte of keys where each entry's three texts start IN
    keys (any) uint8 texts of the entries IN
    entry (n) int64 number of the row's entry, -1 none OUT
    misses (n) int64 the rows without one, ascending OUT (as many as returned)

    Invariant: an entry's key equals the row's texts byte for byte. Cost: about 50 ns a row.
    """
    mask = np.uint64(slots.size) - ONE
    missed = 0
    for row in range(entry.size):
        hashed = _hash_of(row, at_country, country, at_region, region, at_postcode, postcode)
        at = hashed & mask
        entry[row] = -1
        while slots[at] != ZERO:
            number = np.int64(slots[at] & _NUMBER) - 1
            first = 3 * number
            if (
                slots[at] & _TAG == hashed & _TAG
                and _same(row, at_country, country, bounds[first], bounds[first + 1], keys)
                and _same(row, at_region, region, bounds[first + 1], bounds[first + 2], keys)
                and _same(row, at_postcode, postcode, bounds[first + 2], bounds[first + 3], keys)
            ):
                entry[row] = number
                break
            at = (at + ONE) & mask
        if entry[row] < 0:
            misses[missed] = row
            missed += 1
    return missed


@kernel(I64, I64, IN_I32, IN_U8, IN_I32, IN_U8, IN_I32, IN_U8, OUT_U64, OUT_I32, OUT_U8, I64)
def remember_place(
    row: int,
    at_country: I32Array,
    country: U8Array,
    at_region: I32Array,
    region: U8Array,
    at_postcode: I32Array,
    postcode: U8Array,
    slots: U64Array,
    bounds: I32Array,
    keys: U8Array,
    entries: int,
) -> int:
    """Add the address of one row, known to be absent, as the next entry; -1 and no change when it does not fit.

    row int64 IN
    at_country, at_region, at_postcode (n+1) int32 byte where each text starts, ascending IN
    country, region, postcode (any) uint8 UTF-8 IN
    slots (power of two >= 2 E) uint64 tag and entry number + 1, 0 = free INOUT
    bounds (3 E + 1) int32 byte of keys where each entry's three texts start INOUT
    keys (any) uint8 texts of the entries INOUT
    entries int64 entries so far, at most E IN

    Invariant: every entry stands in one slot, with no free slot between its home and it. Cost: about 40 ns.
    """
    first = 3 * entries
    length = (
        np.int64(at_country[row + 1] - at_country[row])
        + np.int64(at_region[row + 1] - at_region[row])
        + np.int64(at_postcode[row + 1] - at_postcode[row])
    )
    if first + 3 >= bounds.size or bounds[first] + length > keys.size:
        return -1
    bounds[first + 1] = _put_text(row, at_country, country, keys, bounds[first])
    bounds[first + 2] = _put_text(row, at_region, region, keys, bounds[first + 1])
    bounds[first + 3] = _put_text(row, at_postcode, postcode, keys, bounds[first + 2])
    mask = np.uint64(slots.size) - ONE
    hashed = _hash_of(row, at_country, country, at_region, region, at_postcode, postcode)
    at = hashed & mask
    while slots[at] != ZERO:
        at = (at + ONE) & mask
    slots[at] = hashed & _TAG | np.uint64(entries + 1)
    return entries
