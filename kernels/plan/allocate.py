"""Allocate: where every unit of one order comes from.

    candidates  kernels/plan/candidates.py
    plan        plan_whole, else plan_split, else plan_greedy; large orders plan_greedy at once

Nothing is taken here. Cost: the candidates, then the plan.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels import reasons
from kernels._jit import inlined_rule, rule
from kernels.layout import INT64, NO_DAY, NO_PLAN, NODES_EXACT, PLAN_FASTEST, SHORT_PARTIAL, SKUS_EXACT
from kernels.plan.bound import named_word
from kernels.plan.candidates import enough, find_candidates, tighten_floors
from kernels.plan.freight import DAY_MS, late_minor, parcel, promise_day
from kernels.plan.greedy import load_taken, plan_greedy
from kernels.plan.pieces import needs_pieces, ship_pieces
from kernels.plan.split import give, plan_split
from kernels.plan.whole import plan_whole

Array = npt.NDArray[Any]


@inlined_rule
def settle_whole(plan: Any, demands: Array, parcels: Array, take: Array) -> None:
    """Parcels and take of the plan plan_whole found."""
    for at in range(plan.parcels):
        shift = 8 * (plan.parcels - 1 - at)
        parcels[at].candidate = plan.nodes >> shift & 255
        sets = plan.sets >> shift & 255
        for index in range(plan.demands):
            take[at, index] = demands[index].need if sets >> index & 1 else 0


@rule
def settle_split(plan: Any, candidates: Array, parcels: Array, take: Array) -> None:
    """Parcels and take of the plan plan_split found."""
    for at in range(plan.parcels):
        parcels[at].candidate = plan.nodes >> 8 * (plan.parcels - 1 - at) & 255
        give(at, candidates[parcels[at].candidate], plan)
        for index in range(plan.demands):
            take[at, index] = plan.residual[at, index] - plan.residual[at + 1, index]


@rule
def next_day(after: int, plan: Any, terms: Any, bands: Array, calendar: Array, candidates: Array) -> int:
    """The earliest day later than ``after`` on which any parcel of this order can arrive."""
    earliest = NO_DAY
    for index in range(plan.candidates):
        candidate = candidates[index]
        for row in range(candidate.band_first, candidate.band_last):
            if plan.service < 0 or bands[row].service == plan.service:
                day = promise_day(candidate.ship_day, bands[row].days, candidate.node, terms.day0, calendar)
                if day > after:
                    earliest = min(earliest, day)
        if terms.rates_loaded == 0:
            day = promise_day(candidate.ship_day, terms.default_days, candidate.node, terms.day0, calendar)
            if day > after:
                earliest = min(earliest, day)
    return earliest


@rule
def plan_exactly(
    plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, goods_nodes: Array, shelves: Array,
    blocks: Array, available: Array, candidates: Array, demands: Array, states: Array, parcels: Array, take: Array,
) -> bool:  # fmt: skip
    """The best complete plan by policy into parcels and take.

    Units of a SKU are split only where no plan keeps every SKU whole. The fastest plan is the cheapest under the
    lowest day cap that has one: once any plan is known, its latest day bounds the caps to try.
    """
    whole, hastening, latest = INT64(1), INT64(0), INT64(0)
    while True:
        if whole:
            found = plan_whole(plan, terms, nodes, bands, calendar, candidates, demands, states)
        else:
            found = plan_split(plan, terms, nodes, bands, calendar, candidates, demands)
        if found and (hastening or terms.plan != PLAN_FASTEST):
            break
        if found:
            hastening, latest, plan.day_cap = INT64(1), plan.day, -NO_DAY
        elif not hastening:
            tighten_floors(plan, terms, nodes, bands, candidates, demands)
            if not whole or not enough(plan, nodes, goods_nodes, shelves, blocks, available, candidates, demands):
                return False
            whole = INT64(0)
            continue
        if plan.day_cap >= latest:
            return False
        plan.day_cap = min(next_day(plan.day_cap, plan, terms, bands, calendar, candidates), latest)
    if whole:
        settle_whole(plan, demands, parcels, take)
    else:
        settle_split(plan, candidates, parcels, take)
    return True


@inlined_rule
def price_parcels(
    plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, candidates: Array, demands: Array,
    parcels: Array, take: Array,
) -> bool:  # fmt: skip
    """Band, days and cost of every parcel as loaded, and the plan's sums; False when no band takes one of them."""
    plan.cost_minor = terms.split_penalty_minor * (plan.parcels - 1)
    plan.day = -1
    by_day = INT64(1) if terms.plan == PLAN_FASTEST and plan.day_cap == NO_DAY else INT64(0)
    for at in range(plan.parcels):
        weight = INT64(0)
        for index in range(plan.demands):
            weight += take[at, index] * demands[index].weight_g
        out = parcels[at]
        candidate = candidates[out.candidate]
        cost, day, band = parcel(weight, by_day, candidate, plan, terms, nodes, bands, calendar)
        late, out.pieces = late_minor(day, plan, terms), 1
        if cost >= NO_PLAN and needs_pieces(weight, candidate, plan, bands):
            load_taken(at, plan, demands, take)
            cost, day, band = ship_pieces(weight, by_day, candidate, plan, terms, nodes, bands, calendar, demands)
            late, out.pieces = plan.pieces_late_minor, plan.pieces
        if cost >= NO_PLAN:
            return False
        out.node, out.band, out.ship_day, out.promise_day = candidate.node, band, candidate.ship_day, day
        out.cost_minor = cost - late
        plan.cost_minor += cost
        plan.day = max(plan.day, day)
    return True


