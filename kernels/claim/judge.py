"""Judge: what an order looks like beside those that came before it, and what is remembered of it.

    risk = the shard's points + points_value    when value > value_factor x the channel's usual value
                              + points_velocity when the customer sent velocity_orders_max orders or more lately
    hold   at hold_at, or when the same basket came within its window; reject at reject_at

Lately is by the time that orders were placed, whatever the order in which they come. Time is cut into stretches as
long as the window; of a customer two of them that follow each other are remembered, those of the order that came last
and of its neighbour:

    orders lately = the more of those in the window before this order and in the window after it,
                    of a stretch that the window has a part of that part of its orders

So a file gives the same flags forwards and backwards. An order more than two windows away from the customer's last one
begins anew, and what was counted there is forgotten: rows of one customer that jump to and fro are counted too low.

A channel's usual value is the mean of its first value_orders_min orders, then moves by 1/64 of the difference with
every order; before that many orders nothing is far above it. Rejected orders are not remembered.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels import reasons
from kernels._jit import inlined_rule
from kernels.claim.windows import find_ever, find_recent, rotate, segments_of
from kernels.layout import INT64

Array = npt.NDArray[Any]

PROCEED, HOLD, REJECT = 0, 1, 2  # admission, and what risk makes of it
VELOCITY, BASKET = 0, 1  # rows of windows
LEVEL_SHIFT = 6  # the usual value is kept times 64
# A customer's orders lately: a stretch of time, orders in the one before it, orders in it, in one number.
RECENT_BITS = 16
RECENT_MAX = (1 << RECENT_BITS) - 1
STRETCH_SHIFT = 2 * RECENT_BITS
STRETCH_MASK = (1 << 32) - 1  # stretches are numbered modulo 2^32
HALF_ROUND = 1 << 31


@inlined_rule
def steps_from(stretch: int, other: int) -> int:
    """How many stretches one lies behind another, the short way round."""
    return int((stretch - other + HALF_ROUND & STRETCH_MASK) - HALF_ROUND)


@inlined_rule
def recent_orders(entry: Any, placed_at_ms: int, window_ms: int) -> int:
    """Orders of the customer within the window before this one, or within the window after it where those are more."""
    if entry.key == 0:
        return 0
    stretch = placed_at_ms // window_ms
    passed_ms = placed_at_ms - stretch * window_ms
    steps = steps_from(stretch, entry.value >> STRETCH_SHIFT)
    now = entry.value & RECENT_MAX
    before = entry.value >> RECENT_BITS & RECENT_MAX
    if steps == 0:
        return int(now + before * (window_ms - passed_ms) // window_ms)
    if steps == 1:
        return int(now * (window_ms - passed_ms) // window_ms)
    if steps == -1:
        return int(before + now * passed_ms // window_ms)
    return int(before * passed_ms // window_ms) if steps == -2 else 0


@inlined_rule
def count_recent(entry: Any, placed_at_ms: int, window_ms: int) -> None:
    """Count one more order of the customer."""
    stretch = placed_at_ms // window_ms
    steps = steps_from(stretch, entry.value >> STRETCH_SHIFT)
    now = entry.value & RECENT_MAX
    before = entry.value >> RECENT_BITS & RECENT_MAX
    if steps == 0:
        now += 1
    elif steps == 1:
        before, now = now, INT64(1)
    elif steps == -1:
        before, stretch = before + 1, stretch + 1
    elif steps == -2:
        before, now, stretch = INT64(1), before, stretch + 1
    else:
        before, now = INT64(0), INT64(1)
    kept = min(before, RECENT_MAX) << RECENT_BITS | min(now, RECENT_MAX)
    entry.value = (stretch & STRETCH_MASK) << STRETCH_SHIFT | kept


@inlined_rule
def same_basket(basket: int, placed_at_ms: int, window: Any, baskets: Array) -> int:
    """Reference of the latest order with this basket within the window, -1 none."""
    for generation in range(window.generation, window.generation - 2, -1):
        entry = baskets[find_recent(basket, generation, segments_of(baskets), baskets), generation & 1]
        if entry.tag == generation and abs(placed_at_ms - entry.count) <= window.window_ms:
            return int(entry.value)
    return -1


@inlined_rule
def far_above_usual(claim: Any, terms: Any, channels: Array) -> bool:
    """Whether the order's value exceeds value_factor times the channel's usual, once that is known."""
    if claim.channel_key == 0 or terms.value_factor == 0:
        return False
    entry = channels[find_ever(claim.channel_key, INT64(0), segments_of(channels), channels)]
    if entry.key == 0 or entry.count < terms.value_orders_min:
        return False
    return bool(claim.value_minor // terms.value_factor > entry.value >> LEVEL_SHIFT)


@inlined_rule
def judge(claim: Any, out: Any, terms: Any, counted: Any) -> int:
    """PROCEED, HOLD or REJECT by risk and windows; fills the order's risk, reasons and twin."""
    verdict = int(claim.admission)
    found = 0
    risk = claim.risk
    customers, windows = counted.customers, counted.windows
    if windows[BASKET].window_ms > 0 and claim.basket != 0:
        out.twin = same_basket(claim.basket, claim.placed_at_ms, windows[BASKET], counted.baskets)
        if out.twin >= 0:
            found |= 1 << reasons.DUPLICATE_BASKET
            verdict = HOLD
    if far_above_usual(claim, terms, counted.channels):
        found |= 1 << reasons.RISK_VALUE
        risk += terms.points_value
    if windows[VELOCITY].window_ms > 0 and claim.customer != 0:
        entry = customers[find_ever(claim.customer, INT64(0), segments_of(customers), customers)]
        count = recent_orders(entry, claim.placed_at_ms, windows[VELOCITY].window_ms)
        if count >= terms.velocity_orders_max:
            found |= 1 << reasons.RISK_VELOCITY
            risk += terms.points_velocity
    if risk >= terms.hold_at or risk >= terms.reject_at:
        found |= 1 << reasons.RISK_SCORE
        verdict = REJECT if risk >= terms.reject_at else HOLD
    out.risk = risk
    out.reasons = found
    return verdict


