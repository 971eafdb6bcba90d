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
    SHIP_KEY,
    SHIP_TRACKING,
    SHIPMENT_COUNT,
    SHIPMENT_UNKNOWN,
    SHIPMENT_WORDS,
    SHIPMENTS,
    SHIPMENTS_MAX,
    STAGE_BACKORDERED,
    STAGE_CANCELLED,
    STAGE_MASK,
    STAGE_RETURNED,
    STATE_OF_STAGE,
    TIERS,
    TOGETHER,
    TRANSITION,
    WHOLE_UNITS,
)
from kernels.life.money import STATE_SHIFT
from kernels.life.open import extra_of, share_of
from kernels.life.runs import end_position, first_position, grown_words
from kernels.life.select import (
    ANY,
    all_tiers,
    class_of,
    count_line_units,
    count_units,
    find_shipment,
    is_bundle,
    is_meant,
    line_number,
    part_count,
    part_word,
    shipment_at,
    shipment_count,
)
from kernels.life.tell import CELLS, UNITS, keep_days_of_parcels, tell_cell
from kernels.life.units import account_of, byte_after, entry, move_units, part, stage_byte_of


@inlined_rule
def target_byte(byte: int, rule_row: Any, event: Any, terms: Any) -> int:
    """Stage byte of units after the event."""
    if rule_row.kind == KIND_MARK:
        return INT64(byte | rule_row.seen << DETAIL_SHIFT)
    if rule_row.kind == KIND_RETURN:
        return INT64(STAGE_RETURNED | max(INT64(event.disposition), 0) << DETAIL_SHIFT)
    return byte_after(byte, rule_row.target, rule_row.seen, terms.settings[FALLS_AT])


@inlined_rule
def tiers_of(rule_row: Any, tier: int, event: Any) -> int:
    """Classes of a tier; units that await inspection are meant by a return that says what becomes of them."""
    classes = INT64(rule_row.tiers[tier])
    return 0 if rule_row.kind == KIND_RETURN and tier == 0 and event.disposition < 0 else classes


@inlined_rule
def lacks(byte: int, rule_row: Any) -> bool:
    """Whether units are further than the event leads, and it was never reported of them."""
    is_late = rule_row.late >> (INT64(byte) & STAGE_MASK) & 1 and rule_row.seen != 0
    return bool(is_late and (INT64(byte) >> DETAIL_SHIFT) & rule_row.seen == 0)


@rule
def count_lacking(book: Any, line: int, node: int, shipment: int, rule_row: Any, memory: Any) -> int:
    found: int = INT64(0)
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if lacks(position.stage, rule_row) and is_meant(position, line, ANY, node, shipment):
            found += position.qty
    return found


# --- all units as one ------------------------------------------------------------------------------


@rule
def take_whole(book: Any, event: Any, rule_row: Any, verdict: Any, terms: Any, memory: Any, told: Any) -> int:
    """An event on all units of an order that lie together."""
    before = stage_byte_of(book)
    classes = 0
    for tier in range(TIERS):
        classes |= tiers_of(rule_row, tier, event)
    if classes >> class_of(before) & 1:
        after = target_byte(before, rule_row, event, terms)
        if after == before:
            return REPEATS
        move_whole(book, before, after, event.tracking, memory, told)
    elif lacks(before, rule_row):
        book.flags |= rule_row.seen << DETAIL_SHIFT
        set_tracking(book, event.tracking)
    else:
        return REPEATS if rule_row.done >> class_of(before) & 1 else TRANSITION
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
    into: int, terms: Any, memory: Any, told: Any,
) -> int:  # fmt: skip
    """Move up to ``units`` of what is meant in these classes; returns how many are left to move.

    ``into`` is the shipment they come into, -1 = they stay in theirs.
    """
    for place in range(INT64(book.positions)):
        if units == 0:
            break
        position = memory.positions[first_position(book) + place]
        before = INT64(position.stage)
        if not classes >> class_of(before) & 1 or not is_meant(position, line, sku, node, shipment):
            continue
        after = target_byte(before, rule_row, event, terms)
        if after == before:
            continue
        moved = min(units, INT64(position.qty))
        move_position(book, place, moved, after, event, rule_row, into, memory, told)
        units -= moved
    return units


