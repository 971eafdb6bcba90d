"""Scan JSON lines (orders, events) straight into columns: one pass over the bytes, nothing built in between.

    line    = object of known keys in any order; which keys there are says a table, also what becomes of others
    text    -> where it lies (start, length) in the block, or in ``spill`` when it had escapes
    number  -> int64, ABSENT where the key is missing or null
    lists   -> a run of items: (first, count)

A line that is not in this plain form (a key given twice, another type, a number beyond int64, half a surrogate
pair, bytes that are not UTF-8, broken JSON) is marked not understood and left to the slower reader, which names
the fault or writes the line again in plain form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import (
    I64,
    IN_I32,
    IN_U8,
    IN_U64,
    OUT_I32,
    OUT_I32_2D,
    OUT_I64,
    OUT_I64_2D,
    OUT_U8,
    inlined_rule,
    kernel,
    rule,
)
from kernels.text.json_text import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    NEWLINE,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    Int,
    past_space,
    skip_value,
)
from kernels.text.read_key import NO_SLOT, read_key
from kernels.text.scan_form import (
    ABSENT,
    BEGIN,
    COUPONS,
    COUPONS_COUNT,
    COUPONS_FIRST,
    COUPONS_USED,
    END,
    FLAG,
    FULL,
    LINE_BITS,
    LINE_LEVEL,
    LINE_NUMBER,
    LINE_NUMBER_AT,
    LINE_TEXT,
    LINE_TEXTS,
    LINES,
    LINES_COUNT,
    LINES_FIRST,
    LINES_USED,
    NOT_UNDERSTOOD,
    NUMBER,
    OBJECT,
    REFUSED,
    SOUND,
    SPILL_USED,
    TEXT,
    TIME,
    TOP_LEVEL,
    UNDERSTOOD,
    UNKNOWN,
)
from kernels.text.scan_values import is_null, read_coupons, read_number, read_text, read_unusual

Array = npt.NDArray[Any]
U = np.uint64


@rule
def open_line(position: Int, line_text: Array, line_number: Array, cursor: Array) -> Int:
    """Take the next line item, all fields absent; FULL when there is no room."""
    line = cursor[LINES_USED]
    if line == line_text.shape[1]:
        return FULL
    for field in range(LINE_TEXTS):
        line_text[field, line] = 0
    for field in range(4):
        line_number[field, line] = ABSENT
    cursor[LINES_USED] = line + 1
    return position + 1


@rule
def next_line(text: Array, position: Int, line_text: Array, line_number: Array, cursor: Array) -> tuple[Int, Int]:
    """Behind a line's closing brace: (place, level) in the next line, or behind the end of the list."""
    position = past_space(text, position)
    if text[U(position)] == CLOSE_LIST:
        return position + 1, TOP_LEVEL
    if text[U(position)] != COMMA:
        return -1, TOP_LEVEL
    position = past_space(text, position + 1)
    if text[U(position)] != OPEN_OBJECT:
        return -1, TOP_LEVEL
    return open_line(position, line_text, line_number, cursor), LINE_LEVEL


@rule
def open_level(
    text: Array, position: Int, action: Int, line_text: Array, line_number: Array, cursor: Array
) -> tuple[Int, Int]:
    """(place, level) behind the opening of an object or of the first line; null stays at the top level, [] too where
    lines may be none."""
    if is_null(text, position):
        return position + 4, TOP_LEVEL
    if (action >> 8) & 0xFF == OBJECT:
        return (position + 1, (action >> 16) & 0xFF) if text[U(position)] == OPEN_OBJECT else (-1, TOP_LEVEL)
    if text[U(position)] != OPEN_LIST:
        return -1, TOP_LEVEL
    position = past_space(text, position + 1)
    if text[U(position)] == CLOSE_LIST:
        return position + 1 if (action >> 8) & 0xFF == LINES else -1, TOP_LEVEL
    if text[U(position)] != OPEN_OBJECT:
        return -1, TOP_LEVEL
    return open_line(position, line_text, line_number, cursor), LINE_LEVEL


