"""Take: units of an order go where an event says, or stay where they are and it is said why.

whole      an order whose units lie together, and an event that names neither lines nor node nor shipment
in part    first look whether every line has the units, then move them: all or nothing
late       units that are further already, without this report: it is filled in, nothing is counted twice
repeated   nothing is left to move or to fill in, and the units have been where the event leads
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import INT64, KIND_RETURN, LIMIT, NO_REFUSAL, REPEATS, SHIPMENT_UNKNOWN, TOGETHER
from kernels.life.parcels import lacks_parcel, names_parcel, own_parcel, shipment_meant
from kernels.life.select import ANY, shipment_count
from kernels.life.take_check import check_lines, nothing_to_take
from kernels.life.take_parts import take_all, take_lines
from kernels.life.take_whole import take_whole
from kernels.life.tell import CELLS, UNITS, keep_days_of_parcels
from kernels.life.units import part


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
        refusal = nothing_to_take(book, event, rule_row, node, shipment, verdict, memory)
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
