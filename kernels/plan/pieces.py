"""Pieces: what a node sends of one order in several parcels, because no band takes it as one.

    as one parcel       where a band takes its weight, whatever that costs
    else in pieces      packed as kernels/plan/pack.py says; each is priced as a parcel of its own
    capacity            the heaviest of a band of the service; where a piece cannot go (in time) the next lighter one

So only a unit that no band takes alone cannot be sent. All pieces leave on one ship day and arrive with the latest.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import rule
from kernels.layout import INT64, NO_PLAN, PIECES_COST_MAX, PIECES_MAX
from kernels.plan.freight import late_minor, parcel
from kernels.plan.pack import add_units, next_piece

Array = npt.NDArray[Any]

LOAD_MAX = (1 << 31) - 1  # units of a SKU in what is packed


@rule
def load_demand(units: int, demand: Any) -> None:
    """Units of a demand that are to be packed; more than LOAD_MAX are kept as none that fit."""
    demand.load = units if units <= LOAD_MAX else -1


@rule
def needs_pieces(weight_g: int, candidate: Any, plan: Any, bands: Array) -> bool:
    """Whether no band of the service takes this weight, and some takes less."""
    lighter = False
    for row in range(candidate.band_first, candidate.band_last):
        band = bands[row]
        if plan.service >= 0 and band.service != plan.service:
            continue
        if band.min_g <= weight_g <= band.max_g:
            return False
        lighter = lighter or band.max_g < weight_g
    return lighter


@rule
def lighter_capacity(below_g: int, candidate: Any, plan: Any, bands: Array) -> int:
    """The heaviest that a band of the service takes below this weight, -1 none."""
    capacity = INT64(-1)
    for row in range(candidate.band_first, candidate.band_last):
        band = bands[row]
        if band.max_g < below_g and (plan.service < 0 or band.service == plan.service):
            capacity = max(capacity, band.max_g)
    return int(capacity)


@rule
def drain(
    capacity_g: int, by_day: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array
) -> bool:
    """Price all that is to be packed into plan.pieces_*; False where a piece cannot go, or there are too many."""
    while plan.packed > 0:
        weight_g, repeats = next_piece(capacity_g, plan)
        cost, day, band = parcel(weight_g, by_day, candidate, plan, terms, nodes, bands, calendar)
        if repeats > PIECES_MAX - plan.pieces or cost > PIECES_COST_MAX // repeats:
            return False
        plan.pieces += repeats
        plan.pieces_minor += cost * repeats
        plan.pieces_late_minor += late_minor(day, plan, terms) * repeats
        plan.pieces_day = max(plan.pieces_day, day)
        if plan.pieces_band < 0:
            plan.pieces_band = band
        if plan.pieces_minor > PIECES_COST_MAX:
            return False
    return True


@rule
def pack_loads(
    capacity_g: int, by_day: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array,
    demands: Array,
) -> bool:  # fmt: skip
    """Pack demands[].load into parcels of a capacity; False where a unit or a piece cannot go."""
    plan.packed, plan.pieces, plan.pieces_minor, plan.pieces_late_minor = 0, 0, 0, 0
    plan.pieces_day, plan.pieces_band = -1, -1
    for index in range(plan.demands):
        demand = demands[index]
        units = INT64(demand.load)
        if units == 0:
            continue
        if units < 0 or demand.weight_g > capacity_g:
            return False
        if not add_units(demand.weight_g, units, plan):
            if not drain(capacity_g, by_day, candidate, plan, terms, nodes, bands, calendar):
                return False
            add_units(demand.weight_g, units, plan)
    return bool(drain(capacity_g, by_day, candidate, plan, terms, nodes, bands, calendar))


@rule
def ship_pieces(
    weight_g: int, by_day: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array,
    demands: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """demands[].load in as few kinds of pieces as the heaviest band allows: as :func:`parcel`, with plan.pieces."""
    capacity_g = lighter_capacity(weight_g, candidate, plan, bands)
    while capacity_g >= 0:
        if pack_loads(capacity_g, by_day, candidate, plan, terms, nodes, bands, calendar, demands):
            return plan.pieces_minor, plan.pieces_day, plan.pieces_band
        capacity_g = lighter_capacity(capacity_g, candidate, plan, bands)
    return NO_PLAN, INT64(-1), INT64(-1)