@inlined_rule
def scan_line(
    row: Int,
    position: Int,
    text: Array,
    keys: Array,
    key_action: Array,
    mixer: Array,
    follower: Array,
    text_start: Array,
    text_length: Array,
    number: Array,
    runs: Array,
    line_text: Array,
    line_number: Array,
    coupon: Array,
    spill: Array,
    cursor: Array,
) -> Int:
    """One row: place behind its closing brace, -1 when not understood, FULL. One loop serves every level."""
    level, seen, opened = TOP_LEVEL, U(1) << U(REFUSED), True
    slot: Int = NO_SLOT
    if text[U(position)] != OPEN_OBJECT:
        return -1
    position += 1
    while True:
        position = past_space(text, position)
        if text[U(position)] == CLOSE_OBJECT:
            if level == TOP_LEVEL:
                return position + 1
            if level == LINE_LEVEL:
                seen &= ~LINE_BITS
                position, level = next_line(text, position + 1, line_text, line_number, cursor)
                if position < 0:
                    return position
            else:
                position, level = position + 1, TOP_LEVEL
            opened = level == LINE_LEVEL
            continue
        if not opened:
            if text[U(position)] != COMMA:
                return -1
            position = past_space(text, position + 1)
        opened = False
        if text[U(position)] != QUOTE:
            return -1
        position, slot = read_key(text, position, level, slot, keys, key_action, mixer, follower)
        if position < 0:
            return -1
        action = key_action[slot]
        bit = U(1) << U(action & 0xFF)
        if action != UNKNOWN and seen & bit != U(0):
            return -1
        kind, field = (action >> 8) & 0xFF, (action >> 16) & 0xFF
        if kind == UNKNOWN:
            position = skip_value(text, position)
        elif kind == TEXT:
            position, text_start[field, row], text_length[field, row] = read_text(text, position, spill, cursor)
        elif kind == LINE_TEXT:
            line = cursor[LINES_USED] - 1
            position, line_text[field, line], line_text[field + 1, line] = read_text(text, position, spill, cursor)
        elif kind == LINE_NUMBER:
            position, line_number[field, cursor[LINES_USED] - 1] = read_number(text, position)
        elif kind == NUMBER:
            position, number[field, row] = read_number(text, position)
        elif kind in (TIME, FLAG):
            position, number[field, row] = read_unusual(text, position, kind)
        elif kind == COUPONS:
            position = read_coupons(text, position, coupon, spill, cursor)
            runs[COUPONS_COUNT, row] = cursor[COUPONS_USED] - runs[COUPONS_FIRST, row]
        else:
            position, level = open_level(text, position, action, line_text, line_number, cursor)
            opened = level != TOP_LEVEL
        if position < 0:
            return position
        if action != UNKNOWN:
            seen |= bit


@rule
def clear_row(row: Int, text_length: Array, number: Array, runs: Array, cursor: Array) -> None:
    """Every field absent, every list empty."""
    for field in range(text_length.shape[0]):
        text_length[field, row] = 0
    for field in range(number.shape[0]):
        number[field, row] = ABSENT
    runs[LINES_FIRST, row], runs[LINES_COUNT, row] = cursor[LINES_USED], 0
    runs[COUPONS_FIRST, row], runs[COUPONS_COUNT, row] = cursor[COUPONS_USED], 0


@rule
def line_end(text: Array, position: Int) -> Int:
    """Place of the next newline."""
    while text[U(position)] != NEWLINE:
        position += 1
    return position


