"""Available to promise: units of a SKU that an order of a channel for a zone could be given, per node and in all.

    atp(sku, node)    = available - safety stock, not below 0, if the node may ship there and takes such goods
    atp(bundle, node) = least of atp(component, node) // its quantity
    atp(sku)          = sum over nodes; of a bundle the least of atp(component) // its quantity

The masks and units are the ones an allocation uses (kernels/plan/allocate.py).
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_I64_2D, OUT_I64, OUT_I64_2D, VOID, inlined_rule, kernel, rule
from kernels.cells.show import fill_row
from kernels.layout import IN_COMPONENTS, IN_NODES, IN_SKUS, INT64, SHOWN

Array = npt.NDArray[Any]


@inlined_rule
def open_word(
    word: int, goods_class: int, channel: int, zone: int, channel_nodes: Array, ship_nodes: Array, active_nodes: Array,
    goods_nodes: Array,
) -> int:  # fmt: skip
    """Of 32 nodes, those that may ship such goods to such an order; a channel or zone of -1 masks nothing."""
    bits = active_nodes[0, word] & goods_nodes[goods_class, word]
    if channel >= 0:
        bits &= channel_nodes[channel, word]
    if zone >= 0:
        bits &= ship_nodes[zone, word]
    return int(bits)


@inlined_rule
def units_of(
    goods_class: int, row: int, channel: int, zone: int, nodes: Array, channel_nodes: Array,
    ship_nodes: Array, active_nodes: Array, goods_nodes: Array, here: Array, per_node: Array,
) -> int:  # fmt: skip
    """Fill per_node[row] for a SKU that is no bundle, as nearly all are; returns the units in all."""
    units, count, bits = INT64(0), nodes.shape[0], INT64(0)
    for node in range(count):
        if node & 31 == 0:
            bits = open_word(
                node >> 5, goods_class, channel, zone, channel_nodes, ship_nodes, active_nodes, goods_nodes
            )  # fmt: skip
        has = max(here[node] - nodes[node].safety_units, 0) * (bits & 1)
        per_node[row, node] = has
        units += has
        bits >>= 1
    return int(units)


@rule
def add_units(
    goods_class: int, qty: int, row: int, channel: int, zone: int, nodes: Array, channel_nodes: Array,
    ship_nodes: Array, active_nodes: Array, goods_nodes: Array, here: Array, per_node: Array,
) -> int:  # fmt: skip
    """Lower per_node[row] to what the component allows; returns how many of it there are in all."""
    units, bits = INT64(0), INT64(0)
    for node in range(nodes.shape[0]):
        if node & 31 == 0:
            bits = open_word(
                node >> 5, goods_class, channel, zone, channel_nodes, ship_nodes, active_nodes, goods_nodes
            )  # fmt: skip
        has = max(here[node] - nodes[node].safety_units, 0) * (bits & 1)
        per_node[row, node] = min(per_node[row, node], has // qty)
        units += has
        bits >>= 1
    return int(units // qty)


@kernel(
    VOID, IN_I32, I64, I64, IN_SKUS, IN_COMPONENTS, IN_NODES, IN_I64_2D, IN_I64_2D, IN_I64_2D, IN_I64_2D,
    SHOWN, OUT_I64, OUT_I64, OUT_I64_2D,
)  # fmt: skip
def available(
    sku: Array, channel: int, zone: int, skus: Array, components: Array, nodes: Array, channel_nodes: Array,
    ship_nodes: Array, active_nodes: Array, goods_nodes: Array, shown: Any, here: Array, total: Array,
    per_node: Array,
) -> None:  # fmt: skip
    """Units to promise of k SKUs.

    sku           (k) i32      asked for, each < S                                       IN
    channel, zone              -1 = any                                                  IN
    skus (S) SKU, components (c) COMPONENT, nodes (N) NODE                               IN
    channel_nodes (H+1, W), ship_nodes (Z, W), active_nodes (1, W), goods_nodes (G, W) i64 node words   IN
    shown         Shown        a SKU that has no shelf has nothing                       IN
    here          (N) i64                                                                scratch
    total         (k) i64      units, or whole bundles, in all                           OUT
    per_node      (k, N) i64   units, or whole bundles, from the node alone              OUT

    Afterwards per_node >= 0, and total is its sum for a SKU that is no bundle. Cost: k x components x N.
    """
    most = 1 << 62
    for row in range(sku.shape[0]):
        entry = skus[sku[row]]
        if entry.first == entry.last:
            fill_row(INT64(sku[row]), shown.shelves, shown.blocks, shown.cells.available, here)
            total[row] = units_of(
                entry.goods_class, row, channel, zone, nodes, channel_nodes, ship_nodes, active_nodes,
                goods_nodes, here, per_node,
            )  # fmt: skip
            continue
        total[row] = most
        per_node[row, :] = most
        for part in range(entry.first, entry.last):
            component = components[part]
            fill_row(INT64(component.sku), shown.shelves, shown.blocks, shown.cells.available, here)
            found = add_units(
                skus[component.sku].goods_class, component.qty, row, channel, zone, nodes,
                channel_nodes, ship_nodes, active_nodes, goods_nodes, here, per_node,
            )  # fmt: skip
            total[row] = min(total[row], found)
