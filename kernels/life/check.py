"""Check: what the books of orders hold is what was ordered, no unit and no cent more or less."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I32, IN_I64, IN_U32, OUT_I8, VOID, inlined_rule, kernel, rule
from kernels.life.layout import (
    AUTHORIZED,
    CAPTURED,
    INT64,
    MEMORY,
    PART_SKU,
    PART_UNITS,
    REFUNDED,
    REFUNDING,
)
from kernels.life.money import sum_of
from kernels.life.runs import end_position, first_position
from kernels.life.select import ANY, part_count, part_word

FAULTS = WHOLE, UNITS_DIFFER, VALUE_DIFFERS, MONEY_DIFFERS = range(4)
Array = npt.NDArray[Any]


@rule
def units_there(book: Any, line: int, sku: int, memory: Any) -> int:
    """Units of a line in whatever stage: of one SKU, or of ANY."""
    found: int = INT64(0)
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if position.line == line and (sku == ANY or position.sku == sku):
            found += position.qty
    return found


@rule
def has_line(book: Any, line: int, ordered: int, memory: Any) -> bool:
    """Whether a line has the units that were ordered. Of a bundle those that wait are counted as bundles, and of each
    component there is what all others consist of."""
    loose = units_there(book, line, ANY, memory)
    for number in range(part_count(book, memory)):
        key = part_word(book, number, PART_SKU, memory)
        if key >> 32 == line:
            loose -= units_there(book, line, key & 0xFFFFFFFF, memory)
    is_bundle = False
    for number in range(part_count(book, memory)):
        key = part_word(book, number, PART_SKU, memory)
        if key >> 32 == line:
            is_bundle = True
            each = part_word(book, number, PART_UNITS, memory)
            if units_there(book, line, key & 0xFFFFFFFF, memory) != (ordered - loose) * each:
                return False
    return is_bundle or loose == ordered


@rule
def value_there(book: Any, memory: Any) -> int:
    found: int = INT64(0)
    for at in range(first_position(book), end_position(book)):
        if memory.positions[at].qty > 0:
            found += memory.positions[at].value_minor
    return found


@inlined_rule
def is_money_whole(book: Any, memory: Any) -> bool:
    authorized, captured = sum_of(book, AUTHORIZED, memory), sum_of(book, CAPTURED, memory)
    refunding, refunded = sum_of(book, REFUNDING, memory), sum_of(book, REFUNDED, memory)
    return bool(min(authorized, refunding, refunded) >= 0 and captured >= refunding + refunded)


@rule
def fault_of(book: Any, lines: Array, value_minor: int, memory: Any) -> int:
    for line in range(lines.shape[0]):
        if not has_line(book, line, INT64(lines[line]), memory):
            return UNITS_DIFFER
    if value_there(book, memory) != value_minor:
        return VALUE_DIFFERS
    return WHOLE if is_money_whole(book, memory) else MONEY_DIFFERS


@kernel(VOID, IN_I64, IN_U32, IN_I32, IN_I32, IN_I64, MEMORY, OUT_I8)
def check_books(
    rows: Array, book_of_row: Array, line_offset: Array, line_qty: Array, value_minor: Array, memory: Any, fault: Array
) -> None:  # fmt: skip
    """Hold the books of orders against what was ordered.

    rows         (n) i64    of the orders in the index, -1 unknown; those without a book are passed by    IN
    book_of_row  u32        memory Memory                                                                 IN
    line_offset  (n+1) i32  line_qty i32     units of each order's lines                                  IN
    value_minor  (lines) i64  what the units of each line carry in sum                                    IN
    fault        (n) i8     one of FAULTS                                                                 OUT
    """
    for order in range(rows.shape[0]):
        fault[order] = WHOLE
        number = INT64(book_of_row[rows[order]]) if rows[order] >= 0 else 0
        if number:
            first, last = line_offset[order], line_offset[order + 1]
            value = INT64(0)
            for line in range(first, last):
                value += value_minor[line]
            fault[order] = fault_of(memory.books[number], line_qty[first:last], value, memory)
