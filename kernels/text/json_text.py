"""Row rules over JSON text in a byte array: eight bytes at a time, never past the line.

Every text handed in ends its lines with a newline and has at least eight readable bytes behind its last
newline. A newline is no JSON white space here, so each rule stops at the end of its line by itself. A rule
that does not understand what it sees answers position -1; the caller then leaves the line to a slower reader.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.rows.read_words import word_at

Array = npt.NDArray[Any]
Int = Any  # int64: numpy's stubs want a cast to int, which numba would read as uint64

U = np.uint64
ONES = U(0x0101010101010101)
HIGHS = U(0x8080808080808080)
QUOTES = U(0x2222222222222222)
SLASHES = U(0x5C5C5C5C5C5C5C5C)
SPACES = U(0x2020202020202020)
PLACES = U(0x0001020304050607)  # multiplied by 1 << 8k its top byte is k

QUOTE, BACKSLASH, NEWLINE = 0x22, 0x5C, 0x0A
COMMA, COLON, MINUS = 0x2C, 0x3A, 0x2D
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = 0x7B, 0x7D, 0x5B, 0x5D
NESTING_MAX = 60  # of values nobody reads; one bit of a uint64 each
INT64_MAX = U(0x7FFFFFFFFFFFFFFF)


@inlined_rule
def first_byte(marks: np.uint64) -> Int:
    """Number of the lowest byte whose top bit is set; marks has no other bits and is not 0."""
    lowest = marks & (~marks + U(1))
    return np.int64(((lowest >> U(7)) * PLACES) >> U(56))


@inlined_rule
def past_space(text: Array, position: Int) -> Int:
    byte = text[U(position)]
    while byte == 0x20 or byte == 0x09 or byte == 0x0D:
        position += 1
        byte = text[U(position)]
    return position


@inlined_rule
def find_stop(text: Array, position: Int) -> tuple[Int, bool]:
    """The first quote, backslash or control byte at or behind the position; was a byte before it not ASCII?"""
    beyond_ascii = U(0)
    while True:
        word = word_at(text, U(position))
        quote, slash = word ^ QUOTES, word ^ SLASHES
        marks = ((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((word - SPACES) & ~word)
        found = marks & HIGHS
        if found != U(0):
            before = (found & (~found + U(1))) - U(1)
            return position + first_byte(found), (beyond_ascii | word & before & HIGHS) != U(0)
        beyond_ascii = beyond_ascii | word & HIGHS
        position += 8


@rule
def is_utf8(text: Array, position: Int, stop: Int) -> bool:
    """Well-formed UTF-8: shortest form, no surrogates, at most U+10FFFF."""
    while position < stop:
        byte = np.int64(text[U(position)])
        position += 1
        if byte < 0x80:
            continue
        if byte < 0xC2 or byte > 0xF4:
            return False
        more = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
        if position + more > stop:
            return False
        second = np.int64(text[U(position)])
        low = 0xA0 if byte == 0xE0 else 0x90 if byte == 0xF0 else 0x80
        high = 0x9F if byte == 0xED else 0x8F if byte == 0xF4 else 0xBF
        if second < low or second > high:
            return False
        for place in range(1, more):
            if text[position + place] & 0xC0 != 0x80:
                return False
        position += more
    return True


@rule
def skip_string(text: Array, position: Int) -> Int:
    """Past a string whose opening quote is at the position; -1 when it has escapes or is not sound."""
    stop, beyond_ascii = find_stop(text, position + 1)
    if text[U(stop)] != QUOTE or (beyond_ascii and not is_utf8(text, position + 1, stop)):
        return -1
    return stop + 1


@inlined_rule
def is_digit(byte: Int) -> Int:
    return 0x30 <= byte <= 0x39


@inlined_rule
def read_int(text: Array, position: Int) -> tuple[Int, Int]:
    """(place behind, value) of a whole number above -2**63; -1 for anything else, 1.0 and 1e3 included."""
    negative = text[U(position)] == MINUS
    if negative:
        position += 1
    first, value = position, U(0)
    while is_digit(text[U(position)]) and position - first < 19:
        value = value * U(10) + U(text[U(position)] - 0x30)
        position += 1
    digits, byte = position - first, text[U(position)]
    if digits == 0 or value > INT64_MAX or (digits > 1 and text[U(first)] == 0x30):
        return -1, 0
    if is_digit(byte) or byte == 0x2E or (byte & 0xDF) == 0x45:
        return -1, 0
    return position, -np.int64(value) if negative else np.int64(value)


@rule
def skip_digits(text: Array, position: Int) -> Int:
    """Past one or more digits, -1 where there is none."""
    first = position
    while is_digit(text[U(position)]):
        position += 1
    return position if position > first else -1


@rule
def skip_number(text: Array, position: Int) -> Int:
    if text[U(position)] == MINUS:
        position += 1
    first = position
    position = skip_digits(text, position)
    if position < 0 or (text[U(first)] == 0x30 and position > first + 1):
        return -1
    if text[U(position)] == 0x2E:
        position = skip_digits(text, position + 1)
    if position > 0 and (text[U(position)] & 0xDF) == 0x45:
        sign = text[U(position + 1)] == MINUS or text[U(position + 1)] == 0x2B
        position = skip_digits(text, position + 2 if sign else position + 1)
    return position


@rule
def skip_word(text: Array, position: Int) -> Int:
    """Past null, true or false; -1 where there is none of them."""
    word = word_at(text, U(position))
    if word & U(0xFFFFFFFF) == U(0x6C6C756E) or word & U(0xFFFFFFFF) == U(0x65757274):
        return position + 4
    return position + 5 if word & U(0xFFFFFFFFFF) == U(0x65736C6166) else -1


@rule
def skip_scalar(text: Array, position: Int) -> Int:
    byte = text[U(position)]
    if byte == QUOTE:
        return skip_string(text, position)
    if byte == MINUS or is_digit(byte):
        return skip_number(text, position)
    return skip_word(text, position)


@rule
def skip_key(text: Array, position: Int) -> Int:
    """Past a key, its colon and the space around; -1 where there is none."""
    if text[U(position)] != QUOTE:
        return -1
    position = skip_string(text, position)
    if position < 0:
        return -1
    position = past_space(text, position)
    return past_space(text, position + 1) if text[U(position)] == COLON else -1


@rule
def skip_value(text: Array, position: Int) -> Int:
    """Past any sound value without escapes, nested up to NESTING_MAX; -1 otherwise. Nothing recurses."""
    depth, objects = 0, U(0)  # objects: one bit a level, lowest = innermost, 1 = object
    while True:
        byte = text[U(position)]
        if byte in (OPEN_OBJECT, OPEN_LIST):
            is_object = byte == OPEN_OBJECT
            depth, objects = depth + 1, objects << U(1) | U(is_object)
            position = past_space(text, position + 1)
            if depth > NESTING_MAX:
                return -1
            if text[U(position)] != (CLOSE_OBJECT if is_object else CLOSE_LIST):
                if is_object:
                    position = skip_key(text, position)
                if position < 0:
                    return -1
                continue
            position, depth, objects = position + 1, depth - 1, objects >> U(1)
        else:
            position = skip_scalar(text, position)
            if position < 0:
                return -1
        position, depth, objects = close_levels(text, position, depth, objects)
        if depth <= 0:
            return position


@rule
def close_levels(text: Array, position: Int, depth: Int, objects: np.uint64) -> tuple[Int, Int, np.uint64]:
    """Behind a value: close what closes here and step over a comma (and key) to the next value.

    Answers depth 0 when the outermost value is complete, position -1 with depth 0 when it is not sound.
    """
    while depth > 0:
        position = past_space(text, position)
        is_object = objects & U(1) == U(1)
        if text[U(position)] == COMMA:
            position = past_space(text, position + 1)
            if is_object:
                position = skip_key(text, position)
            return (position, depth, objects) if position >= 0 else (-1, 0, objects)
        if text[U(position)] != (CLOSE_OBJECT if is_object else CLOSE_LIST):
            return -1, 0, objects
        position, depth, objects = position + 1, depth - 1, objects >> U(1)
    return position, 0, objects
