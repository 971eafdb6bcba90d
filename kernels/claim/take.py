"""Take: units, parcels of ship days and promotions of one order, when it goes through.

grant            which candidate promotions the order is given; counts nothing
take_plan        available less, allocated or held more; the nodes' days one more each
take_promotions  their uses one more each
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule
from kernels.cells.find import block_of, cell_in
from kernels.claim.grant import grant_obstacle, grant_row
from kernels.claim.segments import find_ever, segments_of
from kernels.layout import INT64

Array = npt.NDArray[Any]


@inlined_rule
def use_promotion(promotion: int, customer: int, promotions: Any, counted: Any) -> None:
    """Count one use; per customer only where there is such a limit."""
    counted.uses[promotion] += 1
    if customer == 0 or promotions.per_customer[promotion] < 0:
        return
    code, table = promotions.code[promotion], counted.coupon_uses
    entry = table[find_ever(customer, code, segments_of(table), table)]
    if entry.key == 0:
        entry.key, entry.tag = customer, code
        counted.counts[0].coupon_uses += 1
    entry.count += 1


@inlined_rule
def grant(claim: Any, out: Any, end: int, asked: Any, promotions: Any, counted: Any, work: Any, granted: Array) -> int:
    """Append what is granted from ``end`` on and flag codes given in vain; returns the new end. Counts nothing."""
    first, last = claim.promotion_first, claim.promotion_last
    if first == last:
        return end
    customers, coupon_uses = counted.customers, counted.coupon_uses
    is_guest = 1 if claim.customer == 0 else 0
    is_first = 1
    if not is_guest and customers[find_ever(claim.customer, INT64(0), segments_of(customers), customers)].count != 0:
        is_first = 0
    for index in range(first, last):
        promotion = asked.promotions[index]
        work.customer_uses[index - first] = 0
        if not is_guest and promotions.per_customer[promotion] >= 0:
            at = find_ever(claim.customer, promotions.code[promotion], segments_of(coupon_uses), coupon_uses)
            work.customer_uses[index - first] = coupon_uses[at].count
    grant_row(
        asked.promotions, first, last, is_first, is_guest, counted.uses, work.customer_uses, promotions.limit,
        promotions.per_customer, promotions.stackable, promotions.first_order, work.mask,
    )  # fmt: skip
    for index in range(first, last):
        promotion = asked.promotions[index]
        if work.mask[index - first]:
            granted[end] = promotion
            end += 1
        elif promotions.needs_coupon[promotion]:
            obstacle = grant_obstacle(
                promotion, is_first, is_guest, work.customer_uses[index - first], counted.uses, promotions.limit,
                promotions.per_customer, promotions.first_order,
            )  # fmt: skip
            if obstacle >= 0:
                out.reasons |= 1 << obstacle
    return end


@inlined_rule
def take_units(row: Any, target: Array, units: Any) -> None:
    """Move the units of an allocation row out of available; the node's stock bit goes with the last one."""
    node = INT64(row.node)
    block = block_of(INT64(row.sku), node >> 5, units.shelves, units.blocks)
    cell = cell_in(block, node & 31)
    units.available[cell] -= row.qty
    target[cell] += row.qty
    if units.available[cell] <= 0:
        block.stocked &= ~(1 << (node & 31))


@inlined_rule
def take_day(node: int, day: int, parcels: int, capacity: Array) -> None:
    """Count parcels on a node's ship day; a day that had the place before is long past."""
    entry = capacity[node, day % capacity.shape[1]]
    if entry.day != day:
        entry.day, entry.parcels = day, 0
    entry.parcels += parcels


@inlined_rule
def take_plan(
    allocation_first: int, allocation_last: int, parcel_first: int, parcel_last: int, answers: Any, units: Any,
    target: Array, capacity: Array,
) -> None:  # fmt: skip
    """Take units and parcels of ship days of one order."""
    for at in range(allocation_first, allocation_last):
        take_units(answers.allocations[at], target, units)
    for at in range(parcel_first, parcel_last):
        take_day(answers.parcels[at].node, answers.parcels[at].ship_day, 1, capacity)


@inlined_rule
def take_promotions(first: int, last: int, customer: int, answers: Any, promotions: Any, counted: Any) -> None:
    """Count the uses of what one order was granted."""
    for at in range(first, last):
        use_promotion(answers.granted[at], customer, promotions, counted)
