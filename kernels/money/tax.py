"""Tax: what a net amount carries of every tax of its place, rounded as the country says.

    exclusive    tax = net * rate                          customer pays net and the taxes
    inclusive    tax = net * rate / (1 + all rates)        customer pays net
    rounded      once a line and tax, or once an order and tax on the sum of the lines that have it, then spread over
                 them by largest remainder
    an exact half goes up, or to the even one; DOWN cuts everything off, UP gives one more for it; of a tax that the
    price contains the part without it is what half up speaks of, so the tax goes down

Almost every place has one tax a class, rounded half up a line: ``plain_rate`` says so and nothing else is looked at.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.layout import INT64
from kernels.money.prorate import SPREAD_MAX, share, spread

Array = npt.NDArray[Any]

WHOLE = 100_000_000  # 100 %: a rate of 14.975 % is 14,975,000
NOT_PLAIN = -1  # plain_rate of what needs more than one look
HALF_UP, HALF_EVEN, DOWN, UP = range(4)
SHIPPING = -1  # line of the tax on the fee


@inlined_rule
def plain_tax(net: int, rate: int, inclusive: int) -> tuple[int, int]:
    """The only tax on a net amount, half up, and what the customer pays with it."""
    if inclusive:
        quotient, rest = share(net, INT64(WHOLE), WHOLE + rate)
        if rest >= WHOLE + rate - rest:
            quotient += 1
        return net - quotient, net
    quotient, rest = share(net, rate, INT64(WHOLE))
    if rest >= WHOLE - rest:
        quotient += 1
    return quotient, net + quotient


@rule
def rounded_tax(net: int, rate: int, base: int, rounding: int) -> int:
    """net * rate / base; ``base`` above WHOLE where the net amount contains the tax."""
    quotient, rest = share(net, rate, base)
    if rounding == UP:
        return int(quotient + (rest > 0))
    if rounding == DOWN or rest < base - rest:
        return int(quotient)
    if rest == base - rest:
        if rounding == HALF_EVEN:
            return int(quotient + (quotient & 1))
        return int(quotient if base > WHOLE else quotient + 1)
    return int(quotient + 1)


@rule
def is_open(entry: int, at_ms: int, taxes: Any) -> bool:
    return bool(taxes.from_ms[entry] <= at_ms < taxes.until_ms[entry])


@rule
def list_taxes(line: int, net: int, area: int, column: int, at_ms: int, end: int, taxes: Any, parts: Any) -> int:
    """Append a row for every tax of an area and class that is open on a net amount, its amount still to come; returns
    the new end."""
    if net <= 0:
        return end
    base, cell = INT64(WHOLE), area * taxes.plain_rate.shape[1] + column
    if taxes.inclusive[area, column]:
        for entry in range(taxes.offset[cell], taxes.offset[cell + 1]):
            if is_open(entry, at_ms, taxes):
                base += taxes.rate[taxes.tax[entry]]
    for entry in range(taxes.offset[cell], taxes.offset[cell + 1]):
        if is_open(entry, at_ms, taxes):
            parts.line[end], parts.tax[end], parts.amount[end] = line, taxes.tax[entry], -1
            parts.net[end], parts.base[end] = net, base
            end += 1
    return end


@rule
def gather_alike(row: int, last: int, parts: Any, weight: Array) -> tuple[int, int]:
    """Net amounts of the rows from ``row`` on that have its tax and no amount yet: how many, and their sum."""
    count, total = 0, INT64(0)
    for other in range(row, last):
        alike = parts.tax[other] == parts.tax[row] and parts.base[other] == parts.base[row]
        if alike and parts.amount[other] < 0 and parts.net[other] <= SPREAD_MAX - total:
            weight[count] = parts.net[other]
            parts.amount[other] = -2 - count
            total += parts.net[other]
            count += 1
    return count, total


@rule
def round_once(
    first: int, last: int, rounding: int, taxes: Any, parts: Any, weight: Array, part: Array, remainder: Array
) -> None:
    """The amounts of an order's rows, rounded once a tax."""
    for row in range(first, last):
        if parts.amount[row] >= 0:
            continue
        count, total = gather_alike(row, last, parts, weight)
        amount = rounded_tax(total, taxes.rate[parts.tax[row]], parts.base[row], rounding)
        spread(amount, weight, 0, count, part, remainder)
        for other in range(row, last):
            if parts.amount[other] <= -2:
                parts.amount[other] = part[-2 - parts.amount[other]]


@rule
def round_parts(
    first: int, last: int, area: int, taxes: Any, parts: Any, weight: Array, part: Array, remainder: Array
) -> None:
    """The amounts of an order's rows, rounded as its area says."""
    rounding = INT64(taxes.rounding[area])
    if taxes.once[area]:
        round_once(first, last, rounding, taxes, parts, weight, part, remainder)
        return
    for row in range(first, last):
        rate = taxes.rate[parts.tax[row]]
        parts.amount[row] = rounded_tax(parts.net[row], rate, parts.base[row], rounding)
