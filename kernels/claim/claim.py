"""Claim: what every order of a batch is given of everything countable, checked and taken in one step.

    for each order, in row order:
        rejected by admission   nothing is looked at or taken
        judge                   risk, velocity, same basket: proceed, hold, reject
        plan                    kernels/plan/allocate.py; no node may ship it: rejected; no stock: short_stock policy
        take                    units from available to allocated (held orders: to held), parcels of the nodes'
                                days, promotions

A row sees what earlier rows took. All or nothing: a rejected order leaves no trace. ``apply`` repeats the takes
of a decision without deciding, so that a replay does not depend on today's rules.

    QUOTE  every order for itself, nothing is taken      ORDER  as above      PLAN  as QUOTE, but nothing is judged
"""

from __future__ import annotations

from typing import Any

from kernels._jit import I64, kernel
from kernels.claim.hand_out import hand_out
from kernels.claim.judge import REJECT, judge, remember, rotate_baskets
from kernels.claim.settle import HELD, REJECTED, describe_plan, emit_parcels, open_order, plan_row, status_of
from kernels.claim.take import grant, take_plan, take_promotions
from kernels.claim.touch import ROWS_AHEAD, touch_ahead
from kernels.layout import ANSWERS, ASKED, COUNTED, INT64, PROMOTIONS, SCRATCH, TABLES, UNITS

QUOTE, ORDER, PLAN = 0, 1, 2  # mode


@kernel(I64, I64, I64, ASKED, TABLES, PROMOTIONS, UNITS, COUNTED, SCRATCH, ANSWERS)
def decide(
    mode: int, reference: int, asked: Any, tables: Any, promotions: Any, units: Any, counted: Any, work: Any,
    answers: Any,
) -> int:  # fmt: skip
    """Decide n orders with m lines; returns the number of allocation rows. The groups stand in kernels/layout.py.

    mode        QUOTE, ORDER, PLAN
    reference   of row 0; row r is reference + r
    asked       Asked          tables      TableRows          promotions  PromotionRows                   IN
    units       Units          counted     Counted                                                        INOUT
    work        Scratch        any content but first_days                                                 scratch
    answers     Answers                                                                                   OUT

    Afterwards per cell: available + held + allocated is what it was, and available fell by no more than what it
    had beyond the safety stock. Cost: orders x (plan of one order); see kernels/plan/allocate.py.
    """
    term, plan = tables.terms[0], work.plans[0]
    granted_end: int = INT64(0)
    parcel_end: int = INT64(0)
    end: int = INT64(0)
    for row in range(asked.claims.shape[0]):
        if row % ROWS_AHEAD == 0:
            plan.touched = touch_ahead(
                row, asked.claims, asked.line_sku, tables.skus, work.slots, units.shelves, units.blocks,
                units.available, units.allocated, counted.customers, counted.basket_slots,
            )  # fmt: skip
        claim, out = asked.claims[row], answers.orders[row]
        first, last = claim.line_first, claim.line_last
        open_order(out, claim, granted_end, parcel_end)
        verdict = int(claim.admission)
        if verdict != REJECT and mode != PLAN:
            rotate_baskets(claim.known_ms, counted.windows)
            verdict = judge(claim, out, term, counted)
        if verdict != REJECT:
            outcome = plan_row(
                claim, out, term, asked, tables, units, counted.capacity, work, plan, answers.backordered
            )
            out.status = status_of(verdict, outcome, term.short_stock)
        if out.status == REJECTED:
            answers.backordered[first:last] = 0
            answers.line_end[first:last] = end
            continue
        describe_plan(out, claim, plan)
        before = end
        end = hand_out(
            first, last, end, asked.line_sku, asked.line_qty, asked.line_node, tables.skus, tables.components,
            work.slots, work.siblings, plan, work.demands, work.parcels, work.take, answers.backordered,
            answers.line_end, answers.allocations,
        )  # fmt: skip
        parcel_first, granted_first = parcel_end, granted_end
        parcel_end = emit_parcels(parcel_end, plan, work.parcels, answers.parcels)
        granted_end = grant(claim, out, granted_end, asked, promotions, counted, work, answers.granted)
        out.granted, out.parcels = granted_end, parcel_end
        if mode == ORDER:
            target = units.held if out.status == HELD else units.allocated
            take_plan(before, end, parcel_first, parcel_end, answers, units, target, counted.capacity)
            take_promotions(granted_first, granted_end, claim.customer, answers, promotions, counted)
            remember(claim, reference + row, term.value_orders_min, counted)
    return end


@kernel(I64, I64, I64, ASKED, PROMOTIONS, UNITS, COUNTED, ANSWERS)
def apply(
    reference: int, value_orders_min: int, asked: Any, promotions: Any, units: Any, counted: Any, answers: Any
) -> int:
    """Take again what a decision of n orders with m lines gave; returns the orders that were not rejected.

    reference         of row 0
    value_orders_min  as in TERMS when the decision was made
    asked             Asked          as they were decided                                                 IN
    promotions        PromotionRows  of the tables it was made with; empty where nothing was granted      IN
    units             Units          counted  Counted                                                     INOUT
    answers           Answers        what was decided                                                     IN

    Afterwards all state is what decide with mode ORDER left behind. Cost: orders + rows.
    """
    count = 0
    granted_end: int = INT64(0)
    parcel_end: int = INT64(0)
    end: int = INT64(0)
    for row in range(asked.claims.shape[0]):
        claim, out = asked.claims[row], answers.orders[row]
        if claim.admission != REJECT:
            rotate_baskets(claim.known_ms, counted.windows)
        if out.status == REJECTED:
            continue
        count += 1
        before, parcel_first, granted_first = end, parcel_end, granted_end
        parcel_end, granted_end = INT64(out.parcels), INT64(out.granted)
        if claim.line_last > claim.line_first:
            end = INT64(answers.line_end[claim.line_last - 1])
        target = units.held if out.status == HELD else units.allocated
        take_plan(before, end, parcel_first, parcel_end, answers, units, target, counted.capacity)
        take_promotions(granted_first, granted_end, claim.customer, answers, promotions, counted)
        remember(claim, reference + row, value_orders_min, counted)
    return count
