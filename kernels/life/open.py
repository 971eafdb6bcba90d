"""Open: the books of orders that were just decided.

    a line's units     its allocations, then what it waits for, one position each
    what they carry    the line's total T over its Q units: the first T mod Q carry T div Q + 1, the others T div Q
    a bundle's line    positions of its components; the first component's carry the money of what was served, so many
                       of its units together the share of one bundle
    together           where all units lie in one stage

Rejected orders have no book.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import (
    I64,
    IN_I8,
    IN_I16,
    IN_I32,
    IN_I64,
    IN_U8,
    OUT_U32,
    inlined_rule,
    kernel,
    rule,
)
from kernels.life.layout import (
    EXTRA_WORDS,
    INT64,
    LINE_COUNT,
    LINE_KEYS,
    MEMORY,
    ON_HOLD,
    PART_COUNT,
    PART_SKU,
    PART_UNITS,
    PART_WORDS,
    PARTS,
    PROMOTED,
    STAGE_ALLOCATED,
    STAGE_BACKORDERED,
    STAGE_HELD,
    TOGETHER,
    TOTAL,
    TOTAL_IN_EXTRA,
)
from kernels.life.runs import grown_words, take_positions, take_words

Array = npt.NDArray[Any]

ALLOCATED, PARTIALLY_ALLOCATED, BACKORDERED, HELD, REJECTED = 0, 1, 2, 3, 4  # status of a decision


@inlined_rule
def take_book(memory: Any) -> int:
    """A book; free ones are linked through ``payment``, free_books = (head, first never used)."""
    at = memory.free_books[0]
    if at != 0:
        memory.free_books[0] = memory.books[at].payment
    else:
        at = memory.free_books[1]
        memory.free_books[1] = at + 1
    return INT64(at)


@rule
def extra_of(book: Any, memory: Any) -> int:
    """The book's EXTRA, made where it has none."""
    if book.extra == 0:
        at = take_words(EXTRA_WORDS, memory)
        for place in range(EXTRA_WORDS):
            memory.words[at + place] = 0
        memory.words[at + TOTAL] = book.total
        book.extra = at
    return INT64(book.extra)


@rule
def set_total(book: Any, total_minor: int, memory: Any) -> None:
    if total_minor < TOTAL_IN_EXTRA:
        book.total = total_minor
    else:
        book.total = TOTAL_IN_EXTRA
        memory.words[extra_of(book, memory) + TOTAL] = total_minor


@rule
def share_of(units: int, position_units: int, value_minor: int) -> int:
    """What the first ``units`` of a position's carry: those that carry one more go first."""
    if units == position_units:  # most often; a division costs as much as the rest of a line
        return value_minor
    low = value_minor // position_units
    return units * low + min(value_minor - low * position_units, units)


@rule
def share_of_bundles(units: int, position_units: int, value_minor: int, each: int) -> int:
    """What the first ``units`` of a position's carry where ``each`` of them are one bundle's (1: a plain line's).

    Whole bundles go first, as units of a plain line do; what is less than a bundle lies behind them, and goes first
    where as much is taken.
    """
    if each == 1:
        return share_of(units, position_units, value_minor)
    bundles, loose = position_units // each, position_units % each
    low = value_minor // position_units  # taken out first: twice a value times units may be beyond 64 bits
    rest = value_minor - low * position_units
    loose_minor = low * loose + (2 * rest * loose + position_units) // (2 * position_units)  # half up
    taken, more = units // each, units % each
    value = share_of(taken, bundles, value_minor - loose_minor)
    if more == loose:
        return value + loose_minor
    if more == 0:
        return value
    if taken == bundles:
        return value + share_of(more, loose, loose_minor)
    return value + share_of(more, each, share_of(taken + 1, bundles, value_minor - loose_minor) - value)


@rule
def note_part(book: Any, line: int, sku: int, units: int, memory: Any) -> None:
    """Remember how many units of a component one unit of a bundle line has."""
    extra = extra_of(book, memory)
    count = memory.words[extra + PART_COUNT]
    parts = grown_words(memory.words[extra + PARTS], PART_WORDS * count, PART_WORDS, memory)
    memory.words[extra + PARTS] = parts
    memory.words[parts + PART_WORDS * count + PART_SKU] = line << 32 | sku
    memory.words[parts + PART_WORDS * count + PART_UNITS] = units
    memory.words[extra + PART_COUNT] = count + 1


@rule
def write_position(
    position: Any, line: int, sku: int, node: int, qty: int, value_minor: int, stage: int, ship_day: int
) -> None:  # fmt: skip
    position.line, position.sku, position.node, position.qty = line, sku, node, qty
    position.value_minor, position.stage, position.ship_day, position.shipment = value_minor, stage, ship_day, 0


@inlined_rule
def day_of(node: int, first: int, last: int, parcel_node: Array, parcel_day: Array) -> int:
    """Ship day of the order's parcel from a node, 0 where no day was counted."""
    for parcel in range(first, last):
        if parcel_node[parcel] == node:
            return max(INT64(parcel_day[parcel]), 0)
    return 0


