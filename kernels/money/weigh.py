"""Weigh: an order's weight and its value at the prices that count.

    weight   = sum of qty * weight of one unit, at most WEIGHT_MAX_G
    subtotal = sum of qty * unit price; NO_VALUE where the order cannot be priced

An order that was refused may hold anything: unknown SKUs, prices out of range. The value rules below are the one
place that says which orders can be priced; ``promote`` and ``price`` ask them, so that no sum leaves int64.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import IN_I32, IN_I64, OUT_I64, VOID, inlined_rule, kernel

Array = npt.NDArray[Any]

WEIGHT_MAX_G = 1 << 40  # a million tonnes; keeps kilograms * price per kilogram inside int64
UNIT_WEIGHT_MAX_G = 1 << 31  # times an int32 quantity it stays inside int64
VALUE_MAX = (2**63 - 1) // 10_000  # of an order: a rate in basis points of it stays inside int64
NO_VALUE = -1


@inlined_rule
def order_value(first: int, last: int, sku: Array, qty: Array, unit_price_minor: Array) -> int:
    """Sum of the lines, or NO_VALUE where a line has no value or the sum is above VALUE_MAX."""
    subtotal = 0
    for line in range(first, last):
        value = line_value(sku[line], qty[line], unit_price_minor[line])
        if value < 0 or subtotal > VALUE_MAX - value:
            return NO_VALUE
        subtotal += value
    return subtotal


@inlined_rule
def line_value(sku: int, qty: int, unit_price_minor: int) -> int:
    """qty * unit price, or NO_VALUE where the SKU is unknown, the price is none or the product above VALUE_MAX."""
    if sku < 0 or unit_price_minor < 0:
        return NO_VALUE
    if unit_price_minor >> 31 and qty > 0 and unit_price_minor > VALUE_MAX // qty:
        return NO_VALUE
    value = qty * unit_price_minor
    return value if value <= VALUE_MAX else NO_VALUE


@kernel(VOID, IN_I64, IN_I32, IN_I32, IN_I64, IN_I64, OUT_I64, OUT_I64)
def weigh(
    line_offset: Array,
    sku: Array,
    qty: Array,
    unit_price_minor: Array,
    unit_weight_g: Array,
    weight_g: Array,
    subtotal_minor: Array,
) -> None:
    """Sum every order's lines.

    line_offset      (n+1) i64  first line of each order                                          IN
    sku              (m)   i32  row of the SKU table, -1 = unknown, weighs nothing                IN
    qty              (m)   i32  units, not negative; 0 = merged into another line                 IN
    unit_price_minor (m)   i64  of one unit, negative = none                                      IN
    unit_weight_g    (S)   i64  of one unit, not negative                                         IN
    weight_g         (n)   i64  of the order, 0 to WEIGHT_MAX_G                                   OUT
    subtotal_minor   (n)   i64  sum of the lines before promotions, 0 to VALUE_MAX, or NO_VALUE  OUT

    Cost: one step a line.
    """
    for order in range(line_offset.size - 1):
        first, last = line_offset[order], line_offset[order + 1]
        weight = 0
        for line in range(first, last):
            if sku[line] >= 0:
                weight += min(unit_weight_g[sku[line]], UNIT_WEIGHT_MAX_G) * qty[line]
                weight = min(weight, WEIGHT_MAX_G)
        weight_g[order] = weight
        subtotal_minor[order] = order_value(first, last, sku, qty, unit_price_minor)
