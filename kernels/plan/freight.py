"""Freight: when a node ships, when its parcel arrives, and what the parcel costs.

    ship day    = first open day of the node at or after the order's local day; the day after when the cut-off passed
    promise day = the transit days of the band counted on from there, open days of the node only
    parcel      = band price + per started kilogram + handling of the node + late penalty x days after the promise

A calendar says for each of its days the next open day; outside the calendar every day is open. Days are days
since the epoch, local to the node; the promise asked for is compared as the UTC day it falls on.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule
from kernels.layout import NO_DAY, NO_PLAN, ROLLS_MAX

Array = npt.NDArray[Any]

MINUTE_MS = 60_000
DAY_MIN = 1_440
DAY_MS = 86_400_000


@inlined_rule
def open_day(day: int, node: int, day0: int, calendar: Array) -> int:
    """First open day of the node at or after ``day``."""
    column = day - day0
    if 0 <= column < calendar.shape[1]:
        return int(calendar[node, column].open_day)
    return day


@inlined_rule
def offset_of(day: int, node: int, day0: int, calendar: Array) -> int:
    """Minutes of local time minus UTC at the cut-off of a local day; outside the calendar those of its nearest day."""
    column = min(max(day - day0, 0), calendar.shape[1] - 1)
    return int(calendar[node, column].utc_offset_min)


@inlined_rule
def first_ship_day(known_min: int, node: int, cutoff_min: int, day0: int, calendar: Array) -> int:
    """Day on which the node can ship an order known since this minute, were it not full.

    The first local day whose cut-off is still to come: each day has the offset that holds at its own cut-off, whatever
    the clock did before. No local day ends before the UTC day before it does.
    """
    day: int = known_min // DAY_MIN - 1
    while known_min >= day * DAY_MIN + cutoff_min - offset_of(day, node, day0, calendar):
        day += 1
    return open_day(day, node, day0, calendar)


@inlined_rule
def parcels_on(node: int, day: int, capacity: Array) -> int:
    """Parcels counted so far for the node's ship day."""
    entry = capacity[node, day % capacity.shape[1]]
    return entry.parcels if entry.day == day else 0


@inlined_rule
def free_ship_day(first: int, node: int, limit: int, day0: int, calendar: Array, capacity: Array) -> int:
    """The first of the next open days on which the node has room for a parcel, -1 when all are full."""
    if limit < 0:
        return first
    day = first
    for _ in range(ROLLS_MAX + 1):
        if parcels_on(node, day, capacity) < limit:
            return day
        day = open_day(day + 1, node, day0, calendar)
    return -1


@inlined_rule
def promise_day(ship_day: int, days: int, node: int, day0: int, calendar: Array) -> int:
    """Day of arrival after ``days`` open days of the node: one look-up where the calendar reaches so far."""
    column = ship_day - day0
    if days > 0 and 0 <= column < calendar.shape[1]:
        number = calendar[node, column].opened + days - 1
        if number < calendar.shape[1] and calendar[node, number].numbered_day >= 0:
            return int(calendar[node, number].numbered_day)
    day = ship_day
    for _ in range(days):
        day = open_day(day + 1, node, day0, calendar)
    return day


@inlined_rule
def late_minor(day: int, plan: Any, terms: Any) -> int:
    """Penalty of a parcel that arrives on ``day``."""
    if plan.promise_by_day < 0 or day <= plan.promise_by_day:
        return 0
    return int((day - plan.promise_by_day) * terms.late_penalty_minor)


@inlined_rule
def parcel(
    weight_g: int, by_day: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array
) -> tuple[int, int, int]:
    """Best band for a parcel of this weight: (cost with late penalty, promise day, band row), NO_PLAN when none.

    Lowest (cost, day, row), with ``by_day`` lowest (day, cost, row), among those not later than plan.day_cap.
    """
    node = candidate.node
    handling = nodes[node].handling_minor
    if terms.rates_loaded == 0:
        day = promise_day(candidate.ship_day, terms.default_days, node, terms.day0, calendar)
        cost = handling + late_minor(day, plan, terms)
        return (cost, day, -1) if day <= plan.day_cap else (NO_PLAN, NO_DAY, -1)
    best_cost, best_day, best_row = NO_PLAN, NO_DAY, -1
    for row in range(candidate.band_first, candidate.band_last):
        band = bands[row]
        if weight_g < band.min_g or weight_g > band.max_g or (plan.service >= 0 and band.service != plan.service):
            continue
        cost = handling + band.price_minor + band.per_kg_minor * ((weight_g + 999) // 1_000)
        if cost > best_cost and by_day == 0:
            continue  # its day cannot help: a late penalty only adds
        day = promise_day(candidate.ship_day, band.days, node, terms.day0, calendar)
        cost += late_minor(day, plan, terms)
        if day > plan.day_cap:
            continue
        if by_day:
            better = day < best_day or (day == best_day and cost < best_cost)
        else:
            better = cost < best_cost or (cost == best_cost and day < best_day)
        if better:
            best_cost, best_day, best_row = cost, day, row
    return best_cost, best_day, best_row


@inlined_rule
def floor_minor(lightest_g: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array) -> int:
    """Lower bound of any parcel from this node: its cheapest band that takes the lightest unit or more."""
    handling = int(nodes[candidate.node].handling_minor)
    if terms.rates_loaded == 0:
        return handling
    lowest = NO_PLAN
    for row in range(candidate.band_first, candidate.band_last):
        band = bands[row]
        if band.max_g < lightest_g or (plan.service >= 0 and band.service != plan.service):
            continue
        lowest = min(lowest, band.price_minor + band.per_kg_minor * ((max(band.min_g, lightest_g) + 999) // 1_000))
    return lowest + handling if lowest < NO_PLAN else NO_PLAN
