"""Find strings in a fixed table of strings: open addressing over hashes, bytes compared.

    home = scatter(hash of text) mod slots;  look at home, home + 1, ... until the string or a free slot

A slot is 0 when free, else the upper half of the hash (tag) and the number + 1. At most half of the slots are
taken, so a search is short and always ends. Keys of a table are the operator's, so an unkeyed hash will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import IN_I32, IN_U8, IN_U64, OUT_I32, OUT_U64, VOID, kernel, rule
from kernels.rows.fingerprint import absorb_text, scatter
from kernels.rows.read_words import EIGHT, ONE, ZERO, tail_of, word_at

U64Array = npt.NDArray[np.uint64]
I32Array = npt.NDArray[np.int32]
U8Array = npt.NDArray[np.uint8]
Int = Any  # int64, see kernels/text/json_text.py

_TAG = np.uint64(0xFFFFFFFF00000000)
_NUMBER = np.uint64(0x00000000FFFFFFFF)


@rule
def _same_text(text: U8Array, first: np.uint64, last: np.uint64, known: U8Array, start: np.uint64) -> bool:
    """Whether text[first:last] equals the bytes of ``known`` from ``start``, which are as many."""
    at = first
    other = start
    for _ in range((last - first) // EIGHT):
        if word_at(text, at) != word_at(known, other):
            return False
        at += EIGHT
        other += EIGHT
    return bool(tail_of(text, first, last) == tail_of(known, start, start + (last - first)))


@rule
def same_string(
    offsets: I32Array, text: U8Array, number: Int, others: I32Array, other_text: U8Array, other: Int
) -> bool:
    """Whether a string of a table equals one of this or another table."""
    first, last = np.uint64(offsets[number]), np.uint64(offsets[number + 1])
    start, end = np.uint64(others[other]), np.uint64(others[other + 1])
    return bool(end - start == last - first and _same_text(text, first, last, other_text, start))


@rule
def _hash_of(text: U8Array, first: np.uint64, last: np.uint64) -> np.uint64:
    return scatter(absorb_text(ZERO, text, first, last))


@kernel(VOID, IN_I32, IN_U8, OUT_U64)
def fill_slots(offsets: I32Array, text: U8Array, slots: U64Array) -> None:
    """Enter strings, known to be distinct, into an empty table.

    offsets (n+1) int32 byte where each string of the table starts IN
    text (any) uint8 UTF-8 IN
    slots (power of two >= 2n) uint64 tag and number + 1, 0 = free; all 0 before INOUT

    Invariant: every number stands in one slot, with no free slot between its home and it. Cost: about 20 ns a string.
    """
    mask = np.uint64(slots.size) - ONE
    for number in range(offsets.size - 1):
        hashed = _hash_of(text, np.uint64(offsets[number]), np.uint64(offsets[number + 1]))
        at = hashed & mask
        while slots[at] != ZERO:
            at = (at + ONE) & mask
        slots[at] = (hashed & _TAG) | np.uint64(number + 1)


@kernel(VOID, IN_I32, IN_U8, IN_U64, IN_I32, IN_U8, OUT_I32)
def find_strings(
    offsets: I32Array, text: U8Array, slots: U64Array, known_offsets: I32Array, known_text: U8Array, found: I32Array
) -> None:
    """found = number of each string in the table.

    offsets (n+1) int32 byte where each sought string starts IN
    text (any) uint8 UTF-8 of the sought strings IN
    slots (power of two) uint64 as left by fill_slots IN
    known_offsets (m+1) int32 byte where each string of the table starts IN
    known_text (any) uint8 UTF-8 of the table IN
    found (n) int32 number in the table, -1 = not there OUT

    Invariant: found[row] = k >= 0 exactly when the sought string equals string k. Cost: about 15 ns a string.
    """
    mask = np.uint64(slots.size) - ONE
    for row in range(found.size):
        first = np.uint64(offsets[row])
        last = np.uint64(offsets[row + 1])
        hashed = _hash_of(text, first, last)
        at = hashed & mask
        number = np.int32(-1)
        while slots[at] != ZERO:
            slot = slots[at]
            if slot & _TAG == hashed & _TAG:
                candidate = (slot & _NUMBER) - ONE
                start = np.uint64(known_offsets[candidate])
                if np.uint64(known_offsets[candidate + ONE]) - start == last - first and _same_text(
                    text, first, last, known_text, start
                ):
                    number = np.int32(candidate)
                    break
            at = (at + ONE) & mask
        found[row] = number
