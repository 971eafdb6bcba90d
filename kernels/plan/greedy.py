"""Plan greedily: for stock that does not cover the order, and for orders too large to be planned exactly.

    until nothing is left to give or the parcels are used up:
        pick the node of the highest score among those that have units of what is left, ties by (floor, node number)
        it gives min(ATP, left) of every SKU; a node whose parcel no band takes gives nothing

    score = units                                  when stock is short
          = units x 1,000,000 // (floor + 1)       for large orders (greedy set cover), after which every node
                                                   without which the others still cover everything is dropped

A node whose parcel no band takes leaves what is left as it was, so nothing is counted again because of it. Units are
counted SKU by SKU along the nodes, as cells lie in memory, and only where there is stock.

Cost: (parcels + 1) x stocked cells of the order's SKUs at the candidates + candidates picked x candidates.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.cells.find import WORD_BITS, block_on, cell_of, ones
from kernels.layout import INT64, NO_PLAN, PLAN_FASTEST
from kernels.plan.bound import set_aside_for
from kernels.plan.freight import parcel
from kernels.plan.pieces import load_demand, needs_pieces, ship_pieces

Array = npt.NDArray[Any]


@inlined_rule
def cell_at(demand: Any, bit: int) -> int:
    """The cell of a node of the block that was looked at last, which has one there; nothing is counted where all lower
    nodes have one, too."""
    if demand.gaps == 0:
        return int(demand.cell) + bit
    return int(demand.cell) + int(ones(INT64(demand.gaps) & ((INT64(1) << bit) - 1)))


@rule
def cell_elsewhere(sku: int, node: int, shelves: Array, blocks: Array) -> int:
    """The cell of a node in another block, 0 none."""
    return int(cell_of(sku, node, shelves, blocks))


@inlined_rule
def units_at(
    demand: Any, node: int, shelves: Array, blocks: Array, available: Array, nodes: Array, goods_nodes: Array
) -> int:
    """Units of a SKU a candidate may promise: what is available beyond its safety stock, if it takes such goods."""
    if demand.node >= 0:
        return set_aside_for(demand) if demand.node == node else 0
    word, bit = node >> 5, node & 31
    if demand.word == word:
        if not demand.open_nodes >> bit & 1:
            return 0
        return int(max(available[cell_at(demand, bit)] - nodes[node].safety_units, 0))
    if not goods_nodes[demand.goods_class, word] >> bit & 1:
        return 0
    cell = cell_elsewhere(INT64(demand.sku), node, shelves, blocks)
    return int(max(available[cell] - nodes[node].safety_units, 0))


@rule
def load(
    at: int, node: int, demands_count: int, demands: Array, take: Array, shelves: Array, blocks: Array,
    available: Array, nodes: Array, goods_nodes: Array,
) -> int:  # fmt: skip
    """Fill take[at] with what the node can give of what is left; returns the parcel's weight."""
    weight = 0
    for index in range(demands_count):
        demand = demands[index]
        take[at, index] = 0
        if demand.left > 0:
            has = units_at(demand, node, shelves, blocks, available, nodes, goods_nodes)
            take[at, index] = min(demand.left, has)
            weight += take[at, index] * demand.weight_g
    return weight


@rule
def load_taken(at: int, plan: Any, demands: Array, take: Array) -> None:
    """What take[at] has is to be packed."""
    for index in range(plan.demands):
        load_demand(INT64(take[at, index]), demands[index])


@rule
def load_goes(
    at: int, weight_g: int, by_day: int, candidate: Any, plan: Any, terms: Any, nodes: Array, bands: Array,
    calendar: Array, demands: Array, take: Array,
) -> bool:  # fmt: skip
    """Whether what take[at] has can go as one parcel, or in pieces."""
    cost, _, _ = parcel(weight_g, by_day, candidate, plan, terms, nodes, bands, calendar)
    if cost < NO_PLAN or not needs_pieces(weight_g, candidate, plan, bands):
        return bool(cost < NO_PLAN)
    load_taken(at, plan, demands, take)
    cost, _, _ = ship_pieces(weight_g, by_day, candidate, plan, terms, nodes, bands, calendar, demands)
    return bool(cost < NO_PLAN)


