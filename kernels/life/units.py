"""Units: positions of an order move from stage to stage, whole or in part, and the state is read off them.

    whole    while all units lie together the book's own byte moves; positions are not touched
    in part  a position moves or is split; units of one allotment in one stage and shipment are one position
    account  the ledger's account of a stage; where a move changes it, the cell has to move, too

Every unit keeps what it carries: the first units of a position to leave carry one minor unit more where some do; of a
bundle's first component so many units as one bundle has do so together.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    ALLOCATED,
    AVAILABLE,
    DAMAGED,
    DETAIL_SHIFT,
    ENTRY_BITS,
    ENTRY_MASK,
    FALLS_AT,
    FLAGS,
    GONE,
    HELD,
    INSPECT,
    INSPECTION,
    INT64,
    KIND_MARK,
    KIND_RETURN,
    LEFT,
    LIVE,
    MISSING,
    ON_HOLD,
    ORDER_BITS,
    PART_SKU,
    PART_UNITS,
    PARTIAL_STATE,
    REFURBISH,
    RESTOCK,
    SCRAP,
    SHIPPED,
    STAGE_ALLOCATED,
    STAGE_BACKORDERED,
    STAGE_CANCELLED,
    STAGE_HELD,
    STAGE_LOST,
    STAGE_MASK,
    STAGE_OF_STATE,
    STAGE_PACKED,
    STAGE_PICKED,
    STAGE_RETURNED,
    STAGE_SHIPPED,
    STATE_CANCELLED,
    STATE_HELD,
    STATE_LOST,
    STATE_OF_STAGE,
    STATE_RETURNED,
    TOGETHER,
    WAITING,
)
from kernels.life.open import share_of_bundles, write_position
from kernels.life.runs import add_position, copy_position, end_position, first_position
from kernels.life.select import ANY, class_of, count_units, part_count, part_word

Array = npt.NDArray[Any]


@inlined_rule
def entry(table: int, place: int) -> int:
    """An entry of a packed table."""
    return table >> ENTRY_BITS * place & ENTRY_MASK


@inlined_rule
def stage_byte_of(book: Any) -> int:
    """The stage byte that stands for all units of a book that lie together."""
    stage = entry(STAGE_OF_STATE, (INT64(book.state) & ORDER_BITS) - STATE_HELD)
    return stage | INT64(book.flags) >> DETAIL_SHIFT << DETAIL_SHIFT


@rule
def part(book: Any, memory: Any) -> None:
    """From now on every position has its own stage byte."""
    if book.flags & TOGETHER:
        byte = stage_byte_of(book)
        for at in range(first_position(book), end_position(book)):
            memory.positions[at].stage = byte
        book.flags &= FLAGS & ~TOGETHER


@inlined_rule
def account_of(byte: int) -> int:
    """Where the ledger keeps units in this stage."""
    stage, detail = INT64(byte) & STAGE_MASK, INT64(byte) >> DETAIL_SHIFT
    if stage == STAGE_BACKORDERED:
        return WAITING
    if stage == STAGE_HELD:
        return HELD
    if stage <= STAGE_PACKED:
        return SHIPPED if stage > STAGE_ALLOCATED and detail & LEFT else ALLOCATED
    if stage == STAGE_CANCELLED:
        return AVAILABLE
    if stage != STAGE_RETURNED:
        return SHIPPED
    if detail == INSPECT:
        return INSPECTION
    if detail == RESTOCK:
        return AVAILABLE
    if detail == REFURBISH:
        return DAMAGED
    return GONE if detail in (SCRAP, MISSING) else SHIPPED


@inlined_rule
def byte_after(byte: int, target: int, seen: int, falls_at: int) -> int:
    """Stage byte of units that an event takes to a stage; ``falls_at`` is the stage in which on-hand falls."""
    stage, detail = INT64(byte) & STAGE_MASK, INT64(byte) >> DETAIL_SHIFT
    if target < STAGE_PICKED or target == STAGE_CANCELLED:
        return target
    if stage < STAGE_PICKED or stage == STAGE_RETURNED:
        detail = 0
    detail |= seen
    if target >= falls_at:
        detail |= LEFT
    return target | detail << DETAIL_SHIFT


@rule
def state_of_units(book: Any, memory: Any) -> int:
    """The order's state as its units say it."""
    if book.flags & TOGETHER:
        return INT64(book.state & ORDER_BITS)
    found = 0
    for at in range(first_position(book), end_position(book)):
        if memory.positions[at].qty > 0:
            found |= 1 << (INT64(memory.positions[at].stage) & STAGE_MASK)
    live = found & LIVE
    if live == 0:
        if found >> STAGE_RETURNED & 1:
            return STATE_RETURNED
        return STATE_LOST if found >> STAGE_LOST & 1 else STATE_CANCELLED
    furthest = 0
    while live >> (furthest + 1):
        furthest += 1
    if book.flags & ON_HOLD and furthest <= STAGE_ALLOCATED:
        return STATE_HELD
    if live == 1 << furthest:
        return entry(STATE_OF_STAGE, furthest)
    return entry(PARTIAL_STATE, furthest)


