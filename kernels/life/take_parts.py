"""Take, units in part: moved position by position, and told. The caller made sure that there are as many."""

from __future__ import annotations

from typing import Any

from kernels._jit import rule
from kernels.life.layout import DETAIL_SHIFT, INT64, KIND_RETURN, PART_SKU, PART_UNITS, STAGE_BACKORDERED, TIERS
from kernels.life.parcels import names_parcel, own_parcel, parcel_after
from kernels.life.runs import first_position
from kernels.life.select import (
    ANY,
    class_of,
    classes_of,
    count_line_units,
    find_shipment,
    is_bundle,
    is_meant,
    lacks,
    line_number,
    part_count,
    part_word,
    tiers_meant,
    tiers_of,
)
from kernels.life.tell import UNITS, tell_cell
from kernels.life.units import move_units, target_byte

NEAREST = -3  # of units that lie in several parcels, those that lie nearest to the one that is named
ALL = (1 << 31) - 1  # more units than any order has


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
def take_lines(
    book: Any, event: Any, lines: Any, rule_row: Any, node: int, shipment: int, parcels: int, terms: Any, memory: Any,
    told: Any,
) -> None:  # fmt: skip
    for at in range(event.line_first, event.line_last):
        number = line_number(book, lines[at].line_key, lines[at].line, memory)
        units, place = INT64(lines[at].qty), shipment
        if names_parcel(event, rule_row) and units < 0:
            place = own_parcel(book, number, node, event, rule_row, memory)
        there = count_line_units(book, number, classes_of(rule_row, event), node, place, rule_row, memory)
        if names_parcel(event, rule_row) and units >= 0:
            place = NEAREST
        units = there if units < 0 else min(units, there)  # none of a line of which nothing new is said
        take_line(book, number, units, node, place, event, rule_row, parcels, terms, memory, told)


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
