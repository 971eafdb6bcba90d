"""Candidates: what an order needs per SKU, and the nodes that could give some of it.

    demand      lines summed per SKU and node they name, bundles exploded to their components
    candidates  nodes that serve the channel and the zone, have a lane, have units of some SKU beyond their safety
                stock, take the SKU's goods class, and have room within ROLLS_MAX open days

Cost: words of 32 nodes x SKUs; a node without units costs nothing. Of an order too large for an exact plan a node is
looked at until a unit is found, SKU by SKU along the nodes, as cells lie in memory.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.cells.find import block_on
from kernels.layout import INT64, NO_PLAN, SKUS_EXACT
from kernels.plan.bound import named_word, node_named, set_aside_for
from kernels.plan.freight import MINUTE_MS, first_ship_day, floor_minor, free_ship_day
from kernels.plan.greedy import cell_at, units_at

Array = npt.NDArray[Any]


@inlined_rule
def want(
    sku: int, node: int, units: int, count: int, skus: Array, slots: Array, siblings: Array, demands: Array
) -> int:  # fmt: skip
    """Add units to the demand of a SKU and the node it has to come from; returns the number of demands."""
    newest: int = INT64(slots[sku])
    if newest >= count or demands[newest].sku != sku:
        newest = INT64(-1)
    at = newest
    while at >= 0:
        if demands[at].node == node:
            demands[at].need += units
            return count
        at = INT64(siblings[at])
    slots[sku], siblings[count] = count, newest
    demand = demands[count]
    demand.sku, demand.node, demand.need, demand.taken = sku, node, units, 0
    demand.weight_g, demand.goods_class = skus[sku].weight_g, skus[sku].goods_class
    return count + 1


@inlined_rule
def gather(
    first: int,
    last: int,
    line_sku: Array,
    line_qty: Array,
    line_node: Array,
    skus: Array,
    components: Array,
    slots: Array,
    siblings: Array,
    demands: Array,
) -> int:
    """Demand of the lines first:last per distinct SKU and node; returns how many there are."""
    count: int = INT64(0)
    for line in range(first, last):
        sku = line_sku[line]
        if line_qty[line] <= 0 or sku < 0:
            continue
        entry, node = skus[sku], INT64(node_named(line, line_node))
        if entry.first == entry.last:
            count = want(INT64(sku), node, INT64(line_qty[line]), count, skus, slots, siblings, demands)
        for part in range(entry.first, entry.last):
            units = INT64(line_qty[line]) * components[part].qty
            count = want(INT64(components[part].sku), node, units, count, skus, slots, siblings, demands)
    return count


@inlined_rule
def add_candidate(
    node: int, bit: int, zone: int, known_min: int, plan: Any, terms: Any, nodes: Array, lanes: Array, calendar: Array,
    capacity: Array, available: Array, first_days: Array, candidates: Array, demands: Array,
) -> None:  # fmt: skip
    """Append the node when it can give a unit of the order and ship it."""
    candidate = candidates[plan.candidates]
    candidate.node, candidate.whole = node, 0
    has = plan.demands > SKUS_EXACT  # then ``nodes_that_give`` found a unit, and nobody asks for ATP
    for index in range(0 if has else plan.demands):
        demand = demands[index]
        atp = INT64(0)
        if demand.open_nodes >> bit & 1:
            if demand.node >= 0:
                atp = set_aside_for(demand)
            else:
                atp = min(max(available[cell_at(demand, bit)] - nodes[node].safety_units, 0), demand.need)
            has = has or atp > 0
        candidate.atp[index] = atp
        if atp == demand.need:
            candidate.whole |= 1 << index
    if not has:
        return
    lane = lanes[node, zone]
    candidate.band_first, candidate.band_last = lane.first, lane.last
    candidate.floor_minor = lane.lowest_minor + nodes[node].handling_minor
    first = first_days[node]
    if first.known_min != known_min:
        first.known_min = known_min
        first.day = first_ship_day(known_min, node, nodes[node].cutoff_min, terms.day0, calendar)
    candidate.ship_day = free_ship_day(first.day, node, nodes[node].capacity, terms.day0, calendar, capacity)
    if candidate.ship_day < 0:
        plan.full = 1
        return
    plan.candidates += 1


@rule
def nodes_that_give(word: int, bits: int, plan: Any, nodes: Array, available: Array, demands: Array) -> int:
    """Of these nodes of the word that is looked at, those that have a unit of any SKU beyond their safety stock."""
    left = bits
    for index in range(plan.demands):
        demand = demands[index]
        asked, bit = INT64(demand.open_nodes) & left, INT64(0)
        while asked:
            if asked & 1 and (
                demand.node >= 0 or available[cell_at(demand, bit)] > nodes[word * 32 + bit].safety_units
            ):
                left &= ~(INT64(1) << bit)
            asked >>= 1
            bit += 1
        if left == 0:
            break
    return bits & ~left


@inlined_rule
def take_block(demand: Any, word: int, shelf: Any, blocks: Array) -> int:
    """Nodes of a word that have units of a demand, and where their cells lie; the demand goes on behind the block."""
    demand.word = -1
    if demand.looked_at == shelf.blocks:
        return 0
    block = block_on(shelf, INT64(demand.looked_at), blocks)
    if block.word != word:
        return 0
    present = INT64(block.present)
    demand.looked_at += 1
    demand.word, demand.cell, demand.gaps = word, block.first, present if present & (present + 1) else 0
    return int(INT64(block.stocked))


@inlined_rule
def find_candidates(
    claim: Any, plan: Any, terms: Any, nodes: Array, lanes: Array, calendar: Array,
    channel_nodes: Array, ship_nodes: Array, goods_nodes: Array, capacity: Array, units: Any, first_days: Array,
    candidates: Array, demands: Array,
) -> None:  # fmt: skip
    """Candidates in node order, their floors by the lowest price of the lane."""
    known_min = claim.known_ms // MINUTE_MS
    for word in range(ship_nodes.shape[1]):
        usable = channel_nodes[claim.channel_index, word] & ship_nodes[claim.zone, word]
        bits = INT64(0)
        for index in range(plan.demands):
            demand = demands[index]
            if word == 0:
                demand.looked_at = 0
            if demand.node >= 0:
                stocked = named_word(INT64(demand.node), word) if set_aside_for(demand) > 0 else INT64(0)
            else:
                stocked = take_block(demand, word, units.shelves[demand.sku], units.blocks)
            demand.open_nodes = usable & stocked & goods_nodes[demand.goods_class, word]
            bits |= demand.open_nodes
        if plan.demands > SKUS_EXACT and bits:
            bits = nodes_that_give(word, bits, plan, nodes, units.available, demands)
        bit = INT64(0)
        while bits >> bit:
            if bits >> bit & 1:
                add_candidate(
                    word * 32 + bit, bit, claim.zone, known_min, plan, terms, nodes, lanes, calendar, capacity,
                    units.available, first_days, candidates, demands,
                )  # fmt: skip
            bit += 1


@rule
def tighten_floors(plan: Any, terms: Any, nodes: Array, bands: Array, candidates: Array, demands: Array) -> None:
    """Raise floors to what a parcel of the lightest unit costs at least; drop candidates without any band for it."""
    lightest_g = INT64(NO_PLAN)
    for index in range(plan.demands):
        lightest_g = min(lightest_g, demands[index].weight_g)
    kept = 0
    for index in range(plan.candidates):
        candidate = candidates[index]
        candidate.floor_minor = floor_minor(lightest_g, candidate, plan, terms, nodes, bands)
        if candidate.floor_minor >= NO_PLAN:
            plan.unshippable = 1
            continue
        if kept < index:
            copy_candidate(candidate, candidates[kept])
        kept += 1
    plan.candidates = kept


@rule
def copy_candidate(source: Any, target: Any) -> None:
    target.node, target.ship_day, target.floor_minor = source.node, source.ship_day, source.floor_minor
    target.whole, target.band_first, target.band_last = source.whole, source.band_first, source.band_last
    for index in range(SKUS_EXACT):
        target.atp[index] = source.atp[index]


@rule
def enough(
    plan: Any, nodes: Array, goods_nodes: Array, shelves: Array, blocks: Array, available: Array, candidates: Array,
    demands: Array,
) -> bool:  # fmt: skip
    """Whether all candidates together have every unit."""
    for index in range(plan.demands):
        demand = demands[index]
        found = 0
        for at in range(plan.candidates):
            found += units_at(demand, candidates[at].node, shelves, blocks, available, nodes, goods_nodes)
            if found >= demand.need:
                break
        if found < demand.need:
            return False
    return True
