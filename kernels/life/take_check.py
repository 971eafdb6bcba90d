"""Take, before any unit is moved: whether every line has the units that an event names, and whether it says which."""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    INT64,
    LINE_UNKNOWN,
    LIVE,
    NO_REFUSAL,
    NOT_ENOUGH,
    ON_HOLD_NOW,
    PART_SKU,
    PART_UNITS,
    REPEATS,
    STAGE_CANCELLED,
    TIERS,
    TRANSITION,
    WHICH_NODE,
)
from kernels.life.parcels import names_parcel, own_parcel
from kernels.life.runs import end_position, first_position
from kernels.life.select import (
    ANY,
    class_of,
    classes_of,
    count_concerned,
    count_line_done,
    count_line_units,
    count_units,
    find_shipment,
    has_done,
    held_back,
    is_bundle,
    is_meant,
    line_number,
    part_count,
    part_word,
    tiers_meant,
    tiers_of,
)


@rule
def asked_before(event: Any, lines: Any, at: int) -> int:
    """Units that the event named of the same line before; a line has one id only."""
    asked: int = INT64(0)
    for earlier in range(event.line_first, at):
        is_same = lines[earlier].line_key == lines[at].line_key
        if is_same or (lines[at].line > 0 and lines[earlier].line == lines[at].line):
            asked += max(INT64(lines[earlier].qty), 0)
    return asked


@inlined_rule
def place_rank(shipment: int, own: int, event: Any, rule_row: Any) -> int:
    """How near units in a shipment lie to the parcel that the event names; ``own`` is its number."""
    if not names_parcel(event, rule_row):
        return 0
    return 0 if own > 0 and shipment == own else 1 if shipment == 0 else 2


@rule
def parts_nodes(
    book: Any, line: int, sku: int, units: int, event: Any, rule_row: Any, memory: Any
) -> bool:  # fmt: skip
    """Whether so many units are some of those that several nodes have alike, so that nobody can say whose they are."""
    own = find_shipment(book, event.shipment, memory) if names_parcel(event, rule_row) else 0
    for rank in range(3):
        for tier in range(TIERS):
            classes, there, node, are_several = tiers_of(rule_row, tier, event), INT64(0), ANY, False
            for at in range(first_position(book), end_position(book)):
                position = memory.positions[at]
                is_here = classes >> class_of(position.stage) & 1 and is_meant(position, line, sku, ANY, ANY)
                if is_here and place_rank(position.shipment, own, event, rule_row) == rank:
                    are_several |= there > 0 and position.node != node
                    node, there = INT64(position.node), there + position.qty
            if units < there:
                return are_several and units > 0
            units -= there
    return False


@rule
def leaves_open(book: Any, line: int, units: int, event: Any, rule_row: Any, memory: Any) -> bool:
    """Whether an event on so many units of a line does not say which: some of them leave a node, and it names none."""
    if rule_row.assigns == 0 or event.node >= 0:
        return False
    if not is_bundle(book, line, memory):
        return parts_nodes(book, line, ANY, units, event, rule_row, memory)
    for number in range(part_count(book, memory)):
        key = part_word(book, number, PART_SKU, memory)
        part_units = units * part_word(book, number, PART_UNITS, memory)
        is_its = key >> 32 == line
        if is_its and parts_nodes(book, line, key & 0xFFFFFFFF, part_units, event, rule_row, memory):
            return True
    return False


@rule
def held_units(book: Any, line: int, classes: int, node: int, place: int, rule_row: Any, memory: Any) -> int:
    """Units of a line that an event on these classes could concern as well, if they were not on hold."""
    kept = held_back(classes, rule_row)
    if kept == 0 or count_units(book, line, ANY, kept, node, place, memory) == 0:
        return 0
    found = count_line_units(book, line, classes, node, place, rule_row, memory)
    return count_line_units(book, line, classes | kept, node, place, rule_row, memory) - found


@rule
def is_told_again(
    book: Any, line: int, units: int, node: int, place: int, rule_row: Any, event: Any, memory: Any
) -> bool:  # fmt: skip
    """Whether so many units of a line have been where the event leads. A cancel is a wish: each is for other units."""
    if rule_row.target == STAGE_CANCELLED:
        return False
    return bool(count_line_done(book, line, node, place, rule_row, event, memory) >= units)


@rule
def check_lines(
    book: Any, event: Any, lines: Any, rule_row: Any, node: int, shipment: int, verdict: Any, memory: Any
) -> int:  # fmt: skip
    """Whether every line an event names has the units it asks for, and it is clear which; or it is a mere repetition of
    as many, and of nothing else it could be news."""
    classes = classes_of(rule_row, event)
    for at in range(event.line_first, event.line_last):
        verdict.refused_line = at - event.line_first
        number = line_number(book, lines[at].line_key, lines[at].line, memory)
        if number < 0:
            return LINE_UNKNOWN
        is_all, place = lines[at].qty < 0, shipment
        if is_all and names_parcel(event, rule_row):
            place = own_parcel(book, number, node, event, rule_row, memory)
        wanted = 1 if is_all else lines[at].qty + asked_before(event, lines, at)
        found = count_line_units(book, number, classes, node, place, rule_row, memory)
        held = held_units(book, number, classes, node, place, rule_row, memory) if found < wanted else 0
        if held > 0 and found + held >= wanted:
            verdict.wanted, verdict.found = wanted, held
            return ON_HOLD_NOW
        if is_all:
            is_told = has_done(book, number, node, place, rule_row, event, memory)
        else:
            is_told = found == 0 and is_told_again(book, number, wanted, node, place, rule_row, event, memory)
        if found >= wanted or is_told:
            if not is_all and found > 0 and leaves_open(book, number, wanted, event, rule_row, memory):
                return WHICH_NODE
            continue
        verdict.wanted, verdict.found = wanted, found
        return NOT_ENOUGH
    verdict.refused_line = -1
    return NO_REFUSAL


@rule
def nothing_to_take(
    book: Any, event: Any, rule_row: Any, node: int, shipment: int, verdict: Any, memory: Any
) -> int:  # fmt: skip
    """Why an event without lines concerns no unit; NO_REFUSAL where it concerns some."""
    classes = classes_of(rule_row, event, tiers_meant(book, node, shipment, rule_row, event, memory))
    if count_concerned(book, ANY, ANY, classes, node, shipment, rule_row, memory) > 0:
        return NO_REFUSAL
    held = count_units(book, ANY, ANY, held_back(classes, rule_row), node, shipment, memory)
    if held > 0:
        verdict.found = held
        return ON_HOLD_NOW
    if rule_row.target == STAGE_CANCELLED and count_units(book, ANY, ANY, LIVE, node, shipment, memory) > 0:
        return TRANSITION
    return REPEATS if has_done(book, ANY, node, shipment, rule_row, event, memory) else TRANSITION