@rule
def move_position(
    book: Any, place: int, units: int, after: int, event: Any, rule_row: Any, into: int, memory: Any, told: Any
) -> None:  # fmt: skip
    """Move units of one position and tell it."""
    position = memory.positions[first_position(book) + place]
    before, node = INT64(position.stage), INT64(position.node)
    line, sku, day = INT64(position.line), INT64(position.sku), INT64(position.ship_day)
    to_node = INT64(event.node) if rule_row.kind == KIND_RETURN and event.node >= 0 else node
    shipment = INT64(position.shipment) if into < 0 else into
    tell = told.units[told.ends[UNITS]]
    told.ends[UNITS] += 1
    tell.line, tell.sku, tell.lot, tell.node, tell.to_node, tell.qty = line, sku, 0, node, to_node, units
    tell.from_stage, tell.to_stage, tell.shipment = before, after, shipment
    tell.from_shipment, tell.ship_day = position.shipment, day
    tell.value_minor = share_of(units, INT64(position.qty), INT64(position.value_minor))
    tell_cell(book, line, sku, node, to_node, units, before, after, day, told)
    move_units(book, place, units, after, to_node, shipment, memory)


@rule
def fill_in(
    book: Any, line: int, units: int, node: int, shipment: int, rule_row: Any, into: int, memory: Any, told: Any
) -> None:  # fmt: skip
    """Note a report on up to ``units`` that went further without it; ``units`` -1 = on all of them."""
    for place in range(INT64(book.positions)):
        position = memory.positions[first_position(book) + place]
        before = INT64(position.stage)
        if units == 0:
            break
        if not lacks(before, rule_row) or not is_meant(position, line, ANY, node, shipment):
            continue
        moved = INT64(position.qty) if units < 0 else min(units, INT64(position.qty))
        number = into if into > 0 and position.shipment == 0 else INT64(position.shipment)
        tell = told.units[told.ends[UNITS]]
        told.ends[UNITS] += 1
        tell.line, tell.sku, tell.lot, tell.qty = position.line, position.sku, 0, moved
        tell.node, tell.to_node = position.node, position.node
        tell.from_stage, tell.to_stage = before, before | rule_row.seen << DETAIL_SHIFT
        tell.from_shipment, tell.shipment, tell.ship_day = position.shipment, number, position.ship_day
        tell.value_minor = share_of(moved, INT64(position.qty), INT64(position.value_minor))
        move_units(book, place, moved, INT64(tell.to_stage), INT64(position.node), number, memory)
        if units > 0:
            units -= moved


@rule
def take_line(
    book: Any, line: int, units: int, node: int, shipment: int, event: Any, rule_row: Any, into: int, terms: Any,
    memory: Any, told: Any,
) -> None:  # fmt: skip
    """Move so many units of a line, tier after tier; of a bundle of each component what they consist of."""
    bundle = is_bundle(book, line, memory)
    for tier in range(TIERS):
        classes = tiers_of(rule_row, tier, event)
        if units == 0 or classes == 0:
            continue
        if not bundle:
            units = move_meant(
                book, line, ANY, units, classes, node, shipment, event, rule_row, into, terms, memory, told
            )  # fmt: skip
            continue
        waiting = classes & 1 << STAGE_BACKORDERED
        if waiting:
            units = move_meant(
                book, line, ANY, units, waiting, node, shipment, event, rule_row, into, terms, memory, told
            )  # fmt: skip
    if bundle and units > 0:
        take_components(book, line, units, node, shipment, event, rule_row, into, terms, memory, told)
    elif units > 0:
        fill_in(book, line, units, node, shipment, rule_row, into, memory, told)


