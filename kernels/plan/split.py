"""Plan split: the cheapest smallest set of nodes that together cover an order no single-node-per-SKU plan covers.

    rank the candidates by (floor, node number); for size 2, 3, ... parcels_max:
        of all sets of this size whose summed ATP covers the demand, the one of lowest (cost, latest promise day);
        the set's nodes give in rank order: take = min(ATP, need), then need - take
    the first size that has a set wins

The floor of a node bounds every parcel it can send from below, so a branch that cannot beat the runner-up is left.
A node that would add nothing is no part of a set. The search stands with the best set so far after SETS_MAX steps.
Cost: at most SETS_MAX x SKUs; scarce stock is cut early by the largest ATP left in each rank.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import rule
from kernels.layout import INT64, NO_DAY, NO_PLAN, SETS_MAX
from kernels.plan.freight import parcel, promise_day
from kernels.plan.pieces import load_demand, needs_pieces, ship_pieces

Array = npt.NDArray[Any]


@rule
def first_day(candidate: Any, plan: Any, terms: Any, bands: Array, calendar: Array) -> int:
    """Earliest day any parcel from this node can arrive."""
    if terms.rates_loaded == 0:
        return promise_day(candidate.ship_day, terms.default_days, candidate.node, terms.day0, calendar)
    earliest = NO_DAY
    for row in range(candidate.band_first, candidate.band_last):
        if plan.service < 0 or bands[row].service == plan.service:
            day = promise_day(candidate.ship_day, bands[row].days, candidate.node, terms.day0, calendar)
            earliest = min(earliest, day)
    return earliest


@rule
def rank_candidates(plan: Any, terms: Any, bands: Array, calendar: Array, candidates: Array) -> int:
    """Order by (floor, node number), largest ATP from each rank on, and the earliest day of all."""
    earliest = NO_DAY
    for index in range(plan.candidates):
        earliest = min(earliest, first_day(candidates[index], plan, terms, bands, calendar))
        rank = index
        while rank > 0 and candidates[plan.order[rank - 1]].floor_minor > candidates[index].floor_minor:
            plan.order[rank] = plan.order[rank - 1]
            rank -= 1
        plan.order[rank] = index
    for demand in range(plan.demands):
        plan.most[plan.candidates, demand] = 0
        for rank in range(plan.candidates - 1, -1, -1):
            plan.most[rank, demand] = max(plan.most[rank + 1, demand], candidates[plan.order[rank]].atp[demand])
    return earliest


@rule
def give(depth: int, candidate: Any, plan: Any) -> int:
    """Residual after this candidate gave what it has; returns the units it gave."""
    units = 0
    for demand in range(plan.demands):
        before = plan.residual[depth, demand]
        taken = min(before, candidate.atp[demand])
        plan.residual[depth + 1, demand] = before - taken
        units += taken
    return units


@rule
def within_reach(depth: int, rank: int, rest: int, plan: Any) -> bool:
    """Whether ``rest`` more nodes from this rank on could cover what is left at ``depth``."""
    reached = True
    for demand in range(plan.demands):
        reached = reached and plan.residual[depth, demand] <= rest * plan.most[rank, demand]
    return reached


@rule
def weigh_set(
    size: int,
    plan: Any,
    terms: Any,
    nodes: Array,
    bands: Array,
    calendar: Array,
    candidates: Array,
    demands: Array,
) -> None:
    """Price the chosen set and keep it when it is the best, or its cost as the runner-up."""
    cost = terms.split_penalty_minor * (size - 1)
    day = 0
    path = 0
    for depth in range(size):
        index = plan.order[plan.chosen[depth]]
        weight = INT64(0)
        for demand in range(plan.demands):
            weight += (plan.residual[depth, demand] - plan.residual[depth + 1, demand]) * demands[demand].weight_g
        candidate = candidates[index]
        parcel_cost, parcel_day, _ = parcel(weight, INT64(0), candidate, plan, terms, nodes, bands, calendar)
        if parcel_cost >= NO_PLAN and needs_pieces(weight, candidate, plan, bands):
            for demand in range(plan.demands):
                load_demand(plan.residual[depth, demand] - plan.residual[depth + 1, demand], demands[demand])
            parcel_cost, parcel_day, _ = ship_pieces(
                weight, INT64(0), candidate, plan, terms, nodes, bands, calendar, demands
            )
        if parcel_cost >= NO_PLAN:
            plan.unshippable = 1
            return
        cost += parcel_cost
        day = max(day, parcel_day)
        path = path << 8 | index
    if plan.parcels == 0 or cost < plan.cost_minor or (cost == plan.cost_minor and day < plan.day):
        plan.runner_up_minor = plan.cost_minor
        plan.parcels, plan.cost_minor, plan.day, plan.nodes = size, cost, day, path
    else:
        plan.runner_up_minor = min(plan.runner_up_minor, cost)


@rule
def hopeless(lower: int, earliest: int, plan: Any) -> bool:
    """Whether no set that costs at least ``lower`` can become the best plan or the runner-up."""
    if lower < plan.runner_up_minor or lower < plan.cost_minor:
        return False
    return bool(lower > plan.cost_minor or plan.day <= earliest)


@rule
def search_sets(
    size: int,
    earliest: int,
    plan: Any,
    terms: Any,
    nodes: Array,
    bands: Array,
    calendar: Array,
    candidates: Array,
    demands: Array,
) -> None:
    """Walk all sets of one size in rank order, depth first."""
    depth = INT64(0)
    plan.chosen[0] = -1
    plan.spent[0] = terms.split_penalty_minor * (size - 1)
    while depth >= 0:
        plan.chosen[depth] += 1
        rank = plan.chosen[depth]
        rest = size - depth - 1
        if rank + rest >= plan.candidates or plan.visited >= SETS_MAX:
            depth -= 1
            continue
        candidate = candidates[plan.order[rank]]
        if hopeless(plan.spent[depth] + candidate.floor_minor * (rest + 1), earliest, plan):
            depth -= 1  # later ranks cost no less
            continue
        plan.visited += 1
        if give(depth, candidate, plan) == 0 or not within_reach(depth + 1, rank + 1, rest, plan):
            continue
        if rest == 0:
            weigh_set(size, plan, terms, nodes, bands, calendar, candidates, demands)
        else:
            plan.spent[depth + 1] = plan.spent[depth] + candidate.floor_minor
            depth += 1
            plan.chosen[depth] = rank


@rule
def plan_split(
    plan: Any,
    terms: Any,
    nodes: Array,
    bands: Array,
    calendar: Array,
    candidates: Array,
    demands: Array,
) -> bool:
    """Find the plan; True and plan.parcels, cost_minor, day, nodes, runner_up_minor when there is one."""
    earliest = rank_candidates(plan, terms, bands, calendar, candidates)
    plan.parcels, plan.cost_minor, plan.runner_up_minor, plan.visited = 0, NO_PLAN, NO_PLAN, 0
    for demand in range(plan.demands):
        plan.residual[0, demand] = demands[demand].need
    for size in range(2, min(terms.parcels_max, plan.candidates) + 1):
        search_sets(size, earliest, plan, terms, nodes, bands, calendar, candidates, demands)
        if plan.parcels > 0:
            return True
    return False
