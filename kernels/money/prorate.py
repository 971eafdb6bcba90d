"""Prorate: spread an amount over weights by largest remainder, so that the parts sum to it exactly.

share     = amount * weight / total                  (exact; the product may need 100 bits)
part      = whole part of the share, + 1 for the ``left`` rows with the largest remainder
left      = amount - sum of the whole parts
ties      = the earlier row comes first
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I64, OUT_I64, VOID, inlined_rule, kernel, rule

Array = npt.NDArray[Any]

DIGIT_BITS = 12  # 2**12 * SPREAD_MAX still fits int64: one digit of the long multiplication a step
SPREAD_MAX = 1 << 50  # largest amount and largest sum of weights; above the largest order value


@inlined_rule
def spread(amount: int, weight: Array, first: int, last: int, part: Array, remainder: Array) -> None:
    """Spread one amount over the rows first:last."""
    total = 0
    for row in range(first, last):
        total += weight[row]
    left = amount
    for row in range(first, last):
        part[row], remainder[row] = share(amount, weight[row], total)
        left -= part[row]
    if left > 0:
        _give_one_each(left, first, last, part, remainder)


@inlined_rule
def share(amount: int, weight: int, total: int) -> tuple[int, int]:
    """Quotient and remainder of amount * weight / total without overflow; (0, 0) where total is 0.

    Long multiplication and division at once, DIGIT_BITS of ``weight`` a step; the running remainder stays
    below ``total``, so no step leaves int64.
    """
    if amount == 0 or weight == 0:
        return 0, 0
    if (amount | weight) >> 31 == 0:
        quotient = amount * weight // total
        return quotient, amount * weight - quotient * total
    whole, rest = amount // total, amount % total
    quotient, remainder, shift = 0, 0, 0
    while weight >> (shift + DIGIT_BITS):
        shift += DIGIT_BITS
    while shift >= 0:
        digit = (weight >> shift) & ((1 << DIGIT_BITS) - 1)
        step = (remainder << DIGIT_BITS) + rest * digit
        quotient = (quotient << DIGIT_BITS) + step // total
        remainder = step % total
        shift -= DIGIT_BITS
    return whole * weight + quotient, remainder


@rule
def _give_one_each(left: int, first: int, last: int, part: Array, remainder: Array) -> None:
    """Add 1 to the ``left`` rows with the largest remainder, the earlier of equal ones first."""
    if left == 1:  # always so with two rows
        best = first
        for row in range(first, last):
            if remainder[row] > remainder[best]:
                best = row
        part[best] += 1
        return
    bar = _remainder_bar(left, first, last, remainder)
    equals = left
    for row in range(first, last):
        equals -= remainder[row] > bar
    for row in range(first, last):
        if remainder[row] > bar:
            part[row] += 1
        elif remainder[row] == bar and equals > 0:
            part[row] += 1
            equals -= 1


@rule
def _remainder_bar(left: int, first: int, last: int, remainder: Array) -> int:
    """The largest value that at least ``left`` rows reach: the ``left``-th largest remainder.

    Halving the range of values needs no sorting and no memory; each step jumps to a remainder that exists, so
    it ends after a few passes on short groups.
    """
    low: int = remainder[first]
    high = low
    for row in range(first, last):
        low, high = min(low, remainder[row]), max(high, remainder[row])
    while low < high:
        middle = high - (high - low) // 2
        reached, below, lowest = 0, low, high
        for row in range(first, last):
            if remainder[row] >= middle:
                reached += 1
                lowest = min(lowest, remainder[row])
            else:
                below = max(below, remainder[row])
        if reached == left:
            return lowest
        if reached > left:
            low = lowest
        else:
            high = below
    return low


@rule
def units_part(amount: int, qty: int, first_unit: int, count: int) -> int:
    """What ``count`` of ``qty`` equal units carry of ``amount``, from ``first_unit`` on: the first ones carry 1 more.

    Storing (amount, qty) therefore stores the part of every unit. 0 <= first_unit <= first_unit + count <= qty,
    qty > 0.
    """
    each, rest = amount // qty, amount % qty
    return each * count + min(rest, first_unit + count) - min(rest, first_unit)


@kernel(VOID, IN_I64, IN_I64, IN_I64, OUT_I64, OUT_I64)
def prorate(row_offset: Array, amount: Array, weight: Array, part: Array, remainder: Array) -> None:
    """Spread each group's amount over the group's rows.

    row_offset (n+1) i64  first row of each group                                          IN
    amount     (n)   i64  what to spread, 0 to SPREAD_MAX; 0 where all weights are 0       IN
    weight     (m)   i64  not negative, at most SPREAD_MAX a group                         IN
    part       (m)   i64  each row's part                                                  OUT
    remainder  (m)   i64  scratch

    Afterwards: the parts of a group sum to its amount; part <= weight where amount <= the sum of weights; a row
    of weight 0 gets 0. Cost: linear in rows, at most 50 short passes over a group.
    """
    for group in range(amount.size):
        spread(amount[group], weight, row_offset[group], row_offset[group + 1], part, remainder)