@rule
def take_components(
    book: Any, line: int, units: int, node: int, shipment: int, event: Any, rule_row: Any, into: int, terms: Any,
    memory: Any, told: Any,
) -> None:  # fmt: skip
    for number in range(part_count(book, memory)):
        key = part_word(book, number, PART_SKU, memory)
        if key >> 32 != line:
            continue
        sku, left = key & 0xFFFFFFFF, units * part_word(book, number, PART_UNITS, memory)
        for tier in range(TIERS):
            classes = tiers_of(rule_row, tier, event) & ~(1 << STAGE_BACKORDERED)
            if left > 0 and classes:
                left = move_meant(
                    book, line, sku, left, classes, node, shipment, event, rule_row, into, terms, memory, told
                )  # fmt: skip


@rule
def check_lines(
    book: Any, event: Any, lines: Any, rule_row: Any, node: int, shipment: int, verdict: Any, memory: Any
) -> int:  # fmt: skip
    """Whether every line an event names has the units it asks for."""
    classes = 0
    for tier in range(TIERS):
        classes |= tiers_of(rule_row, tier, event)
    for at in range(event.line_first, event.line_last):
        number = line_number(book, lines[at].line_key, lines[at].line, memory)
        if number < 0:
            verdict.refused_line = at - event.line_first
            return LINE_UNKNOWN
        found = count_line_units(book, number, classes, node, shipment, memory)
        found += count_lacking(book, number, node, shipment, rule_row, memory)
        if found < max(INT64(lines[at].qty), 1):
            verdict.refused_line, verdict.wanted, verdict.found = at - event.line_first, lines[at].qty, found
            return NOT_ENOUGH
    return NO_REFUSAL


@rule
def take_lines(
    book: Any, event: Any, lines: Any, rule_row: Any, node: int, shipment: int, into: int, terms: Any, memory: Any,
    told: Any,
) -> None:  # fmt: skip
    for at in range(event.line_first, event.line_last):
        number = line_number(book, lines[at].line_key, lines[at].line, memory)
        units = INT64(lines[at].qty)
        if units < 0:
            classes = 0
            for tier in range(TIERS):
                classes |= tiers_of(rule_row, tier, event)
            units = count_line_units(book, number, classes, node, shipment, memory)
            if units == 0:
                units = count_lacking(book, number, node, shipment, rule_row, memory)
        take_line(book, number, units, node, shipment, event, rule_row, into, terms, memory, told)


@rule
def nothing_to_take(book: Any, event: Any, rule_row: Any, node: int, shipment: int, memory: Any) -> int:
    """Why an event without lines concerns no unit; NO_REFUSAL where it concerns some."""
    for tier in range(TIERS):
        if count_units(book, ANY, ANY, tiers_of(rule_row, tier, event), node, shipment, memory) > 0:
            return NO_REFUSAL
    if count_lacking(book, ANY, node, shipment, rule_row, memory) > 0:
        return NO_REFUSAL
    if rule_row.target == STAGE_CANCELLED and count_units(book, ANY, ANY, LIVE, ANY, ANY, memory) > 0:
        return TRANSITION
    return REPEATS if count_units(book, ANY, ANY, rule_row.done, node, shipment, memory) > 0 else TRANSITION


@rule
def take_all(
    book: Any, event: Any, rule_row: Any, node: int, shipment: int, into: int, terms: Any, memory: Any, told: Any
) -> int:  # fmt: skip
    """Without lines: all units the event can concern; of some events only the first tier that has any."""
    first = told.ends[UNITS]
    for tier in range(TIERS):
        classes = tiers_of(rule_row, tier, event)
        there = count_units(book, ANY, ANY, classes, node, shipment, memory)
        if there == 0 or (rule_row.first_only and told.ends[UNITS] > first):
            continue
        move_meant(book, ANY, ANY, there, classes, node, shipment, event, rule_row, into, terms, memory, told)
    if told.ends[UNITS] == first:
        fill_in(book, ANY, -1, node, shipment, rule_row, into, memory, told)
    return NO_REFUSAL if told.ends[UNITS] > first else REPEATS