@rule
def masked_out(
    claim: Any, plan: Any, channel_nodes: Array, serve_nodes: Array, ship_nodes: Array, goods_nodes: Array,
    demands: Array,
) -> int:  # fmt: skip
    """The reason when no node may hold some SKU of the order for this customer, whatever its stock; -1 none."""
    for index in range(plan.demands):
        eligible = 0
        reachable = 0
        goods_class = demands[index].goods_class
        for word in range(ship_nodes.shape[1]):
            may = channel_nodes[claim.channel_index, word] & goods_nodes[goods_class, word]
            may &= named_word(INT64(demands[index].node), word)
            eligible |= may & serve_nodes[claim.zone, word]
            reachable |= may & ship_nodes[claim.zone, word]
        if eligible == 0:
            return reasons.NO_ELIGIBLE_NODE
        if reachable == 0:
            return reasons.UNREACHABLE
    return -1


@rule
def count_taken(plan: Any, demands: Array, take: Array) -> int:
    """Units taken per demand, and in all."""
    total = 0
    for index in range(plan.demands):
        demands[index].taken = 0
        for at in range(plan.parcels):
            demands[index].taken += take[at, index]
        total += demands[index].taken
    return total


@inlined_rule
def plan_order(
    claim: Any, plan: Any, terms: Any, nodes: Array, lanes: Array, bands: Array, calendar: Array,
    channel_nodes: Array, ship_nodes: Array, goods_nodes: Array, capacity: Array, units: Any, first_days: Array,
    candidates: Array, demands: Array, states: Array, open_nodes: Array, loads: Array, parcels: Array, take: Array,
) -> bool:  # fmt: skip
    """Plan plan.demands; True when every unit has a node. Otherwise as much as the policy takes is in take."""
    plan.candidates, plan.parcels, plan.reached, plan.unshippable, plan.full = 0, 0, 0, 0, 0
    plan.day_cap, plan.day, plan.cost_minor, plan.runner_up_minor = NO_DAY, -1, 0, NO_PLAN
    plan.service = claim.service
    plan.promise_by_day = claim.promise_by_ms // DAY_MS if claim.promise_by_ms >= 0 else -1
    find_candidates(
        claim, plan, terms, nodes, lanes, calendar, channel_nodes, ship_nodes, goods_nodes, capacity, units, first_days,
        candidates, demands,
    )  # fmt: skip
    if plan.candidates == 0:
        return False
    exact = plan.demands <= SKUS_EXACT and plan.candidates <= NODES_EXACT
    shelves, blocks, available = units.shelves, units.blocks, units.available
    if exact and plan_exactly(
        plan, terms, nodes, bands, calendar, goods_nodes, shelves, blocks, available, candidates, demands, states,
        parcels, take,
    ):  # fmt: skip
        return price_parcels(plan, terms, nodes, bands, calendar, candidates, demands, parcels, take)
    plan.day_cap = NO_DAY
    tighten_floors(plan, terms, nodes, bands, candidates, demands)
    by_cost = 0 if exact else 1
    covered = plan_greedy(
        by_cost, plan, terms, nodes, bands, calendar, goods_nodes, shelves, blocks, available, candidates, demands,
        open_nodes, loads, parcels, take,
    )  # fmt: skip
    plan.reached = plan.parcels
    if covered and price_parcels(plan, terms, nodes, bands, calendar, candidates, demands, parcels, take):
        return True
    if terms.short_stock != SHORT_PARTIAL:
        plan.parcels = 0
    return False
