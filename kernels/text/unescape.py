"""Row rules that write a JSON string without its escapes, as UTF-8."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import rule
from kernels.text.json_text import BACKSLASH, QUOTE, find_stop, is_utf8

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py
U = np.uint64


@rule
def hex4(text: Array, position: Int) -> Int:
    """Value of four hexadecimal digits, -1 where they are none."""
    value: Int = 0
    for place in range(4):
        byte = np.int64(text[position + place])
        if 0x30 <= byte <= 0x39:
            digit = byte - 0x30
        elif 0x41 <= (byte & 0xDF) <= 0x46:
            digit = (byte & 0xDF) - 0x37
        else:
            return -1
        value = value * 16 + digit
    return value


@rule
def code_point(text: Array, position: Int) -> tuple[Int, Int]:
    """What backslash-u at the position stands for and where it ends; -1 for half a surrogate pair or no number."""
    value = hex4(text, position + 2)
    if value < 0 or 0xDC00 <= value <= 0xDFFF:
        return -1, -1
    if value < 0xD800:
        return position + 6, value
    if value > 0xDFFF:
        return position + 6, value
    if text[U(position + 6)] != BACKSLASH or text[U(position + 7)] != 0x75:
        return -1, -1
    low = hex4(text, position + 8)
    if low < 0xDC00 or low > 0xDFFF:
        return -1, -1
    return position + 12, 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00)


@rule
def put_utf8(out: Array, at: Int, value: Int) -> Int:
    """Write one code point; returns the place behind it."""
    if value < 0x80:
        out[at] = value
        return at + 1
    if value < 0x800:
        out[at] = 0xC0 | value >> 6
        out[at + 1] = 0x80 | value & 0x3F
        return at + 2
    if value < 0x10000:
        out[at] = 0xE0 | value >> 12
        out[at + 1] = 0x80 | value >> 6 & 0x3F
        out[at + 2] = 0x80 | value & 0x3F
        return at + 3
    out[at] = 0xF0 | value >> 18
    out[at + 1] = 0x80 | value >> 12 & 0x3F
    out[at + 2] = 0x80 | value >> 6 & 0x3F
    out[at + 3] = 0x80 | value & 0x3F
    return at + 4


@rule
def plain_escape(byte: Int) -> Int:
    """What a backslash and this byte stand for, -1 for none."""
    if byte in (QUOTE, BACKSLASH, 0x2F):
        return byte
    if byte == 0x6E:
        return 0x0A
    if byte == 0x74:
        return 0x09
    if byte == 0x72:
        return 0x0D
    if byte == 0x62:
        return 0x08
    return 0x0C if byte == 0x66 else -1


@rule
def unescape(text: Array, position: Int, out: Array, at: Int) -> tuple[Int, Int]:
    """Copy a string up to its closing quote with escapes replaced: (place of the quote or -1, end in out)."""
    while True:
        stop, beyond_ascii = find_stop(text, position)
        if beyond_ascii and not is_utf8(text, position, stop):
            return -1, at
        for source in range(position, stop):
            out[at] = text[source]
            at += 1
        if text[U(stop)] == QUOTE:
            return stop, at
        if text[U(stop)] != BACKSLASH:
            return -1, at
        if text[U(stop + 1)] == 0x75:
            position, value = code_point(text, stop)
        else:
            position, value = stop + 2, plain_escape(np.int64(text[U(stop + 1)]))
        if value < 0:
            return -1, at
        at = put_utf8(out, at, value)