@rule
def count_cells(block: Any, nodes_open: int, demand: Any, nodes: Array, available: Array, loads: Array) -> None:
    """Count what the nodes of a block that are open could give of what is left of a demand."""
    bits, present, cell = nodes_open & INT64(block.stocked), INT64(block.present), INT64(block.first)
    node = INT64(block.word) * WORD_BITS
    while bits:
        units = min(demand.left, max(available[cell] - nodes[node].safety_units, 0)) * (bits & 1)
        loads[node].units += units  # a branch for each bit costs more than adding nothing
        loads[node].weight_g += units * demand.weight_g
        cell += present & 1
        present >>= 1
        bits >>= 1
        node += 1


@rule
def count_bound(demand: Any, open_nodes: Array, loads: Array) -> None:
    """Count what the only node of a demand could give of what is left of it, where it is open."""
    node = INT64(demand.node)
    if set_aside_for(demand) > 0 and open_nodes[node >> 5] >> (node & 31) & 1:
        units = min(demand.left, set_aside_for(demand))
        loads[node].units += units
        loads[node].weight_g += units * demand.weight_g


@rule
def count_loads(
    plan: Any, nodes: Array, goods_nodes: Array, shelves: Array, blocks: Array, available: Array, candidates: Array,
    demands: Array, open_nodes: Array, loads: Array,
) -> None:  # fmt: skip
    """Set what every candidate that is not picked could give of what is left."""
    open_nodes[:] = 0
    for index in range(plan.candidates):
        candidate = candidates[index]
        if not candidate.picked:
            open_nodes[candidate.node >> 5] |= 1 << (candidate.node & 31)
            loads[candidate.node].units, loads[candidate.node].weight_g = 0, 0
    for index in range(plan.demands):
        demand = demands[index]
        if demand.left == 0:
            continue
        if demand.node >= 0:
            count_bound(demand, open_nodes, loads)
            continue
        shelf = shelves[demand.sku]
        for at in range(shelf.blocks):
            block = block_on(shelf, at, blocks)
            if block.word >= open_nodes.shape[0]:
                break
            nodes_open = open_nodes[block.word] & goods_nodes[demand.goods_class, block.word]
            count_cells(block, nodes_open, demand, nodes, available, loads)


@rule
def best_candidate(by_cost: int, plan: Any, candidates: Array, loads: Array) -> int:
    """Unpicked candidate of the highest score, -1 when none has anything to give."""
    best, best_score = -1, 0
    for index in range(plan.candidates):
        candidate = candidates[index]
        if candidate.picked:
            continue
        points = loads[candidate.node].units
        if by_cost:
            points = points * 1_000_000 // (candidate.floor_minor + 1)
        cheaper = best >= 0 and candidate.floor_minor < candidates[best].floor_minor
        if points > best_score or (points == best_score and points > 0 and cheaper):
            best, best_score = index, points
    return best


@rule
def accept(at: int, plan: Any, demands: Array, take: Array) -> None:
    for index in range(plan.demands):
        demands[index].left -= take[at, index]


@rule
def want_all(plan: Any, demands: Array) -> None:
    for index in range(plan.demands):
        demands[index].left = demands[index].need


@rule
def reload(
    skipped: int, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, goods_nodes: Array,
    shelves: Array, blocks: Array, available: Array, candidates: Array, demands: Array, parcels: Array, take: Array,
) -> bool:  # fmt: skip
    """Load all parcels but one anew; whether they cover everything and a band takes each."""
    want_all(plan, demands)
    shippable = True
    for at in range(plan.parcels):
        if at == skipped:
            continue
        candidate = candidates[parcels[at].candidate]
        weight = load(at, candidate.node, plan.demands, demands, take, shelves, blocks, available, nodes, goods_nodes)
        accept(at, plan, demands, take)
        goes = load_goes(at, weight, INT64(0), candidate, plan, terms, nodes, bands, calendar, demands, take)
        shippable = shippable and goes
    for index in range(plan.demands):
        if demands[index].left > 0:
            return False
    return shippable


