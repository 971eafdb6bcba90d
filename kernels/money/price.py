"""Price: what every line and every order costs the customer after promotions and with tax.

    gross    = qty * unit price;  remaining = gross
    per promotion granted, in precedence order:
        weight    = what it looks at of every matching line (kinds below)
        amount    = what it gives on their sum; spread over the weights by largest remainder
        remaining = remaining - part
    net      = remaining;  discount = gross - net
    tax      = kernels/money/tax.py;  total = net + exclusive tax
    order    : total = sum of line totals + shipping;  shipping = fee - waived + its exclusive tax

    kind         weight                                  amount
    PERCENT      remaining                               sum * value bp
    FIXED        remaining                               value, at most the sum
    FIXED_PRICE  remaining above value * qty             the sum
    BUY_X_GET_Y  remaining of the cheapest units         sum * value bp
    FREE_SHIPPING waives what is left of the fee

Every promotion rounds once (half up), so that parts always sum to what was given.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I16, IN_I32, IN_I64, IN_U8_2D, OUT_I64, VOID, inlined_rule, kernel, rule
from kernels.layout import INT64
from kernels.money.prorate import spread, units_part
from kernels.money.tax import SHIPPING, WHOLE, list_taxes, plain_tax, round_parts
from kernels.money.tax_layout import TAX_PARTS, TAX_RATES
from kernels.money.weigh import VALUE_MAX, order_value

Array = npt.NDArray[Any]

# The numbers of PromotionKind.
PERCENT, FIXED, FIXED_PRICE, FREE_SHIPPING, BUY_X_GET_Y = range(5)

WHOLE_BP = 10_000


@inlined_rule
def _set_gross(
    first: int, last: int, sku: Array, qty: Array, unit_price_minor: Array, line_taken: Array, line_gross: Array,
    line_total: Array,
) -> tuple[bool, int]:  # fmt: skip
    """Set the lines' gross amounts and what remains of them; returns whether the order has a value, else all are 0, and
    what was taken off."""
    priced, taken = order_value(first, last, sku, qty, unit_price_minor) >= 0, 0
    for line in range(first, last):
        line_gross[line] = qty[line] * unit_price_minor[line] if priced else 0
        line_total[line] = line_gross[line]
        if line_taken.size > 0 and priced:
            line_total[line] -= line_taken[line]
            taken += line_taken[line]
    return priced, taken


@inlined_rule
def _tax_lines(
    area: int, first: int, last: int, sku: Array, tax_class: Array, taxes: Any,
    line_gross: Array, line_discount: Array, line_tax: Array, line_total: Array,
) -> tuple[int, int]:  # fmt: skip
    """Turn what remains of each line into discount, tax and total; returns the sums of total and tax.

    A sum of -1 where a tax is not plain: then discounts are set and nothing else counts.
    """
    total, taxed, plain = 0, 0, True
    for line in range(first, last):
        net = line_total[line]
        line_discount[line] = line_gross[line] - net
        line_tax[line] = 0
        if net > 0:
            column = tax_class[sku[line]]
            rate = taxes.plain_rate[area, column]
            plain = plain and rate >= 0
            line_tax[line], line_total[line] = plain_tax(net, INT64(max(rate, 0)), taxes.inclusive[area, column])
        total += line_total[line]
        taxed += line_tax[line]
    return total if plain else -1, taxed


@rule
def _tax_parts(
    area: int, at_ms: int, first: int, last: int, shipping_class: int, fee: int, end: int, sku: Array, tax_class: Array,
    taxes: Any, parts: Any, line_gross: Array, line_discount: Array, line_tax: Array, line_total: Array, weight: Array,
    part: Array, remainder: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """Taxes of an order of which some are not plain, a row of ``parts`` each, from ``end`` on.

    Returns the new end, the tax on the fee, and what the customer pays for shipping.
    """
    begin = end
    for line in range(first, last):
        if line_gross[line] > 0:
            net = line_gross[line] - line_discount[line]
            end = list_taxes(line - first, net, area, tax_class[sku[line]], at_ms, end, taxes, parts)
    if fee > 0 and shipping_class >= 0:
        end = list_taxes(SHIPPING, fee, area, shipping_class, at_ms, end, taxes, parts)
    round_parts(begin, end, area, taxes, parts, weight, part, remainder)
    for line in range(first, last):
        line_tax[line], line_total[line] = 0, line_gross[line] - line_discount[line]
    fee_tax = INT64(0)
    for row in range(begin, end):
        amount, added = parts.amount[row], parts.amount[row] if parts.base[row] == WHOLE else 0
        if parts.line[row] == SHIPPING:
            fee_tax += amount
            fee += added
        else:
            line_tax[first + parts.line[row]] += amount
            line_total[first + parts.line[row]] += added
    return end, fee_tax, fee


@rule
def divide_rounded(numerator: int, denominator: int) -> int:
    """Nearest whole number, halves away from zero; the denominator is positive."""
    magnitude = abs(numerator)
    quotient, rest = magnitude // denominator, magnitude % denominator
    if rest >= denominator - rest:
        quotient += 1
    return quotient if numerator >= 0 else -quotient


@inlined_rule
def _weigh_lines(
    promotion: int,
    first: int,
    last: int,
    sku: Array,
    qty: Array,
    unit_price_minor: Array,
    kind: Array,
    value: Array,
    buy_qty: Array,
    get_qty: Array,
    sku_set: Array,
    remaining: Array,
    weight: Array,
) -> None:
    """Set each line's weight: the part of its remaining amount that the promotion looks at, 0 where none."""
    for line in range(first, last):
        weight[line - first] = remaining[line] if sku_set[promotion, sku[line]] else 0
    if kind[promotion] == FIXED_PRICE:
        for line in range(first, last):
            kept = min(value[promotion], unit_price_minor[line]) * qty[line]
            weight[line - first] = max(weight[line - first] - kept, 0)
    elif kind[promotion] == BUY_X_GET_Y:
        for line in range(first, last):
            weight[line - first] = qty[line] if sku_set[promotion, sku[line]] else 0
        _keep_cheapest_units(
            buy_qty[promotion], get_qty[promotion], first, last, qty, unit_price_minor, remaining, weight
        )


