"""Grant: which of an order's candidate promotions it is given.

    walk the candidates in precedence order:
        skip one whose campaign or customer limit is used up, or that is for a first order and this is none
        skip one that may not be combined once another was granted
        grant it; after one that may not be combined nothing else is granted

Nothing is counted here: the caller takes the uses of what was granted, in the same step, when the order goes through.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import rule
from kernels.reasons import COUPON_USED_UP, FIRST_ORDER_ONLY

Array = npt.NDArray[Any]


@rule
def grant_obstacle(
    promotion: int,
    is_first_order: int,
    is_guest: int,
    customer_uses: int,
    uses: Array,
    limit: Array,
    per_customer: Array,
    first_order: Array,
) -> int:
    """Number of the reason why this promotion may not be given, -1 when nothing stands in the way.

    A guest has no history: neither a limit per customer nor a first order can be shown, so both refuse.
    """
    if first_order[promotion] and (is_guest or not is_first_order):
        return FIRST_ORDER_ONLY
    if limit[promotion] >= 0 and uses[promotion] >= limit[promotion]:
        return COUPON_USED_UP
    if per_customer[promotion] >= 0 and (is_guest or customer_uses >= per_customer[promotion]):
        return COUPON_USED_UP
    return -1


@rule
def grant_row(
    candidates: Array,
    first: int,
    last: int,
    is_first_order: int,
    is_guest: int,
    uses: Array,
    customer_uses: Array,
    limit: Array,
    per_customer: Array,
    stackable: Array,
    first_order: Array,
    granted: Array,
) -> int:
    """Decide the candidates of one order; returns how many were granted.

    candidates      (m)  i16  promotion numbers of many orders, each order's in precedence order     IN
    first, last          i64  this order's are candidates[first:last]; k = last - first
    is_first_order       i64  1 = the customer has no earlier order
    is_guest             i64  1 = the order names no customer
    uses            (P)  i64  orders that were given the promotion so far                            IN
    customer_uses   (>=k) i64 orders of this customer given candidates[first + rank] so far          IN
    limit           (P)  i64  orders in all, -1 = no limit                                           IN
    per_customer    (P)  i64  orders a customer, -1 = no limit                                       IN
    stackable       (P)  u8   1 = may be combined with other stackable ones                          IN
    first_order     (P)  u8   1 = only for a customer's first order                                  IN
    granted         (>=k) u8  1 at rank when candidates[first + rank] is granted, else 0             OUT

    Afterwards: the sum of granted[:k] is the result; a promotion that is not stackable stands alone. Cost: k steps.
    """
    count = 0
    closed = False
    for rank in range(last - first):
        promotion = candidates[first + rank]
        granted[rank] = 0
        if closed or (count > 0 and not stackable[promotion]):
            continue
        obstacle = grant_obstacle(
            promotion, is_first_order, is_guest, customer_uses[rank], uses, limit, per_customer, first_order
        )
        if obstacle < 0:
            granted[rank] = 1
            count += 1
            closed = not stackable[promotion]
    return count
