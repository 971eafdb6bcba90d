"""Claim: what every order of a batch is given of everything countable, checked and taken in one step.

    for each order, in row order:
        rejected by admission   nothing is looked at or taken
        judge                   risk, velocity, same basket: proceed, hold, reject
        plan                    kernels/allocate.py; no node may ship it: rejected; no stock: short_stock policy
        take                    units from available to allocated (held orders: to held), parcels of the nodes'
                                days, promotions

A row sees what earlier rows took. All or nothing: a rejected order leaves no trace. ``apply`` repeats the takes
of a decision without deciding, so that a replay does not depend on today's rules.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels import reasons
from kernels._jit import (
    I64,
    IN_I16,
    IN_I32,
    IN_I64,
    IN_I64_2D,
    IN_U8,
    OUT_I16,
    OUT_I32,
    OUT_I64,
    OUT_I64_2D,
    OUT_U8,
    inlined_rule,
    kernel,
    rule,
)  # fmt: skip
from kernels.allocate import count_taken, enough, gather, masked_out, plan_order, price_parcels
from kernels.grant import grant_obstacle, grant_row
from kernels.hand_out import give_back, hand_out, serve_lines
from kernels.judge import HOLD, REJECT, judge, remember, rotate_windows
from kernels.ledger_layout import (
    IN_ALLOCATIONS,
    IN_BANDS,
    IN_CALENDAR,
    IN_CLAIMS,
    IN_COMPONENTS,
    IN_LANES,
    IN_NODES,
    IN_PARCELS,
    IN_SKUS,
    IN_TERMS,
    INT64,
    IO_CANDIDATES,
    IO_CAPACITY,
    IO_COUNTS,
    IO_DEMAND,
    IO_ENTRIES,
    IO_FIRST_DAYS,
    IO_GENERATIONS,
    IO_PARCELS,
    IO_PLAN,
    IO_STATES,
    IO_WINDOWS,
    NO_PLAN,
    OUT_ALLOCATIONS,
    OUT_ORDERS,
    OUT_PARCELS,
    SHORT_REJECT,
)  # fmt: skip
from kernels.windows import find_ever

Array = npt.NDArray[Any]

ALLOCATED, PARTIALLY_ALLOCATED, BACKORDERED, HELD, REJECTED = 0, 1, 2, 3, 4  # status
COMPLETE = 0  # every unit has a node
SHORT = 1  # some units have none, the policy takes the others
NOTHING = 2  # nothing is taken; stock may come
IMPOSSIBLE = 3  # no node may, or can, ship this order


@inlined_rule
def use_promotion(
    promotion: int, customer: int, promotion_code: Array, per_customer: Array, uses: Array, counts: Any,
    coupon_uses: Array,
) -> None:  # fmt: skip
    """Count one use; per customer only where there is such a limit."""
    uses[promotion] += 1
    if customer == 0 or per_customer[promotion] < 0:
        return
    entry = coupon_uses[find_ever(customer, promotion_code[promotion], coupon_uses)]
    if entry.key == 0:
        entry.key, entry.tag = customer, promotion_code[promotion]
        counts.coupon_uses += 1
    entry.count += 1


@inlined_rule
def grant(
    claim: Any, out: Any, end: int, promotions: Array, promotion_code: Array, limit: Array, per_customer: Array,
    stackable: Array, first_order: Array, needs_coupon: Array, uses: Array, customers: Array, coupon_uses: Array,
    customer_uses: Array, mask: Array, granted: Array,
) -> int:  # fmt: skip
    """Append what is granted from ``end`` on and flag codes given in vain; returns the new end. Counts nothing."""
    first, last = claim.promotion_first, claim.promotion_last
    if first == last:
        return end
    is_guest = 1 if claim.customer == 0 else 0
    is_first = 1
    if not is_guest and customers[find_ever(claim.customer, INT64(0), customers)].key != 0:
        is_first = 0
    for index in range(first, last):
        promotion = promotions[index]
        customer_uses[index - first] = 0
        if not is_guest and per_customer[promotion] >= 0:
            at = find_ever(claim.customer, promotion_code[promotion], coupon_uses)
            customer_uses[index - first] = coupon_uses[at].count
    grant_row(
        promotions, first, last, is_first, is_guest, uses, customer_uses, limit, per_customer, stackable, first_order,
        mask,
    )  # fmt: skip
    for index in range(first, last):
        promotion = promotions[index]
        if mask[index - first]:
            granted[end] = promotion
            end += 1
        elif needs_coupon[promotion]:
            obstacle = grant_obstacle(
                promotion, is_first, is_guest, customer_uses[index - first], uses, limit, per_customer, first_order
            )
            if obstacle >= 0:
                out.reasons |= 1 << obstacle
    return end


@inlined_rule
def take_units(row: Any, target: Array, available: Array, stocked: Array) -> None:
    """Move the units of an allocation row out of available; the node's stock bit goes with the last one."""
    available[row.sku, row.node] -= row.qty
    target[row.sku, row.node] += row.qty
    if available[row.sku, row.node] <= 0:
        stocked[row.sku, row.node >> 5] &= ~(1 << (row.node & 31))


