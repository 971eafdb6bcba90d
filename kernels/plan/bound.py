"""Bound: demands that may come from one node alone, because the order's lines name it.

    demand      a SKU and the node that its lines name, -1 any: an order may have several of one SKU
    set aside   before anything is planned: for each bound demand what its node has beyond its safety stock, up to the
                need
    put back    when the order is planned; what is taken is taken as of any order

What is set aside is gone from the cell, so the demands of a SKU never count a unit twice: a plan that covers the order
is missed by none, for a bound demand could have nothing else, and one that is not bound gets what is left over.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.cells.find import cell_of
from kernels.layout import INT64

Array = npt.NDArray[Any]

_UNITS_MAX = (1 << 31) - 1  # set aside for a demand; more of them wait


@inlined_rule
def node_named(line: int, line_node: Array) -> int:
    """The node that a line names, -1 none."""
    return int(line_node[line]) if line_node.shape[0] > 0 else -1


@inlined_rule
def demand_of(sku: int, node: int, slots: Array, siblings: Array, demands: Array) -> int:
    """The demand of a line of this SKU and node, which there is."""
    at = slots[sku]
    while demands[at].node != node:
        at = siblings[at]
    return int(at)


@inlined_rule
def named_word(node: int, word: int) -> int:
    """Of 32 nodes, those that a line may come from by the node it names."""
    if node < 0:
        return -1
    return int(INT64(1) << (node & 31)) if node >> 5 == word else 0


@inlined_rule
def set_aside_for(demand: Any) -> int:
    """Units of its node that were set aside for a bound demand; they stand where others have the first cell of a block,
    which it has no use for: a demand is one cache line."""
    return int(demand.cell)


@rule
def set_aside(
    claim: Any, plan: Any, nodes: Array, channel_nodes: Array, ship_nodes: Array, goods_nodes: Array, units: Any,
    demands: Array,
) -> None:  # fmt: skip
    """Take out of its cell what each bound demand can have."""
    for index in range(plan.demands):
        demand = demands[index]
        if demand.node < 0:
            continue
        node = INT64(demand.node)
        word, bit = node >> 5, node & 31
        may = channel_nodes[claim.channel_index, word] & ship_nodes[claim.zone, word]
        may &= goods_nodes[demand.goods_class, word]
        demand.cell = 0
        if may >> bit & 1:
            cell = cell_of(INT64(demand.sku), node, units.shelves, units.blocks)
            has = max(units.available[cell] - nodes[node].safety_units, 0)
            demand.cell = min(has, demand.need, _UNITS_MAX)
            units.available[cell] -= set_aside_for(demand)


@rule
def put_back(plan: Any, units: Any, demands: Array) -> None:
    """Bring back what was set aside."""
    for index in range(plan.demands):
        demand = demands[index]
        if demand.node >= 0 and set_aside_for(demand) > 0:
            cell = cell_of(INT64(demand.sku), INT64(demand.node), units.shelves, units.blocks)
            units.available[cell] += set_aside_for(demand)
