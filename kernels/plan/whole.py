"""Plan whole: the least-cost plan among those that take all units of a SKU from one node.

    best[p, S] = cheapest way to ship the SKUs of set S in p parcels; nodes are considered one after another:
    best[p, S] = min over T within S that the node has whole of best[p - 1, S - T] + parcel(node, T)

A node ships at most one parcel. Each best keeps two entries with different nodes, for the runner-up: the best plan
from another set of nodes. A plan of one parcel is compared with other plans of one parcel only, and under `fewest`
a plan with others of as many parcels, so that no work is done on splits that cannot win.
Cost of a plan = parcels + split penalty for each after the first.

    cheapest  lowest (cost, parcels, latest promise day)
    fewest    lowest (parcels, cost, latest promise day)
    fastest   as cheapest, no parcel later than plan.day_cap, which the caller lowers as far as it goes

Whatever ties then is settled by the order of nodes and sets below, so the same order always gets the same plan.
Cost: nodes x parcels x 3^SKUs; nothing but one parcel a node when no split can be cheaper: of k parcels one weighs
at least the k-th part of the order, the others at least its lightest unit.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.layout import INT64, NO_DAY, NO_PLAN, PLAN_FEWEST
from kernels.plan.freight import floor_minor, parcel
from kernels.plan.pieces import load_demand, needs_pieces, ship_pieces

Array = npt.NDArray[Any]


@inlined_rule
def offer(slot: int, cost: int, day: int, nodes: int, sets: int, states: Array) -> None:
    """Keep the two best entries with different nodes in states[slot] and states[slot + 1]."""
    best = states[slot]
    second = states[slot + 1]
    if cost < best.cost or (cost == best.cost and day < best.day):
        if best.nodes != nodes:
            second.cost, second.day, second.nodes, second.sets = best.cost, best.day, best.nodes, best.sets
        best.cost, best.day, best.nodes, best.sets = cost, day, nodes, sets
    elif nodes != best.nodes and (cost < second.cost or (cost == second.cost and day < second.day)):
        second.cost, second.day, second.nodes, second.sets = cost, day, nodes, sets


@inlined_rule
def clear_states(first: int, last: int, states: Array) -> None:
    for slot in range(first, last):
        state = states[slot]
        state.cost, state.day, state.nodes, state.sets = NO_PLAN, NO_DAY, -1, 0


@inlined_rule
def weigh_subsets(plan: Any, demands: Array) -> None:
    """Weight of every set of demands."""
    plan.subset_weight_g[0] = 0
    for demand in range(plan.demands):
        weight = demands[demand].need * demands[demand].weight_g
        for low in range(1 << demand):
            plan.subset_weight_g[low + (1 << demand)] = plan.subset_weight_g[low] + weight


@rule
def ship_subset(
    subset: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, demands: Array
) -> tuple[int, int]:
    """Cost and day of a set of demands from one node, where no band takes it as one parcel."""
    weight_g = plan.subset_weight_g[subset]
    if not needs_pieces(weight_g, candidate, plan, bands):
        return NO_PLAN, NO_DAY
    for demand in range(plan.demands):
        load_demand(demands[demand].need if subset >> demand & 1 else 0, demands[demand])
    cost, day, _ = ship_pieces(weight_g, INT64(0), candidate, plan, terms, nodes, bands, calendar, demands)
    return cost, day


@inlined_rule
def offer_singles(
    plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, candidates: Array, demands: Array, states: Array
) -> int:
    """Offer every node that has the whole order; returns the lowest floor of all candidates."""
    full = (1 << plan.demands) - 1
    slot = ((1 << plan.demands) + full) * 2
    clear_states(slot, slot + 2, states)
    lowest = NO_PLAN
    for index in range(plan.candidates):
        candidate = candidates[index]
        lowest = min(lowest, candidate.floor_minor)
        if candidate.whole == full and candidate.floor_minor <= states[slot + 1].cost:
            cost, day, _ = parcel(plan.subset_weight_g[full], INT64(0), candidate, plan, terms, nodes, bands, calendar)
            if cost >= NO_PLAN:
                cost, day = ship_subset(full, candidate, plan, terms, nodes, bands, calendar, demands)
            if cost < NO_PLAN:
                offer(slot, cost, day, index, full, states)
    return lowest


@rule
def lightest_parcel(weight_g: int, plan: Any, terms: Any, nodes: Array, bands: Array, candidates: Array) -> int:
    """What a parcel of this weight or more costs at least, from any candidate."""
    least = INT64(NO_PLAN)
    for index in range(plan.candidates):
        least = min(least, floor_minor(weight_g, candidates[index], plan, terms, nodes, bands))
    return int(least)


@rule
def may_need_pieces(whole_g: int, plan: Any, terms: Any, bands: Array, candidates: Array) -> bool:
    """Whether a part of the order may be one that no band of a candidate takes, so that it is two parcels or more."""
    if terms.gaps:
        return True
    pieces = False
    for index in range(plan.candidates):
        pieces = pieces or needs_pieces(whole_g, candidates[index], plan, bands)
    return pieces


@rule
def least_split(
    limit: int, plan: Any, terms: Any, nodes: Array, bands: Array, candidates: Array, demands: Array
) -> int:
    """A lower bound of every plan of 2 to ``limit`` parcels."""
    lightest_g = INT64(NO_PLAN)
    for index in range(plan.demands):
        lightest_g = min(lightest_g, demands[index].weight_g)
    whole_g = plan.subset_weight_g[(1 << plan.demands) - 1]
    lightest = lightest_parcel(lightest_g, plan, terms, nodes, bands, candidates)
    in_pieces = may_need_pieces(whole_g, plan, terms, bands, candidates)
    least = INT64(NO_PLAN)
    for parcels in range(2, limit + 1):
        heaviest = lightest_parcel(-(-whole_g // parcels), plan, terms, nodes, bands, candidates)
        if in_pieces and lightest < NO_PLAN:
            heaviest = min(heaviest, 2 * lightest)
        if heaviest < NO_PLAN and lightest < NO_PLAN:
            least = min(least, (parcels - 1) * (lightest + terms.split_penalty_minor) + heaviest)
    return int(least)


@rule
def price_subsets(
    whole: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, demands: Array
) -> None:
    """Parcel cost and day of every non-empty set the candidate has whole."""
    subset = whole
    while subset:
        cost, day, _ = parcel(plan.subset_weight_g[subset], INT64(0), candidate, plan, terms, nodes, bands, calendar)
        if cost >= NO_PLAN:
            cost, day = ship_subset(subset, candidate, plan, terms, nodes, bands, calendar, demands)
        plan.subset_cost[subset] = cost
        plan.subset_day[subset] = day
        subset = (subset - 1) & whole


@rule
def extend(
    index: int, whole: int, covered: int, parcels: int, bound: int, plan: Any, terms: Any, states: Array
) -> None:
    """Offer best[parcels, covered] every plan whose last parcel comes from this candidate."""
    width = 1 << plan.demands
    slot = (parcels * width + covered) * 2
    inside = covered & whole
    subset = inside
    while subset:
        cost = plan.subset_cost[subset]
        day = plan.subset_day[subset]
        if cost < NO_PLAN:
            if parcels == 1:
                if subset == covered and cost <= bound:
                    offer(slot, cost, day, index, subset, states)
            elif subset != covered:
                before = ((parcels - 1) * width + covered - subset) * 2
                for rank in range(2):
                    prefix = states[before + rank]
                    total = prefix.cost + cost + terms.split_penalty_minor
                    if prefix.cost < NO_PLAN and total <= bound:
                        nodes, sets = prefix.nodes << 8 | index, prefix.sets << 8 | subset
                        offer(slot, total, max(prefix.day, day), nodes, sets, states)
        subset = (subset - 1) & inside


@inlined_rule
def pick(limit: int, plan: Any, terms: Any, states: Array) -> None:
    """Best and second best complete plan of at most ``limit`` parcels into the plan; parcels 0 when there is none."""
    width = 1 << plan.demands
    plan.parcels = 0
    plan.cost_minor = NO_PLAN
    plan.runner_up_minor = NO_PLAN
    for parcels in range(1, limit + 1):
        for rank in range(2):
            state = states[(parcels * width + width - 1) * 2 + rank]
            if state.cost >= NO_PLAN:
                continue
            if plan.parcels == 0 or (terms.plan != PLAN_FEWEST and state.cost < plan.cost_minor):
                plan.runner_up_minor = plan.cost_minor
                plan.parcels, plan.cost_minor, plan.day = parcels, state.cost, state.day
                plan.nodes, plan.sets = state.nodes, state.sets
            elif state.cost < plan.runner_up_minor and (terms.plan != PLAN_FEWEST or plan.runner_up_minor == NO_PLAN):
                plan.runner_up_minor = state.cost


@rule
def combine(
    limit: int, bound: int, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, candidates: Array,
    demands: Array, states: Array,
) -> None:  # fmt: skip
    """All plans of at most ``limit`` parcels that cost no more than ``bound``, one node after the other."""
    width = 1 << plan.demands
    clear_states(width * 2, (limit + 1) * width * 2, states)
    for index in range(plan.candidates):
        whole = candidates[index].whole
        if whole == 0:
            continue
        price_subsets(whole, candidates[index], plan, terms, nodes, bands, calendar, demands)
        for parcels in range(limit, 0, -1):
            # A set short of the whole order in the last parcel leads nowhere.
            for covered in range(width - 1, width - 2 if parcels == limit else 0, -1):
                if covered & whole:
                    extend(index, whole, covered, parcels, bound, plan, terms, states)
        if terms.plan != PLAN_FEWEST:
            pick(limit, plan, terms, states)
            bound = min(bound, plan.runner_up_minor)


@inlined_rule
def plan_whole(
    plan: Any,
    terms: Any,
    nodes: Array,
    bands: Array,
    calendar: Array,
    candidates: Array,
    demands: Array,
    states: Array,
) -> bool:
    """Find the plan; True and plan.parcels, cost_minor, day, nodes, sets, runner_up_minor when there is one."""
    weigh_subsets(plan, demands)
    lowest = offer_singles(plan, terms, nodes, bands, calendar, candidates, demands, states)
    pick(INT64(1), plan, terms, states)
    limit = min(plan.demands, terms.parcels_max)
    single, other_single = plan.cost_minor, plan.runner_up_minor
    if terms.plan == PLAN_FEWEST:
        tried = INT64(1)
        while tried < limit and plan.parcels == 0:
            tried += 1
            combine(tried, INT64(NO_PLAN - 1), plan, terms, nodes, bands, calendar, candidates, demands, states)
            pick(tried, plan, terms, states)
    elif (
        limit > 1
        and 2 * lowest + terms.split_penalty_minor < single
        and least_split(limit, plan, terms, nodes, bands, candidates, demands) < single
    ):
        bound = min(single, INT64(NO_PLAN - 1))
        combine(limit, bound, plan, terms, nodes, bands, calendar, candidates, demands, states)
        pick(limit, plan, terms, states)
    if plan.parcels == 1:
        plan.runner_up_minor = other_single
    return bool(plan.parcels > 0)