@inlined_rule
def lay_out_line(
    line: int, number: int, first: int, place: int, stage: int, parcel_first: int, parcel_last: int,
    line_sku: Array, line_qty: Array, line_total_minor: Array, backordered: Array, allocation_offset: Array,
    allocation_sku: Array, allocation_node: Array, allocation_qty: Array, parcel_node: Array, parcel_day: Array,
    book: Any, memory: Any,
) -> int:  # fmt: skip
    """Positions of one line from ``place`` on; returns the place after them. ``number`` is the line's in its order."""
    waiting = INT64(backordered[line])
    served = INT64(line_qty[line]) - waiting
    served_minor = share_of(served, max(INT64(line_qty[line]), 1), line_total_minor[line]) if served > 0 else INT64(0)
    left_minor = served_minor
    at = INT64(allocation_offset[line])
    while at < allocation_offset[line + 1]:  # a component after the other; a plain line is its own only one
        sku = allocation_sku[at]
        end, units = at, 0
        while end < allocation_offset[line + 1] and allocation_sku[end] == sku:
            units += allocation_qty[end]
            end += 1
        each = INT64(1)
        if sku != line_sku[line]:
            each = units // served
            note_part(book, number, sku, each, memory)
        for row in range(at, end):
            qty = INT64(allocation_qty[row])
            value = share_of_bundles(qty, units, left_minor, each) if left_minor > 0 else INT64(0)
            day = day_of(allocation_node[row], parcel_first, parcel_last, parcel_node, parcel_day)
            write_position(memory.positions[first + place], number, sku, allocation_node[row], qty, value, stage, day)
            units -= qty
            left_minor -= value
            place += 1
        at = end
    if waiting > 0:
        value = line_total_minor[line] - served_minor
        write_position(
            memory.positions[first + place], number, line_sku[line], -1, waiting, value, STAGE_BACKORDERED, INT64(0)
        )  # fmt: skip
        place += 1
    return place


@inlined_rule
def keep_line_keys(book: Any, first: int, last: int, line_key: Array, memory: Any) -> None:
    """Remember the keys of the order's own line ids, where it has some."""
    has_own = False
    for line in range(first, last):
        has_own |= line_key[line] != 0
    if has_own:
        extra = extra_of(book, memory)
        at = take_words(last - first, memory)
        memory.words[extra + LINE_KEYS], memory.words[extra + LINE_COUNT] = at, last - first
        for line in range(first, last):
            memory.words[at + line - first] = line_key[line]


@kernel(
    I64,
    I64, I64, IN_I64, IN_I8, IN_U8, IN_I64, IN_I16, IN_I32, IN_I32, IN_I64,
    IN_I32, IN_I32, IN_I32, IN_I64, IN_I64, IN_I32, IN_I32, IN_I32, IN_I16, IN_I32, IN_I32, IN_I16, IN_I32,
    MEMORY, OUT_U32,
)  # fmt: skip
def open_books(
    sequence: int, first_row: int, rows: Array, status: Array, state: Array, total_minor: Array, currency: Array,
    version: Array, granted_offset: Array, customer: Array,
    line_offset: Array, line_sku: Array, line_qty: Array, line_key: Array, line_total_minor: Array, backordered: Array,
    allocation_offset: Array, allocation_sku: Array, allocation_node: Array, allocation_qty: Array,
    parcel_offset: Array, parcel_node: Array, parcel_day: Array,
    memory: Any, book_of_row: Array,
) -> int:  # fmt: skip
    """Open the books of n orders with m lines and a allocations, decided in one record; returns how many.

    sequence          of the record; order r is its row first_row + r
    rows              (n) i64    of the orders in the order index                                         IN
    status            (n) i8     of the decision; state (n) u8 state byte after it                        IN
    total_minor       (n) i64    currency (n) i16    version (n) i32    customer (n) i64                  IN
    granted_offset    (n+1) i32  promotions granted; parcel_offset (n+1) i32                              IN
    line_offset       (n+1) i32  line_sku, line_qty (m) i32    line_key (m) i64    line_total_minor (m) i64
                                 backordered (m) i32 units of the line that wait                          IN
    allocation_offset (m+1) i32  allocation_sku (a) i32    allocation_node (a) i16    allocation_qty (a) i32,
                                 components of a line one after the other                                 IN
    parcel_node       i16        parcel_day i32 ship day, -1 not counted                                  IN
    memory            Memory     with room for all of it                                                  INOUT
    book_of_row       (rows of the index) u32  0 = none                                                   INOUT

    Afterwards: values of an order's positions and its shipping sum to its total. Cost: orders + lines + allocations.
    """
    count: int = INT64(0)
    for row in range(rows.shape[0]):
        if status[row] == REJECTED:
            continue
        count += 1
        number = take_book(memory)
        book_of_row[rows[row]] = number
        book = memory.books[number]
        book.payment, book.customer, book.tracking = 0, customer[row], 0
        book.order_sequence = book.newest_sequence = sequence
        book.order_row = book.newest_row = first_row + row
        book.version, book.currency, book.state = version[row], currency[row], state[row]
        book.first_event, book.events, book.extra = 0, 0, 0
        book.flags = PROMOTED if granted_offset[row + 1] > granted_offset[row] else 0
        set_total(book, total_minor[row], memory)
        first_line, last_line = line_offset[row], line_offset[row + 1]
        keep_line_keys(book, first_line, last_line, line_key, memory)
        waiting: int = INT64(0)
        for line in range(first_line, last_line):
            waiting += backordered[line] > 0
        needed = INT64(allocation_offset[last_line] - allocation_offset[first_line]) + waiting
        first = take_positions(max(needed, 1), memory)
        book.first_position, book.positions = first, needed
        stage = STAGE_ALLOCATED
        if status[row] == HELD:
            stage = STAGE_HELD
            book.flags |= ON_HOLD
        place: int = INT64(0)
        for line in range(first_line, last_line):
            place = lay_out_line(
                line, line - first_line, first, place, stage, parcel_offset[row], parcel_offset[row + 1], line_sku,
                line_qty, line_total_minor, backordered, allocation_offset, allocation_sku, allocation_node,
                allocation_qty, parcel_node, parcel_day, book, memory,
            )  # fmt: skip
        if waiting == 0 or (waiting == needed and stage == STAGE_ALLOCATED):
            book.flags |= TOGETHER
    return count
