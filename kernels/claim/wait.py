"""Wait: the claims of order lines that found no units, in a pool of places with a list for each SKU and each order.

    join       lines that a decision or an amendment leaves backordered begin to wait
    withdraw   a line gives up waiting for some of its units
    bar        lines that wait are given nothing from some nodes
    fresh      the claims of a SKU that came at an arrival or later
    merge      claims that came since into a queue

    pool    a claim keeps its place until it leaves; free places are chained by ``sibling``
    SKU     newest claim, and from each to the one before and after it, in order of arrival
    order   index by order: first and last claim, and from each to the next one by ``sibling``
    barred  nodes that a claim is given nothing from, see bars.py; freed with it

A claim counts units of its line: of a bundle, whole bundles. What is added to a line that waits joins its claim.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I16, IN_I32, IN_I64, OUT_I32, VOID, inlined_rule, kernel, rule
from kernels.claim.bars import bar_node, free_bars
from kernels.claim.segments import find_ever, home_of, remove_ever, segments_of
from kernels.claim.touch import ROWS_AHEAD
from kernels.layout import ASKED, INT64, IO_QUEUE, IO_WAITING, WAITING_ROWS
from kernels.plan.bound import node_named

Array = npt.NDArray[Any]


@inlined_rule
def entry_of(order: int, index: Array) -> int:
    """Place of an order in the index, or the free place where it would stand."""
    return find_ever(order + 1, INT64(0), segments_of(index), index)


@rule
def claim_of(order: int, line: int, waiting: Any) -> int:
    """Slot of the claim of an order's line, -1 where it does not wait."""
    entry = waiting.by_order[entry_of(order, waiting.by_order)]
    if entry.key == 0:
        return -1
    slot = entry.count
    while slot >= 0 and waiting.claims[slot].line != line:
        slot = INT64(waiting.claims[slot].sibling)
    return int(slot)


@inlined_rule
def take_place(waiting: Any) -> int:
    """A free place of the pool."""
    counts = waiting.counts[0]
    slot: int = counts.free
    if slot >= 0:
        counts.free = INT64(waiting.claims[slot].sibling)
    else:
        slot = counts.places
        counts.places += 1
    counts.claims += 1
    return slot


@inlined_rule
def enlist(slot: int, sku: int, order: int, entry: Any, waiting: Any) -> None:
    """Put a claim at the end of the lists of its SKU and of its order, which has this entry."""
    claim, queue = waiting.claims[slot], waiting.skus[sku]
    claim.before, claim.after, claim.sibling = queue.newest, -1, -1
    if queue.newest >= 0:
        waiting.claims[queue.newest].after = slot
    queue.newest = slot
    queue.claims += 1
    if entry.key == 0:
        entry.key, entry.tag, entry.count = order + 1, 0, slot
        waiting.counts[0].orders += 1
    else:
        waiting.claims[entry.value].sibling = slot
    entry.value = slot


@rule
def leave(slot: int, waiting: Any) -> None:
    """Take a claim out of all lists and free its place."""
    claims, counts = waiting.claims, waiting.counts[0]
    claim = claims[slot]
    queue = waiting.skus[claim.sku]
    if claim.after >= 0:
        claims[claim.after].before = claim.before
    else:
        queue.newest = claim.before
    if claim.before >= 0:
        claims[claim.before].after = claim.after
    queue.claims -= 1
    at = entry_of(claim.order, waiting.by_order)
    entry = waiting.by_order[at]
    if entry.count == slot and entry.value == slot:
        remove_ever(at, waiting.by_order)
        counts.orders -= 1
    elif entry.count == slot:
        entry.count = claim.sibling
    else:
        earlier = entry.count
        while claims[earlier].sibling != slot:
            earlier = INT64(claims[earlier].sibling)
        claims[earlier].sibling = claim.sibling
        if entry.value == slot:
            entry.value = earlier
    free_bars(claim, waiting.barred, counts)
    claim.arrival, claim.qty, claim.sibling = -1, 0, counts.free
    counts.free = slot
    counts.claims -= 1


