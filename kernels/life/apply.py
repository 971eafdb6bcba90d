"""Apply: what events did, done again from what was written down, so that a replay does not depend on today's rules.

    units      each move takes units of a line, SKU, node and stage to another; or all of them as one
    money      each move adds to an account; or the state says what the only payment did
    the rest   holds, shipments and ids are kept as the events themselves say

Afterwards the books are what ``judge`` left behind.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I64, IN_U32, inlined_rule, kernel, rule
from kernels.life.applied import keep_id, state_after
from kernels.life.holds import begin_hold, free_of_holds, take_hold_off
from kernels.life.layout import (
    APPLIED,
    DERIVED_STATE,
    DETAIL_SHIFT,
    FLAGS,
    INT64,
    KIND_CLOSE,
    KIND_HOLD,
    KIND_REJECT,
    KIND_RELEASE,
    KIND_REMARK,
    KIND_UNITS,
    MEMORY,
    NOWHERE,
    ORDER_BITS,
    SENT_EVENTS,
    TERMS,
    TOLD,
    WHOLE_MONEY,
    WHOLE_UNITS,
)
from kernels.life.money import STATE_SHIFT, book_money
from kernels.life.parcels import add_shipment, learn_tracking, learns_from_ship, parcel_scanned, set_parcel_tracking
from kernels.life.room import has_memory
from kernels.life.runs import end_position, first_position
from kernels.life.select import shipment_count
from kernels.life.take_whole import set_tracking
from kernels.life.units import move_worth, part, put_units, take_out

Array = npt.NDArray[Any]


@rule
def find_place(book: Any, move: Any, memory: Any) -> int:
    """Number of the position that a unit move takes from."""
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if (
            position.qty >= move.qty
            and position.line == move.line
            and position.sku == move.sku
            and position.node == move.node
            and position.stage == move.from_stage
            and position.shipment == move.from_shipment
        ):
            return at - first_position(book)
    return -1


@rule
def apply_units(book: Any, event: Any, first: int, last: int, terms: Any, units: Any, memory: Any) -> bool:
    """False where the books have no such units: the record does not belong to them."""
    part(book, memory)
    for at in range(first, last):
        move = units[at]
        if move.shipment > 0:
            note_shipment(book, event, INT64(move.shipment), terms, memory)
        if move.from_stage == NOWHERE:
            put_moved(book, move, move.value_minor, memory)
            continue
        place = find_place(book, move, memory)
        if place < 0:
            return False
        position = memory.positions[first_position(book) + place]
        value = value_told(position, move)
        if move.to_stage != NOWHERE and move.ship_day == position.ship_day:
            move_worth(book, place, INT64(move.qty), value, move.to_stage, move.to_node, move.shipment, memory)
            continue
        take_out(position, INT64(move.qty), value)
        if move.to_stage != NOWHERE:
            put_moved(book, move, value, memory)
    return True


@inlined_rule
def value_told(position: Any, move: Any) -> int:
    """What moved units carry, as it was told. Books that were opened by other rules may have it lie otherwise among the
    units of a bundle's line: no cent of it may be lost, or made."""
    there = INT64(position.value_minor)
    return there if move.qty == position.qty else min(INT64(move.value_minor), there)


@inlined_rule
def put_moved(book: Any, move: Any, value_minor: int, memory: Any) -> None:
    put_units(
        book, INT64(move.line), INT64(move.sku), INT64(move.to_node), INT64(move.qty), INT64(value_minor),
        INT64(move.to_stage), INT64(move.shipment), INT64(move.ship_day), memory,
    )  # fmt: skip


@rule
def note_shipment(book: Any, event: Any, number: int, terms: Any, memory: Any) -> None:
    """The shipment that units came into, where the order does not have it yet; its tracking number where it is told."""
    if number > shipment_count(book, memory):
        add_shipment(book, event.shipment, terms, memory)
    if terms.rules[event.event].assigns:
        set_parcel_tracking(book, number, event, memory)