@inlined_rule
def rotate_baskets(known_ms: int, windows: Array) -> None:
    """By the time that orders come: files hold orders of any time in any order."""
    if windows[BASKET].window_ms > 0:
        rotate(known_ms, windows[BASKET])


@inlined_rule
def remember_basket(basket: int, placed_at_ms: int, reference: int, window: Any, baskets: Array) -> None:
    generation = window.generation
    entry = baskets[find_recent(basket, generation, segments_of(baskets), baskets), generation & 1]
    if entry.tag != generation:
        entry.key, entry.tag = basket, generation
        window.entries += 1
    entry.count, entry.value = placed_at_ms, reference


@inlined_rule
def remember_channel(claim: Any, value_orders_min: int, counts: Any, channels: Array) -> None:
    """Move the channel's usual value: the plain mean of its first orders, then by 1/64 of the difference."""
    if claim.channel_key == 0:
        return
    entry = channels[find_ever(claim.channel_key, INT64(0), segments_of(channels), channels)]
    if entry.key == 0:
        entry.key = claim.channel_key
        counts.channels += 1
    entry.count += 1
    if entry.count <= value_orders_min:
        entry.value += ((claim.value_minor << LEVEL_SHIFT) - entry.value) // entry.count
    else:
        entry.value += claim.value_minor - (entry.value >> LEVEL_SHIFT)


@inlined_rule
def remember(claim: Any, reference: int, value_orders_min: int, counted: Any) -> None:
    """Count an order that goes through: its customer, channel, basket and time."""
    customers, windows = counted.customers, counted.windows
    if claim.customer != 0:
        entry = customers[find_ever(claim.customer, INT64(0), segments_of(customers), customers)]
        if entry.key == 0:
            entry.key = claim.customer
            counted.counts[0].customers += 1
        entry.count += 1
        if windows[VELOCITY].window_ms > 0:
            count_recent(entry, claim.placed_at_ms, windows[VELOCITY].window_ms)
    if windows[BASKET].window_ms > 0 and claim.basket != 0:
        remember_basket(claim.basket, claim.placed_at_ms, reference, windows[BASKET], counted.baskets)
    remember_channel(claim, value_orders_min, counted.counts[0], counted.channels)
