"""Gifts: units that the ledger gave to orders that waited, taken over into their books.

A grant names, for a line, units of its SKU at a node, or of each component of whole bundles; ``line_qty`` on the first
of its rows says how many units of the line that completes. What was cancelled meanwhile is not taken over: the ledger
has given those units on when it was told of the cancel.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I16, IN_I32, IN_I64, IN_U32, kernel, rule
from kernels.life.applied import state_after
from kernels.life.layout import (
    APPLIED,
    INT64,
    KIND_NONE,
    MEMORY,
    ON_HOLD,
    REPEATED,
    STAGE_ALLOCATED,
    STAGE_BACKORDERED,
    STAGE_HELD,
    STAGE_MASK,
    STAGE_PACKED,
    TOLD,
    UNKNOWN_ORDER,
)
from kernels.life.open import note_part, share_of_bundles
from kernels.life.room import has_memory
from kernels.life.runs import end_position, first_position
from kernels.life.select import ANY, count_units, is_bundle
from kernels.life.tell import CELLS, MONEY, UNITS, reference_of, tell_cell
from kernels.life.units import carried_by, part, put_units, take_out

Array = npt.NDArray[Any]


@rule
def waiting_place(book: Any, line: int, memory: Any) -> int:
    """Index of the position of a line's units that wait, 0 where none do."""
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if position.qty > 0 and position.line == line and position.stage & STAGE_MASK == STAGE_BACKORDERED:
            return at
    return 0


@rule
def tell_gift(
    line: int, sku: int, node: int, qty: int, value_minor: int, before: int, after: int, ship_day: int, told: Any
) -> None:  # fmt: skip
    move = told.units[told.ends[UNITS]]
    told.ends[UNITS] += 1
    move.line, move.sku, move.lot, move.qty, move.value_minor = line, sku, 0, qty, value_minor
    move.node, move.to_node = -1 if before == STAGE_BACKORDERED else node, node
    move.from_stage, move.to_stage, move.from_shipment, move.shipment, move.ship_day = before, after, 0, 0, ship_day


@rule
def take_line_gift(
    book: Any, first: int, last: int, line: Array, sku: Array, node: Array, qty: Array, line_qty: Array, memory: Any,
    told: Any,
) -> bool:  # fmt: skip
    """Take over the rows of one line; false where nothing of the line waits any more."""
    waiting = waiting_place(book, line[first], memory)
    if waiting == 0:
        return False
    wanted = INT64(line_qty[first])
    taken = min(wanted, INT64(memory.positions[waiting].qty))
    position = memory.positions[waiting]
    bundle_sku = INT64(position.sku)
    left = carried_by(book, position, taken, memory)
    take_out(position, taken, left)
    carriers: int = INT64(0)  # units of the line's own SKU, or of the first component: they carry the money
    for at in range(first, last):
        if sku[at] == sku[first]:
            carriers += share_of_gift(first, last, at, sku, qty, taken, wanted)
    carriers_each = carriers // taken  # as they are granted: the book may not know its parts yet
    stage = STAGE_HELD if book.flags & ON_HOLD else STAGE_ALLOCATED
    knows_parts = is_bundle(book, line[first], memory)
    for at in range(first, last):
        if sku[at] != bundle_sku and not knows_parts:
            note_component(book, first, last, at, line, sku, qty, wanted, memory)
        units = share_of_gift(first, last, at, sku, qty, taken, wanted)
        if units == 0:
            continue
        value: int = INT64(0)
        if sku[at] == sku[first]:
            value = share_of_bundles(units, carriers, left, carriers_each)
            carriers -= units
            left -= value
        day = day_at(book, node[at], memory)
        put_units(book, line[at], sku[at], node[at], units, value, stage, INT64(0), day, memory)
        tell_gift(line[at], sku[at], node[at], units, value, STAGE_BACKORDERED, stage, day, told)
        tell_cell(book, line[at], sku[at], node[at], node[at], units, STAGE_ALLOCATED, stage, 0, told)
    return True


@rule
def day_at(book: Any, node: int, memory: Any) -> int:
    """Ship day of the parcel in which other units of the order are to leave a node, 0 where there is none."""
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        stage = position.stage & STAGE_MASK
        if position.qty > 0 and position.node == node and STAGE_HELD <= stage <= STAGE_PACKED:
            return INT64(position.ship_day)
    return INT64(0)


