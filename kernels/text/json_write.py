"""Row rules that write JSON text into a byte array; each returns the place behind what it wrote.

The array has eight bytes of room behind the last byte written: texts are copied in whole words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.rows.gather_text import copy_text, put_word
from kernels.rows.read_words import word_at
from kernels.text.json_text import HIGHS, ONES, QUOTES, SLASHES, SPACES

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py
U = np.uint64

QUOTE, COMMA, COLON, NEWLINE = 0x22, 0x2C, 0x3A, 0x0A
CLOSE_OBJECT = 0x7D


@inlined_rule
def put(out: Array, at: Int, byte: Int) -> Int:
    out[U(at)] = byte
    return at + 1


@inlined_rule
def put_piece(offsets: Array, text: Array, number: Int, out: Array, at: Int) -> Int:
    """A text that needs no escapes and has eight readable bytes behind it."""
    first = np.int64(offsets[number])
    length = np.int64(offsets[number + 1]) - first
    copy_text(text, first, length, out, at)
    return at + length


@rule
def escape_byte(byte: Int, out: Array, at: Int) -> Int:
    """One byte of a string, escaped where JSON asks for it, in its shortest form."""
    if byte != QUOTE and byte != 0x5C and byte >= 0x20:
        return put(out, at, byte)
    at = put(out, at, 0x5C)
    if byte == QUOTE or byte == 0x5C:
        return put(out, at, byte)
    if byte == 0x0A:
        return put(out, at, 0x6E)
    if byte == 0x0D:
        return put(out, at, 0x72)
    if byte == 0x09:
        return put(out, at, 0x74)
    if byte == 0x08:
        return put(out, at, 0x62)
    if byte == 0x0C:
        return put(out, at, 0x66)
    at = put(out, put(out, put(out, at, 0x75), 0x30), 0x30)
    at = put(out, at, 0x30 + (byte >> 4))
    digit = byte & 15
    return put(out, at, digit + (0x30 if digit < 10 else 0x57))


@inlined_rule
def put_text(offsets: Array, text: Array, number: Int, out: Array, at: Int) -> Int:
    """A string's content. Words without anything to escape are copied whole; the text's last ones byte by byte."""
    place, last = np.int64(offsets[number]), np.int64(offsets[number + 1])
    while place < last and place + 8 <= text.size:
        word = word_at(text, U(place))
        quote, slash = word ^ QUOTES, word ^ SLASHES
        marks = ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((word - SPACES) & ~word)
        count: Int = min(last - place, 8)
        if marks & HIGHS == U(0):
            put_word(out, at, word)
            at += count
        else:
            for byte in range(place, place + count):
                at = escape_byte(np.int64(text[byte]), out, at)
        place += count
    while place < last:
        at = escape_byte(np.int64(text[place]), out, at)
        place += 1
    return at


@inlined_rule
def put_int(out: Array, at: Int, value: Int) -> Int:
    """Decimal digits; most numbers of an answer have one. int64's smallest value never occurs."""
    if U(value) < U(10):
        return put(out, at, 0x30 + value)
    return put_digits(out, at, value)


@rule
def put_digits(out: Array, at: Int, value: Int) -> Int:
    """What ``put_int`` writes for any number: counted first, then written from the last digit on."""
    if value < 0:
        at, value = put(out, at, 0x2D), -value
    rest, digits = value // 10, 1
    while rest:
        rest, digits = rest // 10, digits + 1
    for place in range(digits - 1, -1, -1):
        rest = value // 10
        out[U(at + place)] = 0x30 + value - rest * 10
        value = rest
    return at + digits


@rule
def put_padded(out: Array, at: Int, value: Int, digits: Int) -> Int:
    """Exactly so many digits, zeros in front."""
    for place in range(digits - 1, -1, -1):
        out[U(at + place)] = 0x30 + value % 10
        value //= 10
    return at + digits


@rule
def put_date(out: Array, at: Int, day: Int) -> Int:
    """Days since the epoch as "YYYY-MM-DD", null below 0. Years are counted from March, leap days come last."""
    if day < 0:
        for byte in (0x6E, 0x75, 0x6C, 0x6C):
            at = put(out, at, byte)
        return at
    since = day + 719468
    era_day = since % 146097
    year_of_era = (era_day - era_day // 1460 + era_day // 36524 - era_day // 146096) // 365
    day_of_year = era_day - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_month = (5 * day_of_year + 2) // 153
    month = march_month + 3 if march_month < 10 else march_month - 9
    year = year_of_era + since // 146097 * 400 + (1 if month <= 2 else 0)
    at = put_padded(out, put(out, at, QUOTE), year, 4)
    at = put_padded(out, put(out, at, 0x2D), month, 2)
    at = put_padded(out, put(out, at, 0x2D), day_of_year - (153 * march_month + 2) // 5 + 1, 2)
    return put(out, at, QUOTE)


@inlined_rule
def put_reference(out: Array, at: Int, shard: Int, sequence: Int, row: Int) -> Int:
    """shard:sequence:row"""
    at = put(out, put_int(out, at, shard), COLON)
    at = put(out, put_int(out, at, sequence), COLON)
    return put_int(out, at, row)


@rule
def put_reasons(mask: np.uint64, offsets: Array, text: Array, out: Array, at: Int) -> Int:
    """The quoted codes of a mask's bits, lowest first."""
    first, bit = True, 0
    while mask != U(0):
        if mask & U(1) == U(1):
            at = at if first else put(out, at, COMMA)
            at = put(out, put_piece(offsets, text, bit, out, put(out, at, QUOTE)), QUOTE)
            first = False
        mask >>= U(1)
        bit += 1
    return at