@rule
def drop_redundant(
    plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, goods_nodes: Array,
    shelves: Array, blocks: Array, available: Array, candidates: Array, demands: Array, parcels: Array, take: Array,
) -> None:  # fmt: skip
    """Leave out, last pick first, every node without which the others still cover everything."""
    for at in range(plan.parcels - 1, -1, -1):
        if not reload(
            at, plan, terms, nodes, bands, calendar, goods_nodes, shelves, blocks, available, candidates, demands,
            parcels, take,
        ):  # fmt: skip
            continue
        for later in range(at + 1, plan.parcels):
            parcels[later - 1].candidate = parcels[later].candidate
        plan.parcels -= 1
    nobody = INT64(-1)
    reload(
        nobody, plan, terms, nodes, bands, calendar, goods_nodes, shelves, blocks, available, candidates, demands,
        parcels, take,
    )  # fmt: skip


@rule
def next_pick(
    by_cost: int, by_day: int, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, goods_nodes: Array,
    shelves: Array, blocks: Array, available: Array, candidates: Array, demands: Array, loads: Array, take: Array,
) -> int:  # fmt: skip
    """Pick candidates, best first, until what one of them can give can go, and load it; -1 when there is none."""
    at = INT64(plan.parcels)
    best = best_candidate(by_cost, plan, candidates, loads)
    while best >= 0:
        candidate = candidates[best]
        candidate.picked = 1
        node, weight_g = INT64(candidate.node), loads[candidate.node].weight_g
        cost, _, _ = parcel(weight_g, by_day, candidate, plan, terms, nodes, bands, calendar)
        if cost < NO_PLAN or needs_pieces(weight_g, candidate, plan, bands):
            load(at, node, plan.demands, demands, take, shelves, blocks, available, nodes, goods_nodes)
            if load_goes(at, weight_g, by_day, candidate, plan, terms, nodes, bands, calendar, demands, take):
                return best
        plan.unshippable = 1
        best = best_candidate(by_cost, plan, candidates, loads)
    return best


@rule
def units_left(plan: Any, demands: Array) -> int:
    units = 0
    for index in range(plan.demands):
        units += demands[index].left
    return units


@rule
def plan_greedy(
    by_cost: int, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, goods_nodes: Array,
    shelves: Array, blocks: Array, available: Array, candidates: Array, demands: Array, open_nodes: Array, loads: Array,
    parcels: Array, take: Array,
) -> bool:  # fmt: skip
    """Fill parcels and take; True when everything is covered. demands[].left is what is not."""
    by_day = INT64(1) if terms.plan == PLAN_FASTEST else INT64(0)
    plan.parcels = 0
    plan.runner_up_minor = NO_PLAN
    want_all(plan, demands)
    for index in range(plan.candidates):
        candidates[index].picked = 0
    while plan.parcels < terms.parcels_max and units_left(plan, demands) > 0:
        count_loads(plan, nodes, goods_nodes, shelves, blocks, available, candidates, demands, open_nodes, loads)
        best = next_pick(
            by_cost, by_day, plan, terms, nodes, bands, calendar, goods_nodes, shelves, blocks, available, candidates,
            demands, loads, take,
        )  # fmt: skip
        if best < 0:
            break
        at = plan.parcels
        accept(at, plan, demands, take)
        parcels[at].candidate = best
        plan.parcels += 1
    if units_left(plan, demands) > 0:
        return False
    if by_cost:
        drop_redundant(
            plan, terms, nodes, bands, calendar, goods_nodes, shelves, blocks, available, candidates, demands, parcels,
            take,
        )  # fmt: skip
    return True