@rule
def _keep_cheapest_units(
    buy_qty: int,
    get_qty: int,
    first: int,
    last: int,
    qty: Array,
    unit_price_minor: Array,
    remaining: Array,
    weight: Array,
) -> None:
    """Turn ``weight`` from matching units into what remains of those that are given.

    Of every buy_qty + get_qty matching units of the order, get_qty are given: the ones of the lowest unit price,
    the earlier line first where prices are equal. Of one line the units that carry least of its remaining amount.
    """
    units = 0
    for line in range(first, last):
        units += weight[line - first]
    left = units // (buy_qty + get_qty) * get_qty
    bar = _price_bar(left, first, last, unit_price_minor, weight)
    at_bar = left
    for line in range(first, last):
        if unit_price_minor[line] < bar:
            at_bar -= weight[line - first]
    for line in range(first, last):
        taken = weight[line - first]
        if unit_price_minor[line] > bar:
            taken = 0
        elif unit_price_minor[line] == bar:
            taken = min(taken, at_bar)
            at_bar -= taken
        weight[line - first] = units_part(remaining[line], qty[line], qty[line] - taken, taken) if taken > 0 else 0


@rule
def _price_bar(left: int, first: int, last: int, unit_price_minor: Array, weight: Array) -> int:
    """The lowest unit price at or below which at least ``left`` matching units lie; -1 where none is wanted.

    Halving the range of prices needs no sorting and no memory: at most 50 short passes.
    """
    if left == 0:
        return -1
    low, high = VALUE_MAX, 0
    for line in range(first, last):
        if weight[line - first] > 0:
            low, high = min(low, unit_price_minor[line]), max(high, unit_price_minor[line])
    while low < high:
        middle = (low + high) // 2
        units = 0
        for line in range(first, last):
            if unit_price_minor[line] <= middle:
                units += weight[line - first]
        if units >= left:
            high = middle
        else:
            low = middle + 1
    return low


@inlined_rule
def _take_off(
    kind: int, value: int, first: int, last: int, remaining: Array, weight: Array, part: Array, remainder: Array
) -> int:
    """Take the promotion's amount off the remaining amounts, in proportion to the weights; returns the amount."""
    lines = last - first
    base = 0
    for row in range(lines):
        base += weight[row]
    if kind == FIXED:
        amount = min(value, base)
    elif kind == FIXED_PRICE:
        amount = base
    else:
        amount = divide_rounded(base * value, WHOLE_BP)
    if amount == 0:
        return 0  # as of most of many promotions, where earlier ones left nothing
    spread(amount, weight, 0, lines, part, remainder)
    for row in range(lines):
        remaining[first + row] -= part[row]
    return amount


