"""Claim: what every order of a batch is given of everything countable, checked and taken in one step.

    for each order, in row order:
        rejected by admission   nothing is looked at or taken
        judge                   risk, velocity, same basket: proceed, hold, reject
        plan                    kernels/plan/allocate.py; no node may ship it: rejected; no stock: short_stock policy
        take                    units from available to allocated (held orders: to held), parcels of the nodes'
                                days, promotions

A row sees what earlier rows took. All or nothing: a rejected order leaves no trace. ``apply`` repeats the takes
of a decision without deciding, so that a replay does not depend on today's rules.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

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
    kernel,
)
from kernels.claim.hand_out import hand_out
from kernels.claim.judge import REJECT, judge, remember, rotate_windows
from kernels.claim.settle import HELD, REJECTED, describe_plan, emit_parcels, open_order, plan_row, status_of
from kernels.claim.take import grant, take_order
from kernels.claim.touch import ROWS_AHEAD, touch_ahead
from kernels.layout import (
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
    OUT_ALLOCATIONS,
    OUT_ORDERS,
    OUT_PARCELS,
)

Array = npt.NDArray[Any]


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
    had beyond the safety stock. Cost: orders x (plan of one order); see kernels/plan/allocate.py.
    """
    term, plan = terms[0], plans[0]
    granted_end: int = INT64(0)
    parcel_end: int = INT64(0)
    end: int = INT64(0)
    for row in range(claims.shape[0]):
        if row % ROWS_AHEAD == 0:
            plan.touched = touch_ahead(
                row, claims, line_sku, skus, slots, available, allocated, stocked, customers, baskets
            )
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