@inlined_rule
def wait_for(
    order: int, line: int, sku: int, node: int, qty: int, priority: int, channel_index: int, accepted_ms: int,
    wanted: Any, entry: Any, waiting: Any,
) -> None:  # fmt: skip
    """Let a line that does not wait wait for units."""
    counts = waiting.counts[0]
    slot = take_place(waiting)
    claim = waiting.claims[slot]
    claim.order, claim.line, claim.sku, claim.qty = order, line, sku, qty
    claim.placed_at_ms, claim.accepted_ms = wanted.placed_at_ms, accepted_ms
    claim.priority, claim.arrival, claim.barred = priority, counts.arrivals, -1
    claim.zone, claim.service, claim.channel_index = wanted.zone, wanted.service, channel_index
    claim.node = node
    counts.arrivals += 1
    counts.lines_max = max(counts.lines_max, line + 1)
    enlist(slot, INT64(sku), order, entry, waiting)


@inlined_rule
def touch_orders(first: int, reference: int, backordered: Array, claims: Array, index: Array) -> int:
    """Look at the places of the next orders that will wait, so that the waits for memory overlap; see touch.py."""
    seen: int = INT64(0)
    for row in range(first, min(first + ROWS_AHEAD, claims.shape[0])):
        at = claims[row].line_first
        if at < claims[row].line_last and backordered[at] > 0:
            seen ^= index[home_of(reference + row + 1, segments_of(index))].key
    return seen


@kernel(I64, I64, I64, I64, ASKED, IN_I32, IN_I32, IN_I32, WAITING_ROWS)
def join(
    reference: int, other_channel: int, accepted_ms: int, asked: Any, priority: Array, line: Array, backordered: Array,
    waiting: Any,
) -> int:  # fmt: skip
    """Let n orders wait for what their m lines lack; the result only keeps looks ahead from being left out.

    reference            of row 0; row r is order reference + r
    other_channel        the channel_index of channels that the tables do not name
    accepted_ms          when the router accepted them, 0 not known
    asked        Asked                                                                                 IN
    priority     (n) i32                                                                               IN
    line         (m) i32  number of the line in its order; empty = by its place                        IN
    backordered  (m) i32  units                                                                        IN
    waiting      WaitingRows  with room for m more                                                     INOUT

    Cost: m lines + what waits.
    """
    seen: int = INT64(0)
    for row in range(asked.claims.shape[0]):
        if row % ROWS_AHEAD == 0:
            seen ^= touch_orders(row, reference, backordered, asked.claims, waiting.by_order)
        claim, order = asked.claims[row], reference + row
        channel = claim.channel_index if claim.channel_index != other_channel else INT64(-1)
        for at in range(claim.line_first, claim.line_last):
            if backordered[at] == 0:
                continue
            number, known = at - claim.line_first, INT64(-1)
            if line.shape[0] > 0:  # an amendment: the line may wait already
                number = INT64(line[at])
                known = claim_of(order, number, waiting)
            if known >= 0:
                waiting.claims[known].qty += backordered[at]
                continue
            entry = waiting.by_order[entry_of(order, waiting.by_order)]
            wait_for(
                order, number, asked.line_sku[at], INT64(node_named(at, asked.line_node)), backordered[at],
                priority[row], channel, accepted_ms, claim, entry, waiting,
            )  # fmt: skip
    return seen


@kernel(I64, IN_I64, IN_I32, IN_I64, WAITING_ROWS, OUT_I32)
def withdraw(order: Array, line: Array, qty: Array, waiting: Any, rest: Array) -> int:
    """Let m lines give up waiting for units; returns the sum of rest.

    order (m) i64, line (m) i32, qty (m) i64 units of the line                                         IN
    waiting  WaitingRows                                                                               INOUT
    rest     (m) i32  units that the line did not wait for                                             OUT

    Cost: m x lines of the order that wait.
    """
    total = 0
    for row in range(order.shape[0]):
        left = qty[row]
        slot = claim_of(order[row], INT64(line[row]), waiting)
        if slot >= 0:
            units = min(left, INT64(waiting.claims[slot].qty))
            waiting.claims[slot].qty -= units
            left -= units
            if waiting.claims[slot].qty == 0:
                leave(slot, waiting)
        rest[row] = left
        total += left
    return total


