"""Content hash of a row over many columns, one column after the other.

    state <- turn(state + word * A, 31) * B          for every word, and for every length before its words

The step is one to one in ``state`` and in ``word``. Because lengths go in first, "ab", "c" differs from
"a", "bc", and an empty list from a list of one empty string. Not keyed: it tells different bodies of one
order id apart and places strings in a table that the operator filled; it keeps no secret.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import IN_I32, IN_I64, IN_U8, OUT_U64, VOID, kernel, rule
from kernels.rows.read_words import EIGHT, SEVEN, ZERO, tail_of, word_at

U64Array = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]
I32Array = npt.NDArray[np.int32]
U8Array = npt.NDArray[np.uint8]

# Odd numbers without structure: the fractional parts of the square roots of 3 and 7, low bit set.
_A = np.uint64(0xBB67AE8584CAA73B)
_B = np.uint64(0xA54FF53A5F1D36F1)


@rule
def absorb(state: np.uint64, word: np.uint64) -> np.uint64:
    """The next state: one to one in both arguments."""
    mixed = state + word * _A
    return (mixed << np.uint64(31) | mixed >> np.uint64(33)) * _B


@rule
def scatter(state: np.uint64) -> np.uint64:
    """Spread every bit of the state over all bits, for use as a place in a table."""
    state = (state ^ state >> np.uint64(32)) * _A
    state = (state ^ state >> np.uint64(29)) * _B
    return state ^ state >> np.uint64(32)


@rule
def absorb_text(state: np.uint64, text: U8Array, first: np.uint64, last: np.uint64) -> np.uint64:
    """Length, whole words, then the tail, if any."""
    state = absorb(state, last - first)
    at = first
    for _ in range((last - first) // EIGHT):
        state = absorb(state, word_at(text, at))
        at += EIGHT
    if (last - first) & SEVEN != ZERO:
        state = absorb(state, tail_of(text, first, last))
    return state


@kernel(VOID, OUT_U64, IN_I32, IN_I64)
def fingerprint_ragged_ints(state: U64Array, row_offsets: I32Array, values: I64Array) -> None:
    """Mix one column of number lists into every row's state: the count, then each number.

    state (n) uint64 hash of the columns before INOUT
    row_offsets (n+1) int32 where each row's list starts in values, ascending IN
    values (any) int64 any unit IN

    Invariant: rows equal so far and equal in this column stay equal. Cost: one step a row and one a number.
    """
    for row in range(state.size):
        mixed = absorb(state[row], np.uint64(row_offsets[row + 1] - row_offsets[row]))
        for place in range(row_offsets[row], row_offsets[row + 1]):
            mixed = absorb(mixed, np.uint64(values[place]))
        state[row] = mixed


@kernel(VOID, OUT_U64, IN_I32, IN_I32, IN_U8)
def fingerprint_ragged_strings(state: U64Array, row_offsets: I32Array, offsets: I32Array, text: U8Array) -> None:
    """Mix one column of string lists into every row's state: the count, then each string.

    state (n) uint64 hash of the columns before INOUT
    row_offsets (n+1) int32 where each row's list starts in offsets, ascending IN
    offsets (any+1) int32 byte where each string starts, ascending IN
    text (any) uint8 UTF-8 of all strings IN

    Invariant: as above. Cost: one step a row, one a string and one per 8 bytes.
    """
    for row in range(state.size):
        mixed = absorb(state[row], np.uint64(row_offsets[row + 1] - row_offsets[row]))
        for place in range(row_offsets[row], row_offsets[row + 1]):
            mixed = absorb_text(mixed, text, np.uint64(offsets[place]), np.uint64(offsets[place + 1]))
        state[row] = mixed
