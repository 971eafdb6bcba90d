"""Hand out: the units of a plan back to the lines of the order, in line order.

    when stock is short: a line gets what is there before later lines do; of a bundle only what makes whole bundles,
    so that no component is taken for a bundle that cannot be sent; what no line can use leaves the parcels again

Afterwards every unit in take belongs to exactly one line. Cost: lines x components + parcels x SKUs.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.layout import INT64
from kernels.plan.bound import demand_of, node_named

Array = npt.NDArray[Any]


@rule
def served_units(
    sku: int, node: int, qty: int, skus: Array, components: Array, slots: Array, siblings: Array, demands: Array
) -> int:  # fmt: skip
    """Units of a line that what is left of its SKU, or of all components, suffices for; they are used up."""
    entry = skus[sku]
    if entry.first == entry.last:
        demand = demands[demand_of(sku, node, slots, siblings, demands)]
        units = min(qty, int(demand.left))
        demand.left -= units
        return units
    units = qty
    for part in range(entry.first, entry.last):
        at = demand_of(components[part].sku, node, slots, siblings, demands)
        units = min(units, int(demands[at].left // components[part].qty))
    for part in range(entry.first, entry.last):
        at = demand_of(components[part].sku, node, slots, siblings, demands)
        demands[at].left -= units * components[part].qty
    return units


@rule
def serve_lines(
    first: int, last: int, line_sku: Array, line_qty: Array, line_node: Array, skus: Array, components: Array,
    slots: Array, siblings: Array, plan: Any, demands: Array, backordered: Array,
) -> int:  # fmt: skip
    """Backordered units of every line; demands[].left is what no line can use. Returns the units served."""
    for index in range(plan.demands):
        demands[index].left = demands[index].taken
    served = 0
    for line in range(first, last):
        backordered[line] = 0
        if line_qty[line] > 0 and line_sku[line] >= 0:
            node = INT64(node_named(line, line_node))
            units = served_units(line_sku[line], node, line_qty[line], skus, components, slots, siblings, demands)
            backordered[line] = line_qty[line] - units
            served += units
    return served


@rule
def give_back(plan: Any, demands: Array, parcels: Array, take: Array) -> None:
    """Take demands[].left out of the last parcels first; parcels left empty are dropped."""
    for index in range(plan.demands):
        for at in range(plan.parcels - 1, -1, -1):
            units = min(take[at, index], demands[index].left)
            take[at, index] -= units
            demands[index].left -= units
    kept = 0
    for at in range(plan.parcels):
        units = 0
        for index in range(plan.demands):
            units += take[at, index]
        if units == 0:
            continue
        if kept < at:
            parcels[kept].candidate = parcels[at].candidate
            for index in range(plan.demands):
                take[kept, index] = take[at, index]
        kept += 1
    plan.parcels = kept


@inlined_rule
def draw(index: int, units: int, count: int, demands: Array, parcels: Array, take: Array, allocations: Array) -> int:
    """Move units of one demand from the parcels to new allocation rows; returns the number of rows."""
    demand = demands[index]
    left = units
    while left > 0:
        at = demand.parcel
        got = min(left, take[at, index])
        if got > 0:
            row = allocations[count]
            row.sku, row.node, row.qty = demand.sku, parcels[at].node, got
            take[at, index] -= got
            left -= got
            count += 1
        if take[at, index] == 0:
            demand.parcel += 1
    return count


@inlined_rule
def hand_out(
    first: int, last: int, count: int, line_sku: Array, line_qty: Array, line_node: Array, skus: Array,
    components: Array, slots: Array, siblings: Array, plan: Any, demands: Array, parcels: Array, take: Array,
    backordered: Array, line_end: Array, allocations: Array,
) -> int:  # fmt: skip
    """Allocation rows of every line, appended from ``count`` on; line_end[line] is where the line's rows end."""
    for index in range(plan.demands):
        demands[index].parcel = 0
    for line in range(first, last):
        units = line_qty[line] - backordered[line]
        if units > 0 and line_sku[line] >= 0:
            entry, node = skus[line_sku[line]], INT64(node_named(line, line_node))
            if entry.first == entry.last:
                index = demand_of(line_sku[line], node, slots, siblings, demands)
                count = draw(index, units, count, demands, parcels, take, allocations)
            for part in range(entry.first, entry.last):
                component = components[part]
                index = demand_of(component.sku, node, slots, siblings, demands)
                count = draw(index, units * component.qty, count, demands, parcels, take, allocations)
        line_end[line] = count
    return count
