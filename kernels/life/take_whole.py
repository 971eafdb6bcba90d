"""Take, all units as one: an event that names no lines, node or shipment, of an order whose units lie together."""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    DETAIL_SHIFT,
    FLAGS,
    NO_REFUSAL,
    ON_HOLD_NOW,
    REPEATS,
    STAGE_CANCELLED,
    STAGE_MASK,
    STATE_OF_STAGE,
    TRANSITION,
    WHOLE_UNITS,
)
from kernels.life.money import STATE_SHIFT
from kernels.life.runs import end_position, first_position
from kernels.life.select import ANY, class_of, classes_of, count_units, held_back, is_done, lacks
from kernels.life.tell import CELLS, tell_cell
from kernels.life.units import account_of, entry, stage_byte_of, target_byte


@rule
def take_whole(book: Any, event: Any, rule_row: Any, verdict: Any, terms: Any, memory: Any, told: Any) -> int:
    """An event on all units of an order that lie together."""
    before = stage_byte_of(book)
    classes = classes_of(rule_row, event)
    if classes >> class_of(before) & 1:
        after = target_byte(before, rule_row, event, terms)
        if after == before:
            return REPEATS
        move_whole(book, before, after, event.tracking, memory, told)
    elif held_back(classes, rule_row) >> class_of(before) & 1:
        verdict.found = count_units(book, ANY, ANY, -1, ANY, ANY, memory)
        return ON_HOLD_NOW
    elif lacks(before, rule_row):
        book.flags |= rule_row.seen << DETAIL_SHIFT
        set_tracking(book, event.tracking)
    else:
        return REPEATS if is_done(before, rule_row, event) else TRANSITION
    verdict.whole |= WHOLE_UNITS
    verdict.stage = stage_byte_of(book)
    return NO_REFUSAL


@inlined_rule
def set_tracking(book: Any, tracking: int) -> None:
    if tracking != 0:
        book.tracking = tracking


@rule
def move_whole(book: Any, before: int, after: int, tracking: int, memory: Any, told: Any) -> None:
    first = told.ends[CELLS]
    if account_of(before) != account_of(after):
        for at in range(first_position(book), end_position(book)):
            position = memory.positions[at]
            if position.qty > 0:
                tell_cell(
                    book, position.line, position.sku, position.node, position.node, position.qty, before, after,
                    position.ship_day, told,
                )  # fmt: skip
    stage = after & STAGE_MASK
    book.state = entry(STATE_OF_STAGE, stage) | book.state >> STATE_SHIFT << STATE_SHIFT
    book.flags = book.flags & FLAGS | (after >> DETAIL_SHIFT) << DETAIL_SHIFT
    set_tracking(book, tracking)
    if stage == STAGE_CANCELLED:
        for at in range(first, told.ends[CELLS]):
            for earlier in range(first, at):
                if told.cells[earlier].node == told.cells[at].node and told.cells[earlier].ship_day >= 0:
                    told.cells[at].ship_day = -1