@kernel(
    VOID,
    IN_I64, IN_I32, IN_I32, IN_I64, IN_I64, IN_I32, IN_I64, IN_I32, IN_I16,
    IN_I32, IN_I64, IN_I32, IN_I32, IN_U8_2D,
    IN_I32, TAX_RATES, I64, IN_I64,
    OUT_I64, OUT_I64, OUT_I64, OUT_I64, OUT_I64,
    OUT_I64, OUT_I64, OUT_I64, OUT_I64, TAX_PARTS, OUT_I64,
    OUT_I64, OUT_I64, OUT_I64,
)  # fmt: skip
def price(
    line_offset: Array, sku: Array, qty: Array, unit_price_minor: Array,
    line_taken: Array, tax_area: Array, fee_minor: Array, granted_offset: Array, granted: Array,
    kind: Array, value: Array, buy_qty: Array, get_qty: Array, sku_set: Array,
    tax_class: Array, taxes: Any, shipping_class: int, placed_at_ms: Array,
    line_gross: Array, line_discount: Array, line_tax: Array, line_total: Array, promotion_part: Array,
    order_total: Array, order_discount: Array, order_tax: Array, order_shipping: Array, parts: Any, parts_end: Array,
    weight: Array, part: Array, remainder: Array,
) -> None:  # fmt: skip
    """Price every order; one that has no value (``weigh``) was refused and gets 0 everywhere.

    line_offset      (n+1)  i64  first line of each order                                          IN
    sku              (m)    i32  row of the SKU table, -1 = unknown                                IN
    qty              (m)    i32  units, not negative; 0 = merged into another line                 IN
    unit_price_minor (m)    i64  of one unit, negative = none                                      IN
    line_taken       (m)    i64  discount that is taken as declared, to the line's gross; or (0)   IN
    tax_area         (n)    i32  tax area                                                          IN
    fee_minor        (n)    i64  shipping fee before promotions, negative = none, to VALUE_MAX     IN
    granted_offset   (n+1)  i32  first granted promotion of each order                             IN
    granted          (g)    i16  promotion numbers in precedence order                             IN
    kind             (P)    i32  PromotionKind                                                     IN
    value            (P)    i64  basis points up to WHOLE_BP, or minor units                       IN
    buy_qty, get_qty (P)    i32  of BUY_X_GET_Y, together at least 1                               IN
    sku_set          (P, S) u8   1 = the line matches                                              IN
    tax_class        (S)    i32  tax class                                                         IN
    taxes            TAX_RATES   all rates of a cell together are at most WHOLE
    shipping_class          i64  tax class of the fee, -1 = untaxed
    placed_at_ms     (n)    i64  when rates are looked up that are not always open                 IN
    line_gross, line_discount, line_tax, line_total        (m) i64                                 OUT
    promotion_part   (g)    i64  what each granted promotion gave, a waived fee included           OUT
    order_total, order_discount, order_tax, order_shipping (n) i64                                 OUT
    parts            TAX_PARTS   room for all taxes of all lines and fees; rows of plain orders: none
    parts_end        (n)    i64  rows of parts up to and with this order                           OUT
    weight, part, remainder (lines of the longest order + 1)   i64  scratch

    Afterwards, and no amount is negative:
        order_total    = sum of line_total + order_shipping
                       = sum of line_gross - order_discount + fee + exclusive tax
        order_discount = sum of line_discount + waived fee = sum of line_taken + sum of promotion_part
        order_tax      = sum of line_tax + tax in order_shipping
    Cost: linear in lines * (1 + promotions granted).
    """
    end = INT64(0)
    for order in range(line_offset.size - 1):
        first, last = line_offset[order], line_offset[order + 1]
        priced, given = _set_gross(first, last, sku, qty, unit_price_minor, line_taken, line_gross, line_total)
        fee = max(fee_minor[order], 0) if priced else 0
        for place in range(granted_offset[order], granted_offset[order + 1]):
            promotion = granted[place]
            promotion_part[place] = 0
            if not priced:
                continue
            if kind[promotion] == FREE_SHIPPING:
                promotion_part[place], fee = fee, 0
            else:
                _weigh_lines(
                    promotion, first, last, sku, qty, unit_price_minor, kind, value, buy_qty, get_qty, sku_set,
                    line_total, weight,
                )  # fmt: skip
                promotion_part[place] = _take_off(
                    kind[promotion], value[promotion], first, last, line_total, weight, part, remainder
                )
            given += promotion_part[place]
        area = tax_area[order]
        total, taxed = _tax_lines(
            area, first, last, sku, tax_class, taxes, line_gross, line_discount, line_tax, line_total
        )
        fee_rate = taxes.plain_rate[area, shipping_class] if fee > 0 and shipping_class >= 0 else 0
        if total < 0 or fee_rate < 0:
            end, fee_tax, fee = _tax_parts(
                INT64(area), placed_at_ms[order], first, last, shipping_class, fee, end, sku, tax_class, taxes, parts,
                line_gross, line_discount, line_tax, line_total, weight, part, remainder,
            )  # fmt: skip
            total, taxed = 0, fee_tax
            for line in range(first, last):
                total += line_total[line]
                taxed += line_tax[line]
        elif fee_rate > 0:
            fee_tax, fee = plain_tax(fee, INT64(fee_rate), taxes.inclusive[area, shipping_class])
            taxed += fee_tax
        parts_end[order] = end
        order_total[order] = total + fee
        order_discount[order] = given
        order_tax[order] = taxed
        order_shipping[order] = fee
