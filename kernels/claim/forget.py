"""Forget: what a cancelled order gives back beside units, the inverse of ``remember`` and of ``take_promotions``.

    customer    one order less; an entry of 0 orders counts as no earlier order, and keeps what velocity measures
    basket      its entry goes if it still names this order
    promotions  one use less by the customer, where there is such a limit

What was sent stays measured: the channel's usual value and the customer's orders lately are not given back.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I64, inlined_rule, kernel
from kernels.claim.judge import BASKET
from kernels.claim.recent import FIRST_GENERATION, ROW_MASK, find_recent, is_of, remove_recent
from kernels.claim.segments import find_ever, remove_ever, segments_of
from kernels.layout import COUNTED, INT64

Array = npt.NDArray[Any]


@inlined_rule
def forget_basket(basket: int, reference: int, window: Any, slots: Array, rows: Array) -> None:
    for generation in range(window.generation, max(window.generation - 2, FIRST_GENERATION - 1), -1):
        at = find_recent(basket, generation, slots, rows)
        if is_of(slots[at], generation) and rows[generation & 1, slots[at] & ROW_MASK].value == reference:
            is_current = generation == window.generation
            remove_recent(at, generation, window.entries if is_current else INT64(0), slots, rows)
            window.entries -= is_current


@kernel(I64, IN_I64, IN_I64, IN_I64, COUNTED)
def forget(reference: Array, customer: Array, basket: Array, counted: Any) -> int:
    """Forget n orders; returns how many were of a customer who has no order.

    reference, customer, basket (n) i64   as they were remembered, 0 = guest, no basket      IN
    counted  Counted                                                                         INOUT

    Cost: n steps.
    """
    faults = 0
    customers = counted.customers
    for row in range(reference.shape[0]):
        if customer[row] != 0:
            entry = customers[find_ever(customer[row], INT64(0), segments_of(customers), customers)]
            if entry.count > 0:
                entry.count -= 1
            else:
                faults += 1
        if basket[row] != 0:
            forget_basket(basket[row], reference[row], counted.windows[BASKET], counted.basket_slots, counted.baskets)
    return faults


@kernel(I64, IN_I64, IN_I64, COUNTED)
def forget_uses(customer: Array, code: Array, counted: Any) -> int:
    """Take back n uses of promotions that are limited per customer; returns how many were never counted.

    customer, code (n) i64   hash of the promotion's code                                     IN
    counted  Counted                                                                          INOUT

    Cost: n steps.
    """
    faults = 0
    uses = counted.coupon_uses
    for row in range(customer.shape[0]):
        at = find_ever(customer[row], code[row], segments_of(uses), uses)
        entry = uses[at]
        if entry.count <= 0:
            faults += 1
            continue
        entry.count -= 1
        if entry.count == 0:
            remove_ever(at, uses)
            counted.counts[0].coupon_uses -= 1
    return faults
