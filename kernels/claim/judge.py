"""Judge: what an order looks like beside those that came before it, and what is remembered of it.

    risk = the shard's points + points_value    when value > value_factor x the channel's usual value
                              + points_velocity when the customer sent velocity_orders_max orders or more lately
    hold   at hold_at, or when the same basket came within its window; reject at reject_at

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
RECENT_BITS = 16  # a customer's orders lately: generation, orders in the one before, orders in it, in one number
RECENT_MAX = (1 << RECENT_BITS) - 1
GENERATION_SHIFT = 2 * RECENT_BITS


@inlined_rule
def recent_orders(entry: Any, placed_at_ms: int, window: Any) -> int:
    """Orders of the customer within the window, not counting this one."""
    if entry.key == 0:
        return 0
    behind = window.generation - (entry.value >> GENERATION_SHIFT)
    now = entry.value & RECENT_MAX
    before = entry.value >> RECENT_BITS & RECENT_MAX
    left_ms = window.window_ms - min(max(placed_at_ms - window.started_ms, 0), window.window_ms)
    if behind == 0:
        return int(now + before * left_ms // window.window_ms)
    return int(now * left_ms // window.window_ms) if behind == 1 else 0


@inlined_rule
def count_recent(entry: Any, generation: int) -> None:
    """Count one more order in the customer's current generation."""
    behind = generation - (entry.value >> GENERATION_SHIFT)
    now = entry.value & RECENT_MAX
    before = entry.value >> RECENT_BITS & RECENT_MAX
    if behind == 0:
        now = min(now + 1, RECENT_MAX)
    else:
        before = now if behind == 1 else 0
        now = 1
    entry.value = generation << GENERATION_SHIFT | before << RECENT_BITS | now


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
        count = recent_orders(entry, claim.placed_at_ms, windows[VELOCITY])
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
def rotate_windows(placed_at_ms: int, windows: Array) -> None:
    for index in range(2):
        if windows[index].window_ms > 0:
            rotate(placed_at_ms, windows[index])


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
            count_recent(entry, windows[VELOCITY].generation)
    if windows[BASKET].window_ms > 0 and claim.basket != 0:
        remember_basket(claim.basket, claim.placed_at_ms, reference, windows[BASKET], counted.baskets)
    remember_channel(claim, value_orders_min, counted.counts[0], counted.channels)