@kernel(
    I64,
    *(IN_U8, I64, I64, I64),
    *(IN_U64, IN_I32, IN_U64, OUT_I32),
    *(OUT_I32_2D, OUT_I32_2D, OUT_I64_2D, OUT_I64_2D, OUT_I32_2D),
    *(OUT_I32_2D, OUT_I64_2D, OUT_I32_2D, OUT_U8, OUT_I64),
)
def scan_json(
    text: Array,
    begin: Int,
    end: Int,
    first_line: Int,
    keys: Array,
    key_action: Array,
    mixer: Array,
    follower: Array,
    text_start: Array,
    text_length: Array,
    number: Array,
    place: Array,
    runs: Array,
    line_text: Array,
    line_number: Array,
    coupon: Array,
    spill: Array,
    cursor: Array,
) -> Int:
    """Read every line of ``text[begin:end]``; the formula is the module's.

    text        (any)      uint8  lines, the last one ended too; 32 readable bytes behind ``end``           IN
    begin, end             int64  first byte of the first line, byte behind the last line                   IN
    first_line             int64  number of the first line; blank lines count but give no row               IN
    keys        (6 * 257)  uint64 each hash slot's key and closing quote in two words, then the words' masks;
                                  behind all of them what is left of each longer key, and its mask          IN
    key_action  (257)      int32  its length, level, field, kind and bit, see scan_form.py; 0 = empty; the last is
                                  any other key's                                                           IN
    mixer       (2)        uint64 multipliers that give each known key a slot of its own                    IN
    follower    (8 * 257)  int32  slot of the key that came after a slot at a level; NO_SLOT at first       INOUT
    text_start  (T, rows)  int32  where each text field starts: in text, from SPILL_BASE on in spill          OUT
    text_length (T, rows)  int32  its length in bytes, 0 = absent or empty                                  OUT
    number      (N, rows)  int64  each number field or ABSENT; times in ms since the epoch                  OUT
    place       (4, rows)  int64  BEGIN, END, LINE_NUMBER_AT, SOUND                                         OUT
    runs        (4, rows)  int32  first item and item count of the lines, then of the coupons               OUT
    line_text   (6, L)     int32  start and length of each line's SKU, then of its line_id and its node     OUT
    line_number (4, L)     int64  quantity; unit price, discount and tax in minor units; or ABSENT          OUT
    coupon      (2, C)     int32  start and length of each coupon code                                      OUT
    spill       (any)      uint8  texts that had escapes, without them; at least the size of ``text``       OUT
    cursor      (4)        int64  items used of the three above, then SPILL_BASE, at least text's size        INOUT

    Returns the rows, one a line that is not blank, or FULL when ``line_text`` or ``coupon`` has no room.
    Afterwards a row that is not SOUND has no field and no item. Cost: about 1 ns a byte.
    """
    position, line, row = begin, first_line, 0
    while position < end:
        line_begin = position
        position = past_space(text, position)
        if text[U(position)] != NEWLINE:
            lines_used, coupons_used, spill_used = cursor[LINES_USED], cursor[COUPONS_USED], cursor[SPILL_USED]
            clear_row(row, text_length, number, runs, cursor)
            behind = scan_line(
                *(row, position, text, keys, key_action, mixer, follower, text_start, text_length, number),
                *(runs, line_text, line_number, coupon, spill, cursor),
            )
            if behind == FULL:
                return FULL
            if behind >= 0:
                behind = past_space(text, behind)
            place[SOUND, row] = UNDERSTOOD if behind >= 0 and text[U(behind)] == NEWLINE else NOT_UNDERSTOOD
            if place[SOUND, row] == NOT_UNDERSTOOD:
                cursor[LINES_USED], cursor[COUPONS_USED], cursor[SPILL_USED] = lines_used, coupons_used, spill_used
                clear_row(row, text_length, number, runs, cursor)
            runs[LINES_COUNT, row] = cursor[LINES_USED] - lines_used
            position = line_end(text, position if behind < 0 else behind)
            place[BEGIN, row], place[END, row], place[LINE_NUMBER_AT, row] = line_begin, position + 1, line
            row += 1
        position, line = position + 1, line + 1
    return row