@inlined_rule
def take_day(node: int, day: int, parcels: int, capacity: Array) -> None:
    """Count parcels on a node's ship day; a day that had the place before is long past."""
    entry = capacity[node, day % capacity.shape[1]]
    if entry.day != day:
        entry.day, entry.parcels = day, 0
    entry.parcels += parcels


@rule
def trim(
    claim: Any, plan: Any, terms: Any, nodes: Array, bands: Array, calendar: Array, line_sku: Array, line_qty: Array,
    skus: Array, components: Array, slots: Array, candidates: Array, demands: Array, parcels: Array, take: Array,
    backordered: Array,
) -> bool:  # fmt: skip
    """Keep of a short plan what lines can use; False when nothing is left of it."""
    count_taken(plan, demands, take)
    first, last = claim.line_first, claim.line_last
    served = serve_lines(first, last, line_sku, line_qty, skus, components, slots, plan, demands, backordered)
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
    goods_nodes: Array, available: Array, candidates: Array, demands: Array,
) -> int:  # fmt: skip
    """Why the order is not complete, as the plan left it."""
    if plan.candidates > 0:
        if plan.reached == 0:
            return reasons.UNREACHABLE  # no band takes any parcel
        if enough(plan, nodes, goods_nodes, available, candidates, demands):
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
    claim: Any, out: Any, line_sku: Array, line_qty: Array, terms: Any, skus: Array, components: Array, nodes: Array,
    lanes: Array, bands: Array, calendar: Array, channel_nodes: Array, serve_nodes: Array, ship_nodes: Array,
    goods_nodes: Array, available: Array, stocked: Array, capacity: Array, slots: Array, demands: Array,
    first_days: Array, candidates: Array, states: Array, parcels: Array, take: Array, plan: Any, backordered: Array,
) -> int:  # fmt: skip
    """Plan one order and say what each line waits for; returns how far the plan reaches."""
    first, last = claim.line_first, claim.line_last
    plan.demands = gather(first, last, line_sku, line_qty, skus, components, slots, demands)
    complete = plan_order(
        claim, plan, terms, nodes, lanes, bands, calendar, channel_nodes, ship_nodes, goods_nodes, capacity,
        available, stocked, first_days, candidates, demands, states, parcels, take,
    )  # fmt: skip
    if complete:
        backordered[first:last] = 0
        return COMPLETE
    reason = short_reason(
        claim, plan, nodes, channel_nodes, serve_nodes, ship_nodes, goods_nodes, available, candidates, demands
    )
    if plan.full:
        out.reasons |= 1 << reasons.NODE_CAPACITY
    partly = plan.parcels > 0
    if partly and trim(
        claim, plan, terms, nodes, bands, calendar, line_sku, line_qty, skus, components, slots, candidates, demands,
        parcels, take, backordered,
    ):  # fmt: skip
        out.reasons |= 1 << reason
        return SHORT
    backorder_all(claim, plan, line_qty, backordered)
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
        end += 1
    return end


@inlined_rule
def take_order(
    claim: Any, allocation_first: int, allocation_last: int, parcel_first: int, parcel_last: int, granted_first: int,
    granted_last: int, allocations: Array, parcels_out: Array, granted: Array, promotion_code: Array,
    per_customer: Array, uses: Array, target: Array, available: Array, stocked: Array, capacity: Array, counts: Any,
    coupon_uses: Array,
) -> None:  # fmt: skip
    """Take units, parcels of ship days and promotions of one order."""
    for at in range(allocation_first, allocation_last):
        take_units(allocations[at], target, available, stocked)
    for at in range(parcel_first, parcel_last):
        take_day(parcels_out[at].node, parcels_out[at].ship_day, 1, capacity)
    for at in range(granted_first, granted_last):
        use_promotion(granted[at], claim.customer, promotion_code, per_customer, uses, counts, coupon_uses)


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