@rule
def same_place(one: Any, other: Any, stage: int, node: int, shipment: int) -> bool:
    """Whether units of ``one`` that come to a stage, node and shipment lie in position ``other``."""
    return bool(
        other.qty > 0
        and other.line == one.line
        and other.sku == one.sku
        and other.node == node
        and other.stage == stage
        and other.shipment == shipment
        and other.ship_day == one.ship_day
    )


@rule
def free_place(book: Any, memory: Any) -> int:
    """Index of a position of the book without units, appended where there is none. The run may have moved."""
    for at in range(first_position(book), end_position(book)):
        if memory.positions[at].qty == 0:
            return at
    return add_position(book, memory)


@rule
def units_each(book: Any, line: int, sku: int, memory: Any) -> int:
    """Units of a SKU in one unit of a line: 1 but for components of bundles."""
    for number in range(part_count(book, memory)):
        if part_word(book, number, PART_SKU, memory) == line << 32 | sku:
            return part_word(book, number, PART_UNITS, memory)
    return INT64(1)


@rule
def carried_by(book: Any, position: Any, units: int, memory: Any) -> int:
    """What the first units of a position carry."""
    each = units_each(book, INT64(position.line), INT64(position.sku), memory)
    return share_of_bundles(units, INT64(position.qty), INT64(position.value_minor), each)


@rule
def move_units(
    book: Any, place: int, units: int, stage: int, node: int, shipment: int, memory: Any
) -> int:  # fmt: skip
    """Move units of the book's position number ``place`` into a stage byte, node and shipment; returns what they carry.

    The book must have been parted. Positions keep their numbers; the run itself may move.
    """
    value = carried_by(book, memory.positions[first_position(book) + place], units, memory)
    move_worth(book, place, units, value, stage, node, shipment, memory)
    return value


@rule
def move_worth(
    book: Any, place: int, units: int, value: int, stage: int, node: int, shipment: int, memory: Any
) -> None:  # fmt: skip
    """As :func:`move_units`, where it is known what the units carry."""
    source = memory.positions[first_position(book) + place]
    if STAGE_SHIPPED <= stage & STAGE_MASK < STAGE_CANCELLED:
        keep_day_of(book, INT64(source.node), memory)
    for at in range(first_position(book), end_position(book)):
        if at != first_position(book) + place and same_place(source, memory.positions[at], stage, node, shipment):
            memory.positions[at].qty += units
            memory.positions[at].value_minor += value
            source.qty -= units
            source.value_minor -= value
            return
    if source.qty == units:
        source.stage, source.node, source.shipment = stage, node, shipment
        return
    at = free_place(book, memory)
    source, target = memory.positions[first_position(book) + place], memory.positions[at]
    copy_position(source, target)
    target.qty, target.value_minor = units, value
    target.stage, target.node, target.shipment = stage, node, shipment
    source.qty -= units
    source.value_minor -= value


@inlined_rule
def take_out(position: Any, units: int, value: int) -> None:
    """Take units off a position, with the ``value`` that they carry."""
    position.qty -= units
    position.value_minor -= value


@rule
def put_units(
    book: Any, line: int, sku: int, node: int, qty: int, value_minor: int, stage: int, shipment: int, ship_day: int,
    memory: Any,
) -> None:  # fmt: skip
    """Add units to a parted book; the run of its positions may move."""
    for at in range(first_position(book), end_position(book)):
        other = memory.positions[at]
        same = other.qty > 0 and other.line == line and other.sku == sku and other.node == node
        if same and other.stage == stage and other.shipment == shipment and other.ship_day == ship_day:
            other.qty += qty
            other.value_minor += value_minor
            return
    place = free_place(book, memory)
    write_position(memory.positions[place], line, sku, node, qty, value_minor, stage, ship_day)
    memory.positions[place].shipment = shipment


@rule
def keep_day_of(book: Any, node: int, memory: Any) -> None:
    """A node's parcel has left: whatever becomes of the rest, its ship day is not given back."""
    for at in range(first_position(book), end_position(book)):
        if memory.positions[at].node == node:
            memory.positions[at].ship_day = 0


@rule
def sends_from(book: Any, node: int, memory: Any) -> bool:
    """Whether any unit is still to come from a node; what came back there is not."""
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if position.qty > 0 and position.node == node and STAGE_HELD <= position.stage & STAGE_MASK <= STAGE_PACKED:
            return True
    return False


@rule
def has_units(book: Any, classes: int, memory: Any) -> bool:
    """Whether any unit of the order is in one of these classes."""
    if book.flags & TOGETHER:
        return bool(classes >> class_of(stage_byte_of(book)) & 1)
    return count_units(book, ANY, ANY, classes, ANY, ANY, memory) > 0


@inlined_rule
def target_byte(byte: int, rule_row: Any, event: Any, terms: Any) -> int:
    """Stage byte of units after the event."""
    if rule_row.kind == KIND_MARK:
        return INT64(byte | rule_row.seen << DETAIL_SHIFT)
    if rule_row.kind == KIND_RETURN:
        return INT64(STAGE_RETURNED | max(INT64(event.disposition), 0) << DETAIL_SHIFT)
    return byte_after(byte, rule_row.target, rule_row.seen, terms.settings[FALLS_AT])
