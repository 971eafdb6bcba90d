"""Validate orders: which reasons speak against each, and the price that counts on every line.

    order reasons = OR of its field rules and of its line rules
    line price    = the channel's where given, else the catalogue's

Rules read compiled tables only; what needs text (countries, postcodes, coupons) comes in as flags.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels._jit import (
    I64,
    IN_I16,
    IN_I32,
    IN_I64,
    IN_I64_2D,
    IN_U8,
    IN_U16,
    IN_U32,
    OUT_I32,
    OUT_I64,
    OUT_U64,
    U64,
    VOID,
    kernel,
    rule,
)
from kernels.admit.dated import DATED, price_at
from kernels.reasons import (
    COUNTRY_UNKNOWN,
    COUPON_UNKNOWN,
    CURRENCY_UNKNOWN,
    FIELD_MISSING,
    LINE_DUPLICATE,
    LINES_LIMIT,
    ORDER_VALUE_LIMIT,
    PAYMENT_OPEN,
    PAYMENT_REFUNDED,
    PAYMENT_STATUS,
    PAYMENT_UNKNOWN,
    PLACED_AT_RANGE,
    POSTCODE_FORMAT,
    PRICE_MISMATCH,
    PRICE_MISSING,
    PRICE_RANGE,
    QTY_RANGE,
    REGION_UNKNOWN,
    SERVICE_UNKNOWN,
    SKU_INACTIVE,
    SKU_UNKNOWN,
)

# Rows of the `limits` argument.
LINES_MAX, QTY_MAX, UNIT_PRICE_MAX, ORDER_VALUE_MAX, PLACED_AT_MAX_MS, PRICE_TOLERANCE_BP, LINES_MODE = range(7)
KEEP, MERGE, REFUSE = 0, 1, 2  # limits[LINES_MODE]

# Bits of the `flags` argument.
(
    FLAG_COUNTRY_UNKNOWN,
    FLAG_POSTCODE_BAD,
    FLAG_COUPON_UNKNOWN,
    FLAG_SERVICE_UNKNOWN,
    FLAG_PAYMENT_FAILED,
    FLAG_REGION_UNKNOWN,
    FLAG_PAYMENT_UNKNOWN,
    FLAG_PAYMENT_OPEN,
    FLAG_PAYMENT_REFUNDED,
) = range(9)
_FLAG_REASONS = np.array(  # by bit
    [
        COUNTRY_UNKNOWN,
        POSTCODE_FORMAT,
        COUPON_UNKNOWN,
        SERVICE_UNKNOWN,
        PAYMENT_STATUS,
        REGION_UNKNOWN,
        PAYMENT_UNKNOWN,
        PAYMENT_OPEN,
        PAYMENT_REFUNDED,
    ],
    np.uint64,
)


@rule
def _bit(number: Any) -> Any:
    return U64(1) << U64(number)


@rule
def _order_rules(flags: Any, missing: Any, currency: Any, placed_at_ms: Any, lines: Any, limits: Any) -> Any:
    """Reasons of the order's own fields."""
    found = U64(0)
    if missing != 0:
        found |= _bit(FIELD_MISSING)
    if flags != 0:  # as of few orders
        for flag in range(_FLAG_REASONS.size):
            if flags >> flag & 1:
                found |= _bit(_FLAG_REASONS[flag])
    if currency < 0:
        found |= _bit(CURRENCY_UNKNOWN)
    if placed_at_ms > limits[PLACED_AT_MAX_MS]:
        found |= _bit(PLACED_AT_RANGE)
    if lines < 1 or lines > limits[LINES_MAX]:
        found |= _bit(LINES_LIMIT)
    return found


@rule
def _sku_rules(item: Any, currency: Any, placed_at_ms: Any, sku_active: Any, price_minor: Any, dated: Any) -> Any:
    """Reasons of a line's SKU, and its catalogue price, -1 none."""
    if item < 0:
        return _bit(SKU_UNKNOWN), I64(-1)
    found = U64(0) if sku_active[item] else _bit(SKU_INACTIVE)
    if currency < 0:
        return found, I64(-1)
    listed = price_minor[item, currency]
    if dated.offset.size > 0:
        listed = price_at(item, currency, placed_at_ms, listed, dated)
    return found, listed


@rule
def _price_rules(given: Any, listed: Any, limits: Any) -> Any:
    """Reasons of a line's price; ``given`` and ``listed`` are -1 where there is none."""
    if given < -1 or given > limits[UNIT_PRICE_MAX]:
        return _bit(PRICE_RANGE)
    if given < 0:
        return U64(0) if listed >= 0 else _bit(PRICE_MISSING)
    if listed >= 0 and abs(given - listed) * 10_000 > listed * limits[PRICE_TOLERANCE_BP]:
        return _bit(PRICE_MISMATCH)
    return U64(0)