@kernel(
    I64,
    I64, I64, IN_CLAIMS, IN_I32, IN_I32, IN_I16,
    IN_TERMS, IN_SKUS, IN_COMPONENTS, IN_NODES, IN_LANES, IN_BANDS, IN_CALENDAR,
    IN_I64_2D, IN_I64_2D, IN_I64_2D, IN_I64_2D,
    IN_I64, IN_I64, IN_I64, IN_U8, IN_U8, IN_U8,
    OUT_I64_2D, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D, IO_CAPACITY, OUT_I64,
    IO_COUNTS, IO_ENTRIES, IO_ENTRIES, IO_ENTRIES, IO_WINDOWS, IO_GENERATIONS,
    OUT_I32, IO_DEMAND, IO_FIRST_DAYS, IO_CANDIDATES, IO_STATES, IO_PARCELS, OUT_I64_2D, IO_PLAN, OUT_I64, OUT_U8,
    OUT_ORDERS, OUT_I16, OUT_PARCELS, OUT_I32, OUT_I32, OUT_ALLOCATIONS,
)  # fmt: skip
def decide(
    commit: int, reference: int, claims: Array, line_sku: Array, line_qty: Array, promotions: Array,
    terms: Array, skus: Array, components: Array, nodes: Array, lanes: Array, bands: Array, calendar: Array,
    channel_nodes: Array, serve_nodes: Array, ship_nodes: Array, goods_nodes: Array,
    promotion_code: Array, limit: Array, per_customer: Array, stackable: Array, first_order: Array,
    needs_coupon: Array,
    available: Array, held: Array, allocated: Array, stocked: Array, capacity: Array, uses: Array,
    counts: Array, customers: Array, coupon_uses: Array, channels: Array, windows: Array, baskets: Array,
    slots: Array, demands: Array, first_days: Array, candidates: Array, states: Array, parcels: Array, take: Array,
    plans: Array, customer_uses: Array, mask: Array,
    orders: Array, granted: Array, parcels_out: Array, backordered: Array, line_end: Array, allocations: Array,
) -> int:  # fmt: skip
    """Decide n orders with m lines; returns the number of allocation rows.

    commit                     1 = take; 0 = only say what would be taken, every order for itself
    reference                  of row 0; row r is reference + r
    claims        (n) CLAIM    rows of line_sku and promotions by first and last                          IN
    line_sku      (m) i32      -1 = none                                                                  IN
    line_qty      (m) i32      units, 0 = merged into another line                                        IN
    promotions    (q) i16      candidates by precedence                                                   IN
    terms         (1) TERMS    policy and scalars of the tables                                           IN
    skus          (S) SKU      components (c) COMPONENT    nodes (N) NODE    lanes (N, Z) LANE            IN
    bands         (B) BAND     calendar (N, D) CALENDAR_DAY                                               IN
    channel_nodes (H+1, W), serve_nodes (Z, W), ship_nodes (Z, W), goods_nodes (G, W)  i64  node words:
                               ships for the channel; may ship to the zone; may and has a lane; takes     IN
    promotion_code (P) i64     hash of the code; limit, per_customer (P) i64 -1 = none;
                               stackable, first_order, needs_coupon (P) u8                                IN
    available, held, allocated (>= S, >= N) i64 units                                                     INOUT
    stocked       (>= S, W) i64  node words: available > 0                                                INOUT
    capacity      (>= N, CAPACITY_DAYS) NODE_DAY  parcels counted                                         INOUT
    uses          (P) i64      orders given the promotion so far                                          INOUT
    counts        (1) COUNTS   entries in customers, coupon_uses, channels (.) ENTRY                      INOUT
    windows       (2) WINDOW   of velocity and of baskets (., 2) ENTRY                                    INOUT
    slots         (S) i32      any content; demands (k) DEMAND; first_days (N) FIRST_DAY, known_min -1;
                  candidates (N) CANDIDATE; states (STATES) STATE;
                  parcels (PARCELS_MAX) PARCEL; take (PARCELS_MAX, k) i64; plans (1) PLAN;
                  customer_uses, mask (most candidates of an order): scratch, k = most demands of an order
    orders        (n) ORDER_OUT, granted (>= q) i16, parcels_out (>= n x parcels_max) PARCEL_OUT          OUT
    backordered   (m) i32      units of the line that wait; 0 for rejected orders                         OUT
    line_end      (m) i32      rows of allocations up to and with this line                               OUT
    allocations   (.) ALLOCATION_OUT  at least one row for each component of each line and parcel         OUT

    Afterwards per cell: available + held + allocated is what it was, and available fell by no more than what it
    had beyond the safety stock. Cost: orders x (plan of one order); see kernels/allocate.py.
    """
    term, plan = terms[0], plans[0]
    granted_end: int = INT64(0)
    parcel_end: int = INT64(0)
    end: int = INT64(0)
    for row in range(claims.shape[0]):
        claim, out = claims[row], orders[row]
        open_order(out, claim, granted_end, parcel_end)
        verdict = REJECT
        if claim.admission != REJECT:
            rotate_windows(claim.placed_at_ms, windows)
            verdict = judge(claim, out, term, customers, channels, windows, baskets)
        if verdict != REJECT:
            outcome = plan_row(
                claim, out, line_sku, line_qty, term, skus, components, nodes, lanes, bands, calendar, channel_nodes,
                serve_nodes, ship_nodes, goods_nodes, available, stocked, capacity, slots, demands, first_days,
                candidates, states, parcels, take, plan, backordered,
            )  # fmt: skip
            out.status = status_of(verdict, outcome, term.short_stock)
        if out.status == REJECTED:
            backordered[claim.line_first : claim.line_last] = 0
            line_end[claim.line_first : claim.line_last] = end
            continue
        describe_plan(out, claim, plan)
        before = end
        end = hand_out(
            claim.line_first, claim.line_last, end, line_sku, line_qty, skus, components, slots, plan, demands,
            parcels, take, backordered, line_end, allocations,
        )  # fmt: skip
        parcel_first, granted_first = parcel_end, granted_end
        parcel_end = emit_parcels(parcel_end, plan, parcels, parcels_out)
        granted_end = grant(
            claim, out, granted_end, promotions, promotion_code, limit, per_customer, stackable, first_order,
            needs_coupon, uses, customers, coupon_uses, customer_uses, mask, granted,
        )  # fmt: skip
        out.granted, out.parcels = granted_end, parcel_end
        if commit:
            take_order(
                claim, before, end, parcel_first, parcel_end, granted_first, granted_end, allocations, parcels_out,
                granted, promotion_code, per_customer, uses, held if out.status == HELD else allocated, available,
                stocked, capacity, counts[0], coupon_uses,
            )  # fmt: skip
            remember(
                claim, reference + row, term.value_orders_min, counts[0], customers, channels, windows, baskets,
            )  # fmt: skip
    return end