@kernel(VOID, I64, IN_I32, IN_I32, IN_I16, WAITING_ROWS)
def bar(order: int, line: Array, sku: Array, node: Array, waiting: Any) -> None:
    """Give lines of an order that wait nothing from some nodes from now on.

    line (k) i32, sku (k) i32 that was not found there, -1 = the node refused the line; node (k) i16   IN
    waiting  WaitingRows  with room for k more barred nodes                                            INOUT

    Cost: k x lines of the order that wait.
    """
    for row in range(line.shape[0]):
        slot = claim_of(order, INT64(line[row]), waiting)
        if slot >= 0:
            bar_node(waiting.claims[slot], INT64(sku[row]), INT64(node[row]), waiting)


@kernel(I64, I64, I64, I64, WAITING_ROWS, IO_QUEUE)
def fresh(sku: int, arrival: int, by_priority: int, waiting: Any, queue: Array) -> int:
    """The claims of a SKU that came at an arrival or later, as they came; returns how many there are.

    by_priority            1 = they are served by it, so it is written down
    queue  (>= claims of the SKU) QUEUED  its last rows are written                                    OUT

    Cost: one step a claim found.
    """
    count = 0
    slot = INT64(waiting.skus[sku].newest)
    while slot >= 0 and waiting.claims[slot].arrival >= arrival:
        claim = waiting.claims[slot]
        count += 1
        row = queue[queue.shape[0] - count]
        row.arrival, row.placed_at_ms, row.slot = claim.arrival, claim.placed_at_ms, slot
        row.accepted_ms, row.order = claim.accepted_ms, claim.order
        row.priority = claim.priority if by_priority else 0
        slot = INT64(claim.before)
    return count


@kernel(VOID, IO_WAITING, WAITING_ROWS)
def enter(kept: Array, waiting: Any) -> None:
    """Let claims wait again, in the order they came.

    kept     (k) WAITING  what they said; how they were linked is of no interest                       IN
    waiting  WaitingRows  with room for k more                                                         INOUT
    """
    for row in range(kept.shape[0]):
        claim = kept[row]
        entry = waiting.by_order[entry_of(claim.order, waiting.by_order)]
        wait_for(
            claim.order, INT64(claim.line), claim.sku, INT64(claim.node), claim.qty, claim.priority,
            INT64(claim.channel_index), claim.accepted_ms, claim, entry, waiting,
        )  # fmt: skip


@inlined_rule
def comes_first(one: Any, other: Any) -> bool:
    """Whether a queued claim is served before another one."""
    if one.priority != other.priority:
        return bool(one.priority > other.priority)
    if one.placed_at_ms != other.placed_at_ms:
        return bool(one.placed_at_ms < other.placed_at_ms)
    if one.accepted_ms != other.accepted_ms:
        return bool(one.accepted_ms < other.accepted_ms)
    if one.order != other.order:
        return bool(one.order < other.order)
    return bool(one.arrival < other.arrival)


@inlined_rule
def copy_queued(old: Any, new: Any) -> None:
    new.arrival, new.placed_at_ms, new.slot, new.priority = old.arrival, old.placed_at_ms, old.slot, old.priority
    new.accepted_ms, new.order = old.accepted_ms, old.order


@kernel(VOID, IO_QUEUE, IO_QUEUE, IO_QUEUE)
def merge(queue: Array, more: Array, merged: Array) -> None:
    """Merge two runs of claims, each in the order of being served.

    queue (n) QUEUED, more (m) QUEUED                                                                  IN
    merged (n + m) QUEUED                                                                              OUT

    Cost: n + m steps.
    """
    at, added = 0, 0
    for place in range(merged.shape[0]):
        if added == more.shape[0] or (at < queue.shape[0] and comes_first(queue[at], more[added])):
            copy_queued(queue[at], merged[place])
            at += 1
        else:
            copy_queued(more[added], merged[place])
            added += 1
