"""Values of JSON lines: texts, numbers, times, flags and lists of coupons, read from their first byte on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.rows.read_words import word_at
from kernels.text.json_text import (
    BACKSLASH,
    CLOSE_LIST,
    COMMA,
    OPEN_LIST,
    QUOTE,
    Int,
    find_stop,
    is_utf8,
    past_space,
    read_int,
)
from kernels.text.read_time import read_time
from kernels.text.scan_form import ABSENT, COUPONS_USED, FLAG, FULL, SPILL_BASE, SPILL_USED
from kernels.text.unescape import unescape

Array = npt.NDArray[Any]
U = np.uint64


@inlined_rule
def is_null(text: Array, position: Int) -> Int:
    return word_at(text, U(position)) & U(0xFFFFFFFF) == U(0x6C6C756E)


@inlined_rule
def read_text(text: Array, position: Int, spill: Array, cursor: Array) -> tuple[Int, Int, Int]:
    """(place behind, start, length) of a string or null; place -1 when it is neither or not sound."""
    if text[U(position)] != QUOTE:
        return (position + 4 if is_null(text, position) else -1), 0, 0
    first = position + 1
    stop, beyond_ascii = find_stop(text, first)
    if text[U(stop)] == QUOTE:
        if beyond_ascii and not is_utf8(text, first, stop):
            return -1, 0, 0
        return stop + 1, first, stop - first
    if text[U(stop)] != BACKSLASH:
        return -1, 0, 0
    at = cursor[SPILL_USED]
    stop, after = unescape(text, first, spill, at)
    if stop < 0:
        return -1, 0, 0
    cursor[SPILL_USED] = after
    return stop + 1, cursor[SPILL_BASE] + at, after - at


@inlined_rule
def read_number(text: Array, position: Int) -> tuple[Int, Int]:
    """(place behind, value) of a whole number or null."""
    if is_null(text, position):
        return position + 4, ABSENT
    return read_int(text, position)


@rule
def read_flag(text: Array, position: Int) -> tuple[Int, Int]:
    """(place behind, 0 or 1) of true or false."""
    word = word_at(text, U(position))
    if word & U(0xFFFFFFFF) == U(0x65757274):
        return position + 4, 1
    return (position + 5, 0) if word & U(0xFFFFFFFFFF) == U(0x65736C6166) else (-1, 0)


@rule
def read_unusual(text: Array, position: Int, kind: Int) -> tuple[Int, Int]:
    """(place behind, milliseconds) of a time in quotes, or (place behind, 0 or 1) of a flag, or of null."""
    if is_null(text, position):
        return position + 4, ABSENT
    return read_flag(text, position) if kind == FLAG else read_time(text, position)


@rule
def read_coupons(text: Array, position: Int, coupon: Array, spill: Array, cursor: Array) -> Int:
    """Append the strings of a list to ``coupon``; FULL when it has no room."""
    if is_null(text, position):
        return position + 4
    if text[U(position)] != OPEN_LIST:
        return -1
    position = past_space(text, position + 1)
    if text[U(position)] == CLOSE_LIST:
        return position + 1
    while text[U(position)] == QUOTE:
        if cursor[COUPONS_USED] == coupon.shape[1]:
            return FULL
        position, start, length = read_text(text, position, spill, cursor)
        if position < 0:
            return -1
        coupon[0, cursor[COUPONS_USED]], coupon[1, cursor[COUPONS_USED]] = start, length
        cursor[COUPONS_USED] += 1
        position = past_space(text, position)
        if text[U(position)] == CLOSE_LIST:
            return position + 1
        if text[U(position)] != COMMA:
            return -1
        position = past_space(text, position + 1)
    return -1