@rule
def _counting_price(given: Any, listed: Any, limits: Any) -> Any:
    """The price that counts: the channel's where it gave a possible one, else the catalogue's; -1 = none."""
    if given > limits[UNIT_PRICE_MAX]:
        return I64(-1)
    return given if given >= 0 else listed


@kernel(
    VOID,
    IN_I64,
    IN_I32,
    IN_I32,
    IN_I64,
    IN_I64,
    IN_I16,
    IN_I64,
    IN_U16,
    IN_U32,
    IN_U8,
    IN_I64_2D,
    DATED,
    IN_I64,
    I64,
    OUT_I64,
    OUT_I64,
    OUT_U64,
    OUT_I32,
    OUT_I32,
    OUT_I64,
    OUT_I64,
)
def validate(
    line_offset: Any,
    sku: Any,
    kind: Any,
    qty: Any,
    unit_price_minor: Any,
    currency: Any,
    placed_at_ms: Any,
    flags: Any,
    missing: Any,
    sku_active: Any,
    price_minor: Any,
    dated: Any,
    limits: Any,
    stamp_base: Any,
    seen_stamp: Any,
    seen_line: Any,
    reasons: Any,
    reason_line: Any,
    qty_out: Any,
    price_out: Any,
    list_price_out: Any,
) -> None:
    """Set every order's reasons and every line's quantity and price that count.

    line_offset (n+1) i64 first line of each order IN
    sku (m) i32 SKU number, -1 unknown IN
    kind (m) i32 equal numbers < S' on lines of one kind, which may be merged: the SKU where no line names a node IN
    qty (m) i64 units as sent IN
    unit_price_minor (m) i64 as sent, -1 not given IN
    currency (n) i16 currency number, -1 unknown IN
    placed_at_ms (n) i64 IN
    flags (n) u16 FLAG_* bits found by text look-ups IN
    missing (n) u32 required fields that are absent IN
    sku_active (S) u8 IN
    price_minor (S, C) i64 catalogue price, -1 none IN
    dated DATED prices that begin or end, before the one that always counts IN
    limits (7) i64 see LINES_MAX.. IN
    stamp_base scalar: a number no earlier call with this scratch has reached; orders use stamp_base + row IN
    seen_stamp, seen_line (S') i64 scratch: last order that named the kind, and on which line INOUT
    reasons (n) u64, reason_line (n) i32 line (0-based within the order) of the first line reason, -1 none OUT
    qty_out (m) i32 units that count: 0 on a line merged into an earlier one and on a line out of range OUT
    price_out, list_price_out (m) i64 price that counts, catalogue price; -1 none OUT

    Invariant: an order without reasons has qty_out >= 1 on every unmerged line, price_out >= 0 on every line,
    and sum(qty_out x price_out) <= ORDER_VALUE_MAX. Cost: one pass over lines.
    """
    for order in range(line_offset.shape[0] - 1):
        first = line_offset[order]
        last = line_offset[order + 1]
        found = _order_rules(flags[order], missing[order], currency[order], placed_at_ms[order], last - first, limits)
        first_bad = -1
        value = I64(0)
        for line in range(first, last):
            units = qty[line]
            item = sku[line]
            wrong, listed = _sku_rules(item, currency[order], placed_at_ms[order], sku_active, price_minor, dated)
            if units < 1 or units > limits[QTY_MAX]:
                wrong |= _bit(QTY_RANGE)
                units = I64(0)
            wrong |= _price_rules(unit_price_minor[line], listed, limits)
            price = _counting_price(unit_price_minor[line], listed, limits)
            value = min(value + units * max(price, 0), limits[ORDER_VALUE_MAX] + 1)
            if item >= 0:
                its = kind[line]
                if seen_stamp[its] != stamp_base + order or limits[LINES_MODE] == KEEP:
                    seen_stamp[its] = stamp_base + order
                    seen_line[its] = line
                elif limits[LINES_MODE] == REFUSE:
                    wrong |= _bit(LINE_DUPLICATE)
                elif price_out[seen_line[its]] == price and qty_out[seen_line[its]] + units <= limits[QTY_MAX]:
                    qty_out[seen_line[its]] += units
                    units = I64(0)
            qty_out[line] = units
            price_out[line] = price
            list_price_out[line] = listed
            if wrong != 0 and first_bad < 0:
                first_bad = line - first
            found |= wrong
        if value > limits[ORDER_VALUE_MAX]:
            found |= _bit(ORDER_VALUE_LIMIT)
        reasons[order] = found
        reason_line[order] = first_bad
