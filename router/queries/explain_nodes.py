"""Why each node was or was not considered for an order: the masks of the tables it was decided with, and its score.

    removed_by   inactive, channel, zone, lane, service, goods     the masks of kernels/plan, in that order
                 lines                                             every line names another node to come from
    cost         freight + handling of one parcel with the whole order from there (kernels/plan/freight.py), the
                 score by which single parcels are compared before any penalty for lateness; None where no band takes
                 the weight

What a node had in stock at that moment is not recorded with the order. A node that no mask removed, that costs less
than the plan and that was not chosen lacked units of some SKU, had no room on its ship days or would have been later.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from router.log.columns import Admission
from router.log.steps import Step
from router.queries.source import Row
from router.tables.compiled import Tables

NODES_SHOWN_MAX = 200


def nodes_view(step: Step, tables: Tables) -> list[Row]:
    """Nodes that gave units first, then the others that might have by cost, then those removed; at most 200."""
    if step.given["admission"] == Admission.REJECT:
        return []  # no node was looked at
    chosen = {parcel["node"] for parcel in step.outcome["parcels"]}
    goods = _goods(step, tables)
    rows = [_node(node, node in chosen, goods, step, tables) for node in range(len(tables.nodes.ids))]
    rows.sort(key=_order)
    return rows[:NODES_SHOWN_MAX]


def _node(node: int, is_chosen: bool, goods: set[int], step: Step, tables: Tables) -> Row:
    removed_by = list(_masks(node, goods, step, tables))
    return {
        "node": tables.nodes.ids.text(node),
        "chosen": is_chosen,
        "removed_by": removed_by,
        "cost": None if removed_by else _cost_minor(node, step, tables),
    }


def _order(row: Row) -> tuple[bool, bool, int, str]:
    cost = row["cost"]
    return not row["chosen"], bool(row["removed_by"]), 1 << 62 if cost is None else cost, row["node"]


def _masks(node: int, goods: set[int], step: Step, tables: Tables) -> Iterator[str]:
    nodes, zone = tables.nodes, step.given["zone"]
    if not nodes.active[node]:
        yield "inactive"
    if not nodes.serves_channel[node, step.given["channel_index"]]:
        yield "channel"
    if not nodes.serves_zone[node, zone]:
        yield "zone"
    elif tables.rates.loaded and tables.rates.lane[node, zone] < 0:
        yield "lane"
    elif tables.rates.loaded and not len(_bands(node, step, tables)):
        yield "service"
    if not all(nodes.accepts_goods[node, kind] for kind in goods):
        yield "goods"
    named = {line["node"] for line in step.given["lines"] if line["qty"] > 0 and line["sku"] >= 0}
    if named and not named & {-1, node}:
        yield "lines"


def _goods(step: Step, tables: Tables) -> set[int]:
    """Goods classes of all SKUs of the order, bundles by their components."""
    skus, found = tables.skus, set()
    for line in step.given["lines"]:
        if line["qty"] <= 0 or line["sku"] < 0:
            continue
        first, last = (int(skus.bundle_offset[line["sku"] + end]) for end in (0, 1))
        parts = skus.bundle_sku[first:last].tolist() or [line["sku"]]
        found |= {int(skus.goods_class[part]) for part in parts}
    return found


def _bands(node: int, step: Step, tables: Tables) -> np.ndarray:
    """Freight bands of the node's lane to the order that offer the service asked for, whatever they may weigh."""
    rates, service = tables.rates, step.given["service"]
    lane = int(rates.lane[node, step.given["zone"]])
    bands = np.arange(int(rates.lane_offset[lane]), int(rates.lane_offset[lane + 1]))
    return bands if service < 0 else bands[rates.band_service[bands] == service]


def _cost_minor(node: int, step: Step, tables: Tables) -> int | None:
    handling_minor, rates = int(tables.nodes.handling_minor[node]), tables.rates
    if not rates.loaded:
        return handling_minor
    weight_g = step.given["weight_g"]
    bands = _bands(node, step, tables)
    bands = bands[(rates.band_min_g[bands] <= weight_g) & (weight_g <= rates.band_max_g[bands])]
    if not len(bands):
        return None
    freight_minor = rates.band_price_minor[bands] + rates.band_per_kg_minor[bands] * (-(-weight_g // 1_000))
    return handling_minor + int(freight_minor.min())