# --- shipments -------------------------------------------------------------------------------------


@rule
def shipment_meant(book: Any, event: Any, rule_row: Any, terms: Any, memory: Any) -> int:
    """The shipment whose units an event is about: ANY where it names none, -2 where the order has no such shipment."""
    if event.shipment == 0 or not rule_row.filters or rule_row.assigns:
        return ANY
    number = find_shipment(book, event.shipment, memory)
    if number > 0:
        return number
    is_only = shipment_count(book, memory) == 0 and event.shipment == terms.shipment_keys[1]
    return ANY if is_only else -2


@rule
def add_shipment(book: Any, key: int, tracking: int, memory: Any) -> int:
    """Number of a new shipment of the order."""
    extra = extra_of(book, memory)
    count = memory.words[extra + SHIPMENT_COUNT]
    first = grown_words(
        memory.words[extra + SHIPMENTS], SHIPMENT_WORDS * count, SHIPMENT_WORDS, memory
    )  # fmt: skip
    memory.words[extra + SHIPMENTS], memory.words[extra + SHIPMENT_COUNT] = first, count + 1
    memory.words[first + SHIPMENT_WORDS * count + SHIP_KEY] = key
    memory.words[first + SHIPMENT_WORDS * count + SHIP_TRACKING] = tracking
    return INT64(count + 1)


@rule
def shipment_into(book: Any, event: Any, rule_row: Any, terms: Any, memory: Any) -> int:
    """The shipment that units come into, made where it is new; -1 = they stay in theirs, 0 is none, -2 one too many."""
    if rule_row.assigns == 0 or (rule_row.assigns == 1 and event.shipment == 0):
        return -1
    key = event.shipment
    if key != 0:
        number = find_shipment(book, key, memory)
        if number > 0:
            if event.tracking != 0:
                memory.words[shipment_at(book, number, memory) + SHIP_TRACKING] = event.tracking
            return number
    elif count_units(book, ANY, ANY, all_tiers(rule_row), INT64(event.node), 0, memory) == 0:
        return -1  # what goes was put into shipments before
    if shipment_count(book, memory) >= SHIPMENTS_MAX:
        return -2
    if key == 0:
        key = terms.shipment_keys[shipment_count(book, memory) + 1]
    return add_shipment(book, key, event.tracking, memory)


@rule
def take_units(
    book: Any, event: Any, lines: Any, rule_row: Any, verdict: Any, terms: Any, memory: Any, told: Any
) -> int:
    """What an event does to the units of an order; a refusal, REPEATS, or NO_REFUSAL with everything done."""
    shipment = shipment_meant(book, event, rule_row, terms, memory)
    if shipment == -2:
        return SHIPMENT_UNKNOWN
    node = INT64(event.node) if rule_row.filters and rule_row.kind != KIND_RETURN else ANY
    is_part = event.line_first < event.line_last or node != ANY or shipment != ANY
    is_part |= rule_row.kind == KIND_RETURN and event.node >= 0
    is_part |= rule_row.assigns != 0 and event.shipment != 0
    if book.flags & TOGETHER and not is_part:
        return take_whole(book, event, rule_row, verdict, terms, memory, told)
    flags, first = book.flags, told.ends[CELLS]
    part(book, memory)
    has_lines = event.line_first < event.line_last
    if has_lines:
        refusal = check_lines(book, event, lines, rule_row, node, shipment, verdict, memory)
    else:
        refusal = nothing_to_take(book, event, rule_row, node, shipment, memory)
    into = shipment_into(book, event, rule_row, terms, memory) if refusal == NO_REFUSAL else -1
    if into == -2:
        refusal = LIMIT
    if refusal != NO_REFUSAL:
        book.flags = flags  # nothing parted them
        return refusal
    if has_lines:
        take_lines(book, event, lines, rule_row, node, shipment, into, terms, memory, told)
    else:
        refusal = take_all(book, event, rule_row, node, shipment, into, terms, memory, told)
    keep_days_of_parcels(book, first, memory, told)
    return refusal
