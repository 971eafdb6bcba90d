"""Keyed 64-bit hashes of texts that may be absent, and of the ids of an order's lines.

key(text)     = lower half of the text's SipHash, 0 where it is empty
line_key      = 0 where the line_id is empty or the line's own number from 1, else key(line_id)
plain number  = the value of "1", "2", ... up to nine digits without leading zeros; -1 for any other text
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import IN_I32, IN_U8, IN_U64, OUT_I32, OUT_U64, VOID, inlined_rule, kernel
from kernels.rows.hash_ids import lower_half

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py

NO_NUMBER = -1
_DIGITS_MAX = 9


@inlined_rule
def plain_number(text: Array, first: np.uint64, last: np.uint64) -> Int:
    """The number that a text writes, NO_NUMBER where it is none in plain form."""
    if last == first or last - first > np.uint64(_DIGITS_MAX) or text[first] == 0x30:
        return NO_NUMBER
    value: Int = 0
    for place in range(last - first):
        digit = np.int64(text[first + np.uint64(place)]) - 0x30
        if digit < 0 or digit > 9:
            return NO_NUMBER
        value = value * 10 + digit
    return value


@kernel(VOID, IN_U64, IN_I32, IN_U8, OUT_U64)
def text_keys(key: Array, offsets: Array, text: Array, out: Array) -> None:
    """out = key of every text.

    key     (2)     uint64 secret, first and second half, little endian      IN
    offsets (n + 1) int32  byte where each text starts, ascending             IN
    text    (any)   uint8  UTF-8 of all texts                                IN
    out     (n)     uint64 keys, 0 where a text is empty                      OUT

    Invariant: equal texts have equal keys. Cost: about 20 ns a text of 16 bytes, 1 ns an empty one.
    """
    for row in range(out.size):
        first, last = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        out[row] = lower_half(key, text, first, last) if last > first else np.uint64(0)


@kernel(VOID, IN_U64, IN_I32, IN_I32, IN_U8, OUT_U64)
def line_keys(key: Array, row_offsets: Array, offsets: Array, text: Array, out: Array) -> None:
    """out = line_key of every line of every order.

    key         (2)     uint64 secret, first and second half, little endian  IN
    row_offsets (n + 1) int32  where each order's lines start, ascending      IN
    offsets     (m + 1) int32  byte where each line_id starts, ascending      IN
    text        (any)   uint8  UTF-8 of all line_ids                         IN
    out         (m)     uint64 keys; lines of no order are not written       OUT

    Invariant: the n lines of an order without line_ids have the keys of one with the line_ids "1" to "n".
    """
    for row in range(row_offsets.size - 1):
        for line in range(row_offsets[row], row_offsets[row + 1]):
            first, last = np.uint64(offsets[line]), np.uint64(offsets[line + 1])
            if last == first or plain_number(text, first, last) == line - row_offsets[row] + 1:
                out[line] = np.uint64(0)
            else:
                out[line] = lower_half(key, text, first, last)


@kernel(VOID, IN_I32, IN_U8, OUT_I32)
def plain_numbers(offsets: Array, text: Array, out: Array) -> None:
    """out = plain number of every text.

    offsets (n + 1) int32 byte where each text starts, ascending IN
    text    (any)   uint8 UTF-8 of all texts                    IN
    out     (n)     int32 numbers from 1, NO_NUMBER             OUT

    Invariant: out[row] = k > 0 exactly where the text is str(k) and k has at most nine digits. Cost: 1 ns a byte.
    """
    for row in range(out.size):
        out[row] = plain_number(text, np.uint64(offsets[row]), np.uint64(offsets[row + 1]))
