"""Which texts may be written in another way than their settled form: the few that are looked at one by one.

odd = begins or ends with a blank character, or may not be composed (NFC), or has a character beyond the basic plane

A text that is not odd is settled (router/spelling.py); one that is odd may be, too. The quick check of Unicode decides
by one byte a character: BLANK, COMPOSES, or the rank of a mark, which must not fall from one mark to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_U8, OUT_U8, inlined_rule, kernel
from kernels.rows.read_words import EIGHT, ONE, ZERO, tail_of, word_at
from kernels.text.json_text import HIGHS

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py

BLANK, COMPOSES = 1, 2
_SPACE, _DELETE = 0x20, 0x7F


@inlined_rule
def is_ascii(text: Array, first: np.uint64, last: np.uint64) -> bool:
    """Whether no byte has its upper bit; never reads past ``last``."""
    at, high = first, ZERO
    for _ in range((last - first) // EIGHT):
        high |= word_at(text, at)
        at += EIGHT
    return bool((high | tail_of(text, first, last)) & HIGHS == ZERO)


@inlined_rule
def blank_byte(byte: Int) -> bool:
    return bool((byte <= _SPACE) | (byte == _DELETE))


@inlined_rule
def mark_at(text: Array, at: Int, marks: Array) -> Int:
    """Mark of the character that begins here; -1 beyond the basic plane."""
    lead = np.int64(text[at])
    if lead < 0x80:
        return np.int64(BLANK) if blank_byte(lead) else np.int64(0)
    if lead < 0xE0:
        return np.int64(marks[(lead & 0x1F) << 6 | (np.int64(text[at + 1]) & 0x3F)])
    if lead < 0xF0:
        code = (lead & 0x0F) << 12 | (np.int64(text[at + 1]) & 0x3F) << 6 | (np.int64(text[at + 2]) & 0x3F)
        return np.int64(marks[code])
    return np.int64(-1)


@inlined_rule
def bytes_of(lead: Int) -> Int:
    """Bytes of a character by its first one."""
    if lead < 0x80:
        return np.int64(1)
    if lead < 0xE0:
        return np.int64(2)
    return np.int64(3) if lead < 0xF0 else np.int64(4)


@inlined_rule
def is_odd(text: Array, first: Int, last: Int, marks: Array) -> bool:
    """Of a text with characters beyond ASCII."""
    at, rank, mark = first, np.int64(0), np.int64(0)
    while at < last:
        mark = mark_at(text, at, marks)
        if mark < 0 or mark == COMPOSES or (mark == BLANK and at == first) or (COMPOSES < mark < rank):
            return True
        rank = mark if mark > COMPOSES else np.int64(0)
        at += bytes_of(np.int64(text[at]))
    return bool(mark == BLANK)


@kernel(I64, IN_I32, IN_U8, IN_U8, OUT_U8)
def odd_texts(offsets: Array, text: Array, marks: Array, odd: Array) -> int:
    """Mark the texts that may not be settled; returns how many they are.

    offsets (n + 1) int32  byte where each text starts, ascending                             IN
    text    (any)   uint8  UTF-8 of all texts, whole characters                               IN
    marks   (65536) uint8  one a character of the basic plane, router/spelling.py             IN
    odd     (n)     uint8  1 = looked at one by one                                           OUT

    Invariant: a text that is not odd equals its settled form. Cost: 1 ns a text where all are ASCII, else 1 ns for
    eight bytes of it and 2 ns for any other character.
    """
    count = 0
    all_ascii = is_ascii(text, np.uint64(offsets[0]), np.uint64(offsets[odd.size]))
    for row in range(odd.size):
        first, last = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        odd[row] = 0
        if last == first:
            continue
        if all_ascii or is_ascii(text, first, last):
            found = blank_byte(text[first]) | blank_byte(text[last - ONE])
        else:
            found = is_odd(text, np.int64(first), np.int64(last), marks)
        odd[row] = found
        count += found
    return count