@rule
def apply_whole(book: Any, stage: int, after: int, tracking: int) -> None:
    book.flags = INT64(book.flags) & FLAGS | stage >> DETAIL_SHIFT << DETAIL_SHIFT
    book.state = after & ORDER_BITS | INT64(book.state) >> STATE_SHIFT << STATE_SHIFT
    set_tracking(book, tracking)


@rule
def apply_hold(book: Any, event: Any, kind: int, terms: Any, memory: Any) -> None:
    if kind == KIND_HOLD:
        begin_hold(book, event, terms, memory)
    elif kind == KIND_RELEASE:
        take_hold_off(book, event, terms, memory)
    elif kind == KIND_REJECT:
        free_of_holds(book, memory)
    elif kind == KIND_CLOSE:
        part(book, memory)


@rule
def apply_money(book: Any, event: Any, verdict: Any, first: int, last: int, money: Any, memory: Any) -> None:
    if verdict.whole & WHOLE_MONEY:
        if event.payment != 0:
            book.payment = event.payment
        return
    for at in range(first, last):
        book_money(book, money[at].payment, money[at].account, money[at].amount_minor, memory)


@rule
def apply_one(
    book: Any, event: Any, verdict: Any, unit_first: int, money_first: int, sequence: int, row: int, terms: Any,
    units: Any, money: Any, memory: Any,
) -> bool:  # fmt: skip
    kind = terms.rules[event.event].kind
    apply_hold(book, event, kind, terms, memory)
    if verdict.whole & WHOLE_UNITS:
        apply_whole(book, verdict.stage, verdict.after, event.tracking)
    elif verdict.unit_last > unit_first:
        if not apply_units(book, event, unit_first, verdict.unit_last, terms, units, memory):
            return False
    elif kind == KIND_UNITS:
        learns_from_ship(book, event, terms.rules[event.event], terms, memory)
    elif kind == KIND_REMARK and terms.rules[event.event].filters:
        learn_tracking(book, parcel_scanned(book, event, terms, memory), event.tracking, memory)
    apply_money(book, event, verdict, money_first, verdict.money_last, money, memory)
    if verdict.after == DERIVED_STATE:
        verdict.after = state_after(book, kind, memory)
    book.state, book.version = verdict.after, verdict.version
    book.newest_sequence, book.newest_row = sequence, row
    keep_id(book, event, memory)
    return True


@kernel(I64, I64, I64, I64, SENT_EVENTS, IN_I64, IN_U32, TERMS, MEMORY, TOLD)
def apply(
    start: int, sequence: int, first_row: int, sent: Any, rows: Array, book_of_row: Array, terms: Any, memory: Any,
    told: Any,
) -> int:  # fmt: skip
    """Apply the verdicts of a batch from row ``start`` on; the first row that lacks room, -1 - row of one that misfits.

    sequence    of the batch's record, whose row first_row is row 0 here
    sent        Sent       the batch                                                                      IN
    rows        (n) i64    of the orders in the order index; book_of_row u32                              IN
    terms       Terms                                                                                     IN
    memory      Memory     books                                                                          INOUT
    told        Told       verdicts, units and money as they were told; states still to be derived        INOUT

    Afterwards the books of every applied row are what judge left. Cost: as judge.
    """
    for row in range(start, rows.shape[0]):
        verdict = told.verdicts[row]
        if verdict.result != APPLIED:
            continue
        number = INT64(0) if rows[row] < 0 else INT64(book_of_row[rows[row]])
        book = memory.books[number]
        unit_first = INT64(told.verdicts[row - 1].unit_last) if row else INT64(0)
        money_first = INT64(told.verdicts[row - 1].money_last) if row else INT64(0)
        if not has_memory(book, verdict.unit_last - unit_first, memory):
            return row
        if number == 0 or not apply_one(
            book, sent.events[row], verdict, unit_first, money_first, sequence, first_row + row, terms, told.units,
            told.money, memory,
        ):  # fmt: skip
            return -1 - row
    return INT64(rows.shape[0])