@kernel(
    I64,
    I64, I64, IN_CLAIMS, IN_I32, IN_I32, IN_I32, IN_I16, IN_PARCELS, IN_I32, IN_ALLOCATIONS,
    IN_I64, IN_I64,
    OUT_I64_2D, OUT_I64_2D, OUT_I64_2D, OUT_I64_2D, IO_CAPACITY, OUT_I64,
    IO_COUNTS, IO_ENTRIES, IO_ENTRIES, IO_ENTRIES, IO_WINDOWS, IO_GENERATIONS,
)  # fmt: skip
def apply(
    reference: int, value_orders_min: int, claims: Array, status: Array, granted_offset: Array, parcel_offset: Array,
    granted: Array, parcels_out: Array, allocation_offset: Array, allocations: Array,
    promotion_code: Array, per_customer: Array,
    available: Array, held: Array, allocated: Array, stocked: Array, capacity: Array, uses: Array,
    counts: Array, customers: Array, coupon_uses: Array, channels: Array, windows: Array, baskets: Array,
) -> int:  # fmt: skip
    """Take again what a decision of n orders with m lines gave; returns the orders that were not rejected.

    reference                   of row 0
    value_orders_min            as in TERMS when the decision was made
    claims         (n) CLAIM    as they were decided                                                      IN
    status         (n) i32      of the decision                                                           IN
    granted_offset (n+1), parcel_offset (n+1), allocation_offset (m+1) i32  into the three below          IN
    granted        i16          parcels_out PARCEL_OUT      allocations ALLOCATION_OUT                    IN
    the others                  as in decide

    Afterwards all state is what decide with commit left behind. Cost: orders + rows.
    """
    count = 0
    for row in range(claims.shape[0]):
        claim = claims[row]
        if claim.admission != REJECT:
            rotate_windows(claim.placed_at_ms, windows)
        if status[row] == REJECTED:
            continue
        count += 1
        take_order(
            claim, INT64(allocation_offset[claim.line_first]), INT64(allocation_offset[claim.line_last]),
            INT64(parcel_offset[row]), INT64(parcel_offset[row + 1]), INT64(granted_offset[row]),
            INT64(granted_offset[row + 1]), allocations, parcels_out, granted,
            promotion_code, per_customer, uses, held if status[row] == HELD else allocated, available, stocked,
            capacity, counts[0], coupon_uses,
        )  # fmt: skip
        remember(claim, reference + row, value_orders_min, counts[0], customers, channels, windows, baskets)
    return count
