"""Take: units of an order go where an event says, or stay where they are and it is said why.

whole      an order whose units lie together, and an event that names neither lines nor node nor shipment
in part    first look whether every line has the units, then move them: all or nothing
late       units that are further already, without this report: it is filled in, nothing is counted twice
repeated   nothing is left to move or to fill in, and the units have been where the event leads
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    DETAIL_SHIFT,
    FALLS_AT,
    FLAGS,
    INT64,
    KIND_MARK,
    KIND_RETURN,
    LIMIT,
    LINE_UNKNOWN,
    LIVE,
    NO_REFUSAL,
    NOT_ENOUGH,
    PART_SKU,
    PART_UNITS,
    REPEATS,
    SHIPMENT_UNKNOWN,
    STAGE_BACKORDERED,
    STAGE_CANCELLED,
    STAGE_MASK,
    STAGE_RETURNED,
    STATE_OF_STAGE,
    TIERS,
    TOGETHER,
    TRANSITION,
    WHICH_NODE,
    WHOLE_UNITS,
)
from kernels.life.money import STATE_SHIFT
from kernels.life.parcels import lacks_parcel, names_parcel, own_parcel, parcel_after, shipment_meant
from kernels.life.runs import end_position, first_position
from kernels.life.select import (
    ANY,
    class_of,
    classes_of,
    count_concerned,
    count_line_units,
    count_units,
    find_shipment,
    has_done,
    is_bundle,
    is_done,
    is_meant,
    lacks,
    line_number,
    part_count,
    part_word,
    shipment_count,
    tiers_meant,
    tiers_of,
)
from kernels.life.tell import CELLS, UNITS, keep_days_of_parcels, tell_cell
from kernels.life.units import account_of, byte_after, entry, move_units, part, stage_byte_of

NEAREST = -3  # of units that lie in several parcels, those that lie nearest to the one that is named
ALL = (1 << 31) - 1  # more units than any order has


@inlined_rule
def target_byte(byte: int, rule_row: Any, event: Any, terms: Any) -> int:
    """Stage byte of units after the event."""
    if rule_row.kind == KIND_MARK:
        return INT64(byte | rule_row.seen << DETAIL_SHIFT)
    if rule_row.kind == KIND_RETURN:
        return INT64(STAGE_RETURNED | max(INT64(event.disposition), 0) << DETAIL_SHIFT)
    return byte_after(byte, rule_row.target, rule_row.seen, terms.settings[FALLS_AT])


# --- all units as one ------------------------------------------------------------------------------


@rule
def take_whole(book: Any, event: Any, rule_row: Any, verdict: Any, terms: Any, memory: Any, told: Any) -> int:
    """An event on all units of an order that lie together."""
    before = stage_byte_of(book)
    if classes_of(rule_row, event) >> class_of(before) & 1:
        after = target_byte(before, rule_row, event, terms)
        if after == before:
            return REPEATS
        move_whole(book, before, after, event.tracking, memory, told)
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


# --- units in part ---------------------------------------------------------------------------------


@rule
def move_meant(
    book: Any, line: int, sku: int, units: int, classes: int, node: int, shipment: int, event: Any, rule_row: Any,
    parcels: int, terms: Any, memory: Any, told: Any,
) -> int:  # fmt: skip
    """Move up to ``units`` of what is meant in these classes; returns how many are left to move.

    Without classes those are meant that went further and lack the report: it is noted on them.
    """
    for place in range(INT64(book.positions)):
        if units == 0:
            break
        position = memory.positions[first_position(book) + place]
        before = INT64(position.stage)
        if not is_meant(position, line, sku, node, shipment):
            continue
        if classes == 0:
            if not lacks(before, rule_row):
                continue
            after = before | rule_row.seen << DETAIL_SHIFT
        else:
            if not classes >> class_of(before) & 1:
                continue
            after = target_byte(before, rule_row, event, terms)
            if after == before:
                continue
        moved = min(units, INT64(position.qty))
        number = parcel_after(
            book, INT64(position.shipment), classes == 0, event, rule_row, parcels, terms, memory
        )  # fmt: skip
        move_position(book, place, moved, after, number, event, rule_row, memory, told)
        units -= moved
    return units


@rule
def move_position(
    book: Any, place: int, units: int, after: int, shipment: int, event: Any, rule_row: Any, memory: Any, told: Any
) -> None:  # fmt: skip
    """Move units of one position and tell it."""
    position = memory.positions[first_position(book) + place]
    before, node = INT64(position.stage), INT64(position.node)
    line, sku, day = INT64(position.line), INT64(position.sku), INT64(position.ship_day)
    to_node = INT64(event.node) if rule_row.kind == KIND_RETURN and event.node >= 0 else node
    tell = told.units[told.ends[UNITS]]
    told.ends[UNITS] += 1
    tell.line, tell.sku, tell.lot, tell.node, tell.to_node, tell.qty = line, sku, 0, node, to_node, units
    tell.from_stage, tell.to_stage, tell.shipment = before, after, shipment
    tell.from_shipment, tell.ship_day = position.shipment, day
    tell_cell(book, line, sku, node, to_node, units, before, after, day, told)
    tell.value_minor = move_units(book, place, units, after, to_node, shipment, memory)


@rule
def take_some(
    book: Any, line: int, sku: int, units: int, node: int, shipment: int, event: Any, rule_row: Any, parcels: int,
    terms: Any, memory: Any, told: Any,
) -> int:  # fmt: skip
    """Up to so many units, tier after tier, then those that only lack the report; returns how many are left."""
    for tier in range(TIERS):
        classes = tiers_of(rule_row, tier, event)
        if units > 0 and classes:
            units = move_meant(
                book, line, sku, units, classes, node, shipment, event, rule_row, parcels, terms, memory, told
            )  # fmt: skip
    if units > 0 and rule_row.late:
        units = move_meant(book, line, sku, units, 0, node, shipment, event, rule_row, parcels, terms, memory, told)
    return units


@rule
def take_near(
    book: Any, line: int, sku: int, units: int, node: int, shipment: int, event: Any, rule_row: Any, parcels: int,
    terms: Any, memory: Any, told: Any,
) -> int:  # fmt: skip
    """As take_some; of NEAREST first of the parcel that is named, then of none, then of others."""
    if shipment != NEAREST:
        return take_some(book, line, sku, units, node, shipment, event, rule_row, parcels, terms, memory, told)
    own = find_shipment(book, event.shipment, memory)
    if own > 0:
        units = take_some(book, line, sku, units, node, own, event, rule_row, parcels, terms, memory, told)
    units = take_some(book, line, sku, units, node, 0, event, rule_row, parcels, terms, memory, told)
    return take_some(book, line, sku, units, node, ANY, event, rule_row, parcels, terms, memory, told)


@rule
def take_line(
    book: Any, line: int, units: int, node: int, shipment: int, event: Any, rule_row: Any, parcels: int, terms: Any,
    memory: Any, told: Any,
) -> None:  # fmt: skip
    """So many units of a line; of a bundle first those that wait, then of each component what they consist of."""
    if not is_bundle(book, line, memory):
        take_near(book, line, ANY, units, node, shipment, event, rule_row, parcels, terms, memory, told)
        return
    waiting = classes_of(rule_row, event) & 1 << STAGE_BACKORDERED
    if waiting:
        units = move_meant(
            book, line, ANY, units, waiting, node, shipment, event, rule_row, parcels, terms, memory, told
        )  # fmt: skip
    for number in range(part_count(book, memory)):
        key = part_word(book, number, PART_SKU, memory)
        if key >> 32 == line:
            sku, part_units = key & 0xFFFFFFFF, units * part_word(book, number, PART_UNITS, memory)
            take_near(book, line, sku, part_units, node, shipment, event, rule_row, parcels, terms, memory, told)


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
def check_lines(
    book: Any, event: Any, lines: Any, rule_row: Any, node: int, shipment: int, verdict: Any, memory: Any
) -> int:  # fmt: skip
    """Whether every line an event names has the units it asks for, and it is clear which; one without a number of
    units may be done."""
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
        if found >= wanted or (is_all and has_done(book, number, node, place, rule_row, event, memory)):
            if not is_all and leaves_open(book, number, wanted, event, rule_row, memory):
                return WHICH_NODE
            continue
        verdict.wanted, verdict.found = wanted, found
        return NOT_ENOUGH
    verdict.refused_line = -1
    return NO_REFUSAL


@rule
def take_lines(
    book: Any, event: Any, lines: Any, rule_row: Any, node: int, shipment: int, parcels: int, terms: Any, memory: Any,
    told: Any,
) -> None:  # fmt: skip
    for at in range(event.line_first, event.line_last):
        number = line_number(book, lines[at].line_key, lines[at].line, memory)
        units, place = INT64(lines[at].qty), shipment
        if names_parcel(event, rule_row):
            place = NEAREST if units >= 0 else own_parcel(book, number, node, event, rule_row, memory)
        if units < 0:
            classes = classes_of(rule_row, event)
            units = count_line_units(book, number, classes, node, place, rule_row, memory)
        take_line(book, number, units, node, place, event, rule_row, parcels, terms, memory, told)


@rule
def nothing_to_take(book: Any, event: Any, rule_row: Any, node: int, shipment: int, memory: Any) -> int:
    """Why an event without lines concerns no unit; NO_REFUSAL where it concerns some."""
    classes = classes_of(rule_row, event, tiers_meant(book, node, shipment, rule_row, event, memory))
    if count_concerned(book, ANY, ANY, classes, node, shipment, rule_row, memory) > 0:
        return NO_REFUSAL
    if rule_row.target == STAGE_CANCELLED and count_units(book, ANY, ANY, LIVE, node, shipment, memory) > 0:
        return TRANSITION
    return REPEATS if has_done(book, ANY, node, shipment, rule_row, event, memory) else TRANSITION


@rule
def take_all(
    book: Any, event: Any, rule_row: Any, node: int, shipment: int, parcels: int, terms: Any, memory: Any, told: Any
) -> None:  # fmt: skip
    """Without lines: all units the event can concern; of some events only the first tier that has any."""
    first = told.ends[UNITS]
    for tier in range(tiers_meant(book, node, shipment, rule_row, event, memory)):
        classes = tiers_of(rule_row, tier, event)
        if classes and not (rule_row.first_only and told.ends[UNITS] > first):
            move_meant(
                book, ANY, ANY, ALL, classes, node, shipment, event, rule_row, parcels, terms, memory, told
            )  # fmt: skip
    if rule_row.late:
        move_meant(book, ANY, ANY, ALL, 0, node, shipment, event, rule_row, parcels, terms, memory, told)


@inlined_rule
def is_about_part(event: Any, rule_row: Any, node: int, shipment: int) -> bool:
    """Whether an event names something that may not be all of the order."""
    names_place = node != ANY or shipment != ANY or (rule_row.kind == KIND_RETURN and event.node >= 0)
    return bool(names_place or event.line_first < event.line_last or names_parcel(event, rule_row))


@rule
def take_units(
    book: Any, event: Any, lines: Any, rule_row: Any, verdict: Any, terms: Any, memory: Any, told: Any
) -> int:  # fmt: skip
    """What an event does to the units of an order; a refusal, REPEATS, or NO_REFUSAL with everything done."""
    shipment = shipment_meant(book, event, rule_row, terms, memory)
    if shipment == -2:
        return SHIPMENT_UNKNOWN
    node = INT64(event.node) if rule_row.filters and rule_row.kind != KIND_RETURN else ANY
    if book.flags & TOGETHER and not is_about_part(event, rule_row, node, shipment):
        return take_whole(book, event, rule_row, verdict, terms, memory, told)
    flags, first_unit, first_cell = book.flags, told.ends[UNITS], told.ends[CELLS]
    part(book, memory)
    parcels = shipment_count(book, memory)
    if event.line_first < event.line_last:
        refusal = check_lines(book, event, lines, rule_row, node, shipment, verdict, memory)
    else:
        if names_parcel(event, rule_row):
            shipment = own_parcel(book, ANY, node, event, rule_row, memory)
        refusal = nothing_to_take(book, event, rule_row, node, shipment, memory)
    if refusal == NO_REFUSAL:
        if lacks_parcel(book, node, event, rule_row, memory):
            refusal = LIMIT
        elif event.line_first < event.line_last:
            take_lines(book, event, lines, rule_row, node, shipment, parcels, terms, memory, told)
        else:
            take_all(book, event, rule_row, node, shipment, parcels, terms, memory, told)
    if told.ends[UNITS] == first_unit:
        book.flags = flags  # nothing parted them
        return REPEATS if refusal == NO_REFUSAL else refusal
    keep_days_of_parcels(book, first_cell, memory, told)
    return NO_REFUSAL
