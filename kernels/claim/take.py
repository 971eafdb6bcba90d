"""Take: units, parcels of ship days and promotions of one order, when it goes through.

grant       which candidate promotions the order is given; counts nothing
take_order  available less, allocated or held more; the nodes' days and the promotions' uses one more each
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule
from kernels.claim.grant import grant_obstacle, grant_row
from kernels.claim.windows import find_ever, segments_of
from kernels.layout import INT64

Array = npt.NDArray[Any]


@inlined_rule
def use_promotion(
    promotion: int, customer: int, promotion_code: Array, per_customer: Array, uses: Array, counts: Any,
    coupon_uses: Array,
) -> None:  # fmt: skip
    """Count one use; per customer only where there is such a limit."""
    uses[promotion] += 1
    if customer == 0 or per_customer[promotion] < 0:
        return
    entry = coupon_uses[find_ever(customer, promotion_code[promotion], segments_of(coupon_uses), coupon_uses)]
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
    if not is_guest and customers[find_ever(claim.customer, INT64(0), segments_of(customers), customers)].key != 0:
        is_first = 0
    for index in range(first, last):
        promotion = promotions[index]
        customer_uses[index - first] = 0
        if not is_guest and per_customer[promotion] >= 0:
            at = find_ever(claim.customer, promotion_code[promotion], segments_of(coupon_uses), coupon_uses)
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
