"""Settle: the plan of one order as its answer: status, reasons, what every line waits for.

complete    every unit has a node                         allocated, or held
short       some units have none, the policy takes the others   partially allocated, or held
nothing     nothing is taken, stock may come              backordered, held, or rejected by policy
impossible  no node may, or can, ship this order          rejected
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels import reasons
from kernels._jit import inlined_rule, rule
from kernels.claim.hand_out import give_back, serve_lines
from kernels.claim.judge import HOLD
from kernels.layout import INT64, NO_PLAN, SHORT_REJECT
from kernels.plan.allocate import count_taken, masked_out, plan_order, price_parcels
from kernels.plan.bound import put_back, set_aside
from kernels.plan.candidates import enough, gather

Array = npt.NDArray[Any]

ALLOCATED, PARTIALLY_ALLOCATED, BACKORDERED, HELD, REJECTED = 0, 1, 2, 3, 4  # status
COMPLETE, SHORT, NOTHING, IMPOSSIBLE = 0, 1, 2, 3  # how far a plan reaches


@rule
def trim(
    claim: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, line_sku: Array, line_qty: Array,
    line_node: Array, skus: Array, components: Array, slots: Array, siblings: Array, candidates: Array, demands: Array,
    parcels: Array, take: Array, backordered: Array,
) -> bool:  # fmt: skip
    """Keep of a short plan what lines can use; False when nothing is left of it."""
    count_taken(plan, demands, take)
    first, last = claim.line_first, claim.line_last
    served = serve_lines(
        first, last, line_sku, line_qty, line_node, skus, components, slots, siblings, plan, demands, backordered
    )  # fmt: skip
    give_back(plan, demands, parcels, take)
    return served > 0 and price_parcels(plan, terms, nodes, bands, calendar, candidates, demands, parcels, take)


@rule
def backorder_all(claim: Any, plan: Any, line_qty: Array, backordered: Array) -> None:
    """Nothing is taken: every line waits as a whole."""
    plan.parcels, plan.cost_minor, plan.day, plan.runner_up_minor = 0, 0, -1, NO_PLAN
    for line in range(claim.line_first, claim.line_last):
        backordered[line] = line_qty[line]


@rule
def short_reason(
    claim: Any, plan: Any, nodes: Array, channel_nodes: Array, serve_nodes: Array, ship_nodes: Array,
    goods_nodes: Array, shelves: Array, blocks: Array, available: Array, candidates: Array, demands: Array,
) -> int:  # fmt: skip
    """Why the order is not complete, as the plan left it."""
    if plan.candidates > 0:
        if plan.reached == 0:
            return reasons.UNREACHABLE  # no band takes any parcel
        if enough(plan, nodes, goods_nodes, shelves, blocks, available, candidates, demands):
            return reasons.SPLIT_LIMIT
        return reasons.PARTIAL_STOCK if plan.parcels > 0 else reasons.OUT_OF_STOCK
    if plan.full:
        return reasons.NODE_CAPACITY
    if plan.unshippable:
        return reasons.UNREACHABLE
    mask = masked_out(claim, plan, channel_nodes, serve_nodes, ship_nodes, goods_nodes, demands)
    return mask if mask >= 0 else reasons.OUT_OF_STOCK


@inlined_rule
def plan_row(
    claim: Any, out: Any, terms: Any, asked: Any, tables: Any, units: Any, capacity: Array, work: Any, plan: Any,
    backordered: Array,
) -> int:  # fmt: skip
    """Plan one order and say what each line waits for; returns how far the plan reaches."""
    first, last = claim.line_first, claim.line_last
    plan.demands = gather(
        first, last, asked.line_sku, asked.line_qty, asked.line_node, tables.skus, tables.components, work.slots,
        work.siblings, work.demands,
    )  # fmt: skip
    has_bound = asked.line_node.shape[0] > 0
    if has_bound:
        set_aside(
            claim, plan, tables.nodes, tables.channel_nodes, tables.ship_nodes, tables.goods_nodes, units, work.demands
        )
    complete = plan_order(
        claim, plan, terms, tables.nodes, tables.lanes, tables.bands, tables.calendar, tables.channel_nodes,
        tables.ship_nodes, tables.goods_nodes, capacity, units, work.first_days, work.candidates, work.demands,
        work.states, work.open_nodes, work.loads, work.parcels, work.take,
    )  # fmt: skip
    reason = INT64(-1)
    if not complete:
        reason = INT64(
            short_reason(
                claim, plan, tables.nodes, tables.channel_nodes, tables.serve_nodes, tables.ship_nodes,
                tables.goods_nodes, units.shelves, units.blocks, units.available, work.candidates, work.demands,
            )
        )  # fmt: skip
    if has_bound:
        put_back(plan, units, work.demands)
    if complete:
        backordered[first:last] = 0
        return COMPLETE
    if plan.full:
        out.reasons |= 1 << reasons.NODE_CAPACITY
    partly = plan.parcels > 0
    if partly and trim(
        claim, plan, terms, tables.nodes, tables.bands, tables.calendar, asked.line_sku, asked.line_qty,
        asked.line_node, tables.skus, tables.components, work.slots, work.siblings, work.candidates, work.demands,
        work.parcels, work.take, backordered,
    ):  # fmt: skip
        out.reasons |= 1 << reason
        return SHORT
    backorder_all(claim, plan, asked.line_qty, backordered)
    out.reasons |= 1 << (reasons.OUT_OF_STOCK if partly else reason)
    impossible = reason == reasons.UNREACHABLE or reason == reasons.NO_ELIGIBLE_NODE
    return IMPOSSIBLE if impossible else NOTHING


@inlined_rule
def status_of(verdict: int, outcome: int, short_stock: int) -> int:
    if outcome == IMPOSSIBLE or (outcome != COMPLETE and short_stock == SHORT_REJECT):
        return REJECTED
    if verdict == HOLD:
        return HELD
    if outcome == COMPLETE:
        return ALLOCATED
    return PARTIALLY_ALLOCATED if outcome == SHORT else BACKORDERED


@inlined_rule
def emit_parcels(end: int, plan: Any, parcels: Array, parcels_out: Array) -> int:
    for at in range(plan.parcels):
        row, parcel = parcels_out[end], parcels[at]
        row.node, row.band, row.ship_day = parcel.node, parcel.band, parcel.ship_day
        row.promise_day, row.cost_minor = parcel.promise_day, parcel.cost_minor
        row.pieces = parcel.pieces
        end += 1
    return end


@inlined_rule
def open_order(out: Any, claim: Any, granted_end: int, parcel_end: int) -> None:
    """The answer of an order that is given nothing."""
    out.status, out.risk, out.reasons, out.twin = REJECTED, claim.risk, 0, -1
    out.promise_day, out.cost_minor, out.runner_up_minor = -1, 0, -1
    out.granted, out.parcels = granted_end, parcel_end


@inlined_rule
def describe_plan(out: Any, claim: Any, plan: Any) -> None:
    out.promise_day, out.cost_minor = plan.day, plan.cost_minor
    out.runner_up_minor = plan.runner_up_minor if plan.runner_up_minor < NO_PLAN else -1
    if plan.promise_by_day >= 0 and plan.day > plan.promise_by_day:
        out.reasons |= 1 << reasons.PROMISE_LATE
