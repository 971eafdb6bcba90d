"""Promote: which promotions an order is a candidate for, in precedence order.

    candidate = open at the time, channel, place and currency of the order
                and (no coupon needed, or its coupon given)
                and its matching lines reach the least subtotal and the least quantity

The order's own conditions come first, so that one that no promotion is open to never looks at a line. What only
the ledger knows (limits, first orders, what may be combined) is decided by ``grant``.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I16, IN_I32, IN_I64, IN_U8_2D, OUT_I16, OUT_I32, inlined_rule, kernel
from kernels.money.price import BUY_X_GET_Y
from kernels.money.weigh import NO_VALUE, order_value

Array = npt.NDArray[Any]

_END = 1 << 15  # above every promotion number


@inlined_rule
def _is_open_to(
    order: int, promotion: int, channel_index: Array, area: Array, currency: Array, placed_at_ms: Array,
    starts_ms: Array, ends_ms: Array, promotion_currency: Array, channel_set: Array, area_set: Array,
) -> bool:  # fmt: skip
    """Whether the order's own conditions are met: time, channel, place and currency."""
    return bool(
        starts_ms[promotion] <= placed_at_ms[order] < ends_ms[promotion]
        and channel_set[promotion, channel_index[order]]
        and area_set[promotion, area[order]]
        and (promotion_currency[promotion] < 0 or promotion_currency[promotion] == currency[order])
    )


@inlined_rule
def _lines_reach(
    promotion: int, first: int, last: int, sku: Array, qty: Array, unit_price_minor: Array,
    kind: Array, buy_qty: Array, get_qty: Array, min_subtotal_minor: Array, min_qty: Array, sku_set: Array,
) -> bool:  # fmt: skip
    """Whether the matching lines together hold enough units and are worth enough."""
    least = max(min_qty[promotion], 1)
    if kind[promotion] == BUY_X_GET_Y:
        least = max(least, buy_qty[promotion] + get_qty[promotion])
    units, subtotal = 0, 0
    for line in range(first, last):
        if sku_set[promotion, sku[line]]:
            units += qty[line]
            subtotal += qty[line] * unit_price_minor[line]
            if units >= least and subtotal >= min_subtotal_minor[promotion]:
                return True
    return False


@kernel(
    I64,
    IN_I64, IN_I32, IN_I32, IN_I64,
    IN_I16, IN_I32, IN_I16, IN_I64, IN_I32, IN_I16,
    IN_I16, IN_I64, IN_I64, IN_I16, IN_I32, IN_I32, IN_I32, IN_I64, IN_I64, IN_U8_2D, IN_U8_2D, IN_U8_2D,
    OUT_I32, OUT_I16,
)  # fmt: skip
def promote(
    line_offset: Array, sku: Array, qty: Array, unit_price_minor: Array,
    channel_index: Array, area: Array, currency: Array, placed_at_ms: Array, coupon_offset: Array, coupon: Array,
    automatic: Array, starts_ms: Array, ends_ms: Array, promotion_currency: Array,
    kind: Array, buy_qty: Array, get_qty: Array, min_subtotal_minor: Array, min_qty: Array,
    sku_set: Array, channel_set: Array, area_set: Array,
    candidate_offset: Array, candidate: Array,
) -> int:  # fmt: skip
    """List every order's candidates; returns how many there are in all.

    line_offset        (n+1)   i64  first line of each order                                       IN
    sku                (m)     i32  row of the SKU table, -1 = unknown                             IN
    qty                (m)     i32  units, not negative                                            IN
    unit_price_minor   (m)     i64  of one unit, negative = none                                   IN
    channel_index      (n)     i16  column of channel_set                                          IN
    area               (n)     i32  column of area_set                                             IN
    currency           (n)     i16                                                                 IN
    placed_at_ms       (n)     i64                                                                 IN
    coupon_offset      (n+1)   i32  first coupon of each order                                     IN
    coupon             (c)     i16  promotion numbers, ascending in an order; negative = unknown   IN
    automatic          (a)     i16  promotions that need no coupon, ascending                      IN
    starts_ms          (P)     i64  inclusive                                                      IN
    ends_ms            (P)     i64  exclusive                                                      IN
    promotion_currency (P)     i16  -1 = any                                                       IN
    kind               (P)     i32  PromotionKind                                                  IN
    buy_qty, get_qty   (P)     i32  of BUY_X_GET_Y                                                 IN
    min_subtotal_minor (P)     i64  over matching lines                                            IN
    min_qty            (P)     i64  over matching lines                                            IN
    sku_set            (P, S)  u8   1 = the line matches                                           IN
    channel_set        (P, H)  u8                                                                  IN
    area_set           (P, R)  u8                                                                  IN
    candidate_offset   (n+1)   i32  first candidate of each order                                  OUT
    candidate          (>= n * a + c) i16  ascending, without repetition, in an order              OUT

    An order that has no value (``weigh``) was refused and has no candidates. Cost: a few steps an automatic
    promotion and a coupon; lines only for those open to the order whose minimum its value reaches, and only until the
    matching ones do.
    """
    count = 0
    candidate_offset[0] = 0
    for order in range(line_offset.size - 1):
        first, last = line_offset[order], line_offset[order + 1]
        next_automatic, next_coupon = 0, coupon_offset[order]
        looked, value = False, 0
        while True:
            promotion = _END
            if next_automatic < automatic.size:
                promotion = min(promotion, automatic[next_automatic])
            if next_coupon < coupon_offset[order + 1]:
                promotion = min(promotion, coupon[next_coupon])
            if promotion == _END:
                break
            if next_automatic < automatic.size and automatic[next_automatic] == promotion:
                next_automatic += 1
            while next_coupon < coupon_offset[order + 1] and coupon[next_coupon] == promotion:
                next_coupon += 1
            if promotion < 0 or not _is_open_to(
                order, promotion, channel_index, area, currency, placed_at_ms, starts_ms, ends_ms, promotion_currency,
                channel_set, area_set,
            ):  # fmt: skip
                continue
            if not looked:
                looked, value = True, order_value(first, last, sku, qty, unit_price_minor)
            if value == NO_VALUE:
                break
            if value < min_subtotal_minor[promotion]:
                continue  # no part of the lines is worth more than all of them
            if _lines_reach(
                promotion, first, last, sku, qty, unit_price_minor, kind, buy_qty, get_qty, min_subtotal_minor,
                min_qty, sku_set,
            ):  # fmt: skip
                candidate[count] = promotion
                count += 1
        candidate_offset[order + 1] = count
    return count