@rule
def share_of_gift(
    first: int, last: int, at: int, sku: Array, qty: Array, taken: int, wanted: int
) -> int:  # fmt: skip
    """Units of a row that are taken over where only ``taken`` of ``wanted`` units of the line still wait: of each SKU
    the first ones that were granted, as the ledger counts what goes back from the last ones on."""
    before: int = INT64(0)
    all_units: int = INT64(0)
    for other in range(first, last):
        if sku[other] == sku[at]:
            all_units += qty[other]
            if other < at:
                before += qty[other]
    return max(min(all_units * taken // wanted - before, INT64(qty[at])), INT64(0))


@rule
def note_component(
    book: Any, first: int, last: int, at: int, line: Array, sku: Array, qty: Array, wanted: int, memory: Any
) -> None:  # fmt: skip
    """Of how many units of a component a bundle consists; told once, at the component's first row."""
    units = 0
    for other in range(first, last):
        if sku[other] == sku[at]:
            if other < at:
                return
            units += qty[other]
    note_part(book, line[at], sku[at], units // wanted, memory)


@rule
def take_order_gift(
    book: Any, first: int, last: int, line: Array, sku: Array, node: Array, qty: Array, line_qty: Array, sequence: int,
    row: int, verdict: Any, memory: Any, told: Any,
) -> None:  # fmt: skip
    verdict.order = reference_of(book.order_sequence, book.order_row)
    verdict.previous = reference_of(book.newest_sequence, book.newest_row)
    verdict.before = verdict.after = book.state
    verdict.version = book.version
    verdict.result = REPEATED
    flags = book.flags
    part(book, memory)
    if count_units(book, ANY, ANY, 1 << STAGE_BACKORDERED, ANY, ANY, memory) == 0:
        book.flags = flags
        return
    at, taken = first, False
    while at < last:
        end = at + 1
        while end < last and line_qty[end] == 0:
            end += 1
        taken |= take_line_gift(book, at, end, line, sku, node, qty, line_qty, memory, told)
        at = end
    if taken:
        book.state = state_after(book, KIND_NONE, memory)
        book.version += 1
        book.newest_sequence, book.newest_row = sequence, row
        verdict.result, verdict.after, verdict.version = APPLIED, book.state, book.version


@kernel(
    I64, I64, I64, I64, IN_I64, IN_I32, IN_I32, IN_I32, IN_I16, IN_I32, IN_I32, IN_U32, MEMORY, TOLD,
)  # fmt: skip
def take_gifts(
    start: int, sequence: int, first_row: int, rows: Array, offset: Array, line: Array, sku: Array, node: Array,
    qty: Array, line_qty: Array, book_of_row: Array, memory: Any, told: Any,
) -> int:  # fmt: skip
    """Take over what n orders were granted, from row ``start`` on; returns the first row that lacks room.

    sequence, first_row  place of row 0 in the shard's log
    rows       (n) i64    of the orders in the order index                                                IN
    offset     (n+1) i32  line, sku (k) i32  node (k) i16  qty, line_qty (k) i32, lines one after another  IN
    memory     Memory     books                                                                           INOUT
    told       Told       verdicts by row, unit moves, cell moves of orders on hold                       OUT

    Afterwards the stages of every line sum to what was ordered. Cost: rows x positions of an order.
    """
    for row in range(start, rows.shape[0]):
        verdict = told.verdicts[row]
        number = INT64(0) if rows[row] < 0 else INT64(book_of_row[rows[row]])
        book = memory.books[number]
        moves = 2 * INT64(offset[row + 1] - offset[row]) + 8
        room = min(told.units.shape[0] - told.ends[UNITS], told.cells.shape[0] - told.ends[CELLS])
        if room < moves or not has_memory(book, moves, memory):
            return row
        verdict.row, verdict.order, verdict.previous, verdict.whole, verdict.gives_back = rows[row], -1, -1, 0, 0
        verdict.refusal, verdict.refused_line, verdict.wanted, verdict.found = 0, -1, 0, 0
        verdict.result = UNKNOWN_ORDER
        if number != 0:
            take_order_gift(
                book, offset[row], offset[row + 1], line, sku, node, qty, line_qty, sequence, first_row + row, verdict,
                memory, told,
            )  # fmt: skip
        verdict.unit_last, verdict.money_last = told.ends[UNITS], told.ends[MONEY]
        verdict.move_last = told.ends[CELLS]
    return rows.shape[0]
