"""Serve: units that became free, to the claims that wait for them.

    walk the queue of a SKU, from the first to be served:
        a claim gets as much as its nodes have beyond their safety stock, a bundle as many whole bundles
        nodes: one that has all of it, lowest number first; else in the order of their numbers
    whole orders first: an order is served only if all its waiting lines can be served wholly; all of them are, those
           first that name a node

A node may serve a claim by the masks of an allocation (channel, zone with a lane, goods, active), if it has a band for
the service and the weight of a unit, if it sends parcels at all, if the claim is not barred from it, and if its line
names this node or none. Its days and numbers of parcels are not looked at.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, OUT_I32, OUT_I64, VOID, inlined_rule, kernel, rule
from kernels.cells.find import block_of, cell_in, cell_of
from kernels.claim.bars import is_barred
from kernels.claim.take import take_units
from kernels.claim.wait import claim_of, entry_of, leave
from kernels.layout import INT64, IO_DEMAND, IO_GRANTS, IO_QUEUE, TABLES, UNITS, WAITING_ROWS
from kernels.plan.bound import named_word
from kernels.plan.candidates import want

Array = npt.NDArray[Any]

POSITION, ROWS, ROOM = range(3)  # of progress


@inlined_rule
def channel_row(claim: Any, channel_nodes: Array) -> int:
    return int(claim.channel_index) if claim.channel_index >= 0 else channel_nodes.shape[0] - 1


@rule
def mark_open(sku: int, tables: Any, units: Any, open_nodes: Array) -> bool:
    """Node words of the nodes that have units of a SKU to give; whether there is any."""
    found = INT64(0)
    goods_class = tables.skus[sku].goods_class
    for word in range(open_nodes.shape[0]):
        bits = INT64(0)
        block = block_of(sku, INT64(word), units.shelves, units.blocks)
        usable = tables.active_nodes[0, word] & tables.goods_nodes[goods_class, word] & block.stocked
        bit = INT64(0)
        while usable >> bit:
            node = word * 32 + bit
            if usable >> bit & 1 and units.available[cell_in(block, bit)] > tables.nodes[node].safety_units:
                bits |= 1 << bit
            bit += 1
        open_nodes[word] = bits
        found |= bits
    return bool(found != 0)


@inlined_rule
def may_reach(claim: Any, tables: Any, open_nodes: Array) -> bool:
    """Whether any open node may ship to the claim's order."""
    found = INT64(0)
    channel = channel_row(claim, tables.channel_nodes)
    for word in range(open_nodes.shape[0]):
        its = tables.ship_nodes[claim.zone, word] & named_word(INT64(claim.node), INT64(word))
        found |= tables.channel_nodes[channel, word] & its & open_nodes[word]
    return bool(found != 0)


@rule
def has_band(node: int, weight_g: int, claim: Any, tables: Any) -> bool:
    """Whether anything carries a unit of this weight from the node by the service asked for."""
    if tables.terms[0].rates_loaded == 0:
        return True
    lane = tables.lanes[node, claim.zone]
    for row in range(lane.first, lane.last):
        band = tables.bands[row]
        if band.max_g >= weight_g and (claim.service < 0 or band.service == claim.service):
            return True
    return False


@rule
def to_give(sku: int, node: int, claim: Any, tables: Any, units: Any) -> int:
    """Units of a SKU that a node may give to a claim."""
    has = units.available[cell_of(sku, node, units.shelves, units.blocks)] - tables.nodes[node].safety_units
    if has <= 0 or tables.nodes[node].capacity == 0:
        return 0
    word, bit = node >> 5, node & 31
    masks = tables.active_nodes[0, word] & tables.goods_nodes[tables.skus[sku].goods_class, word]
    masks &= tables.channel_nodes[channel_row(claim, tables.channel_nodes), word] & tables.ship_nodes[claim.zone, word]
    if masks >> bit & 1 == 0 or not has_band(node, tables.skus[sku].weight_g, claim, tables):
        return 0
    return int(has)


@rule
def may_have(sku: int, node: int, slot: int, whole: int, tables: Any, units: Any, waiting: Any) -> int:
    """The same, 0 where the claim is barred from the node, or bound to another; with ``whole`` where any claim of its
    order is barred, whatever it is bound to."""
    claim = waiting.claims[slot]
    if whole == 0 and claim.node >= 0 and claim.node != node:
        return 0
    has = to_give(sku, node, claim, tables, units)
    if has == 0 or is_barred(claim, sku, node, waiting.barred):
        return 0
    other = INT64(waiting.by_order[entry_of(claim.order, waiting.by_order)].count) if whole else INT64(-1)
    while other >= 0:
        if is_barred(waiting.claims[other], sku, node, waiting.barred):
            return 0
        other = INT64(waiting.claims[other].sibling)
    return int(has)


@rule
def within_reach(sku: int, limit: int, slot: int, whole: int, tables: Any, units: Any, waiting: Any) -> int:
    """Units of a SKU that all nodes together may give to a claim, at most ``limit``."""
    found = INT64(0)
    for node in range(tables.nodes.shape[0]):
        found += may_have(sku, node, slot, whole, tables, units, waiting)
        if found >= limit:
            return int(limit)
    return int(found)


@inlined_rule
def emit(sku: int, node: int, qty: int, claim: Any, units: Any, end: int, out: Array) -> int:
    """Move units to the order that waited for them and write the row."""
    row = out[end]
    row.order, row.line, row.sku, row.node, row.qty, row.line_qty = claim.order, claim.line, sku, node, qty, 0
    take_units(row, units.allocated, units)
    return end + 1


@rule
def give_units(sku: int, qty: int, slot: int, tables: Any, units: Any, waiting: Any, end: int, out: Array) -> int:
    """Give units of a SKU that are within reach; returns the end of the rows."""
    claim, no = waiting.claims[slot], INT64(0)
    for node in range(tables.nodes.shape[0]):
        if may_have(sku, node, slot, no, tables, units, waiting) >= qty:
            return emit(sku, node, qty, claim, units, end, out)
    left = qty
    for node in range(tables.nodes.shape[0]):
        got = min(left, may_have(sku, node, slot, no, tables, units, waiting))
        if got > 0:
            end = emit(sku, node, got, claim, units, end, out)
            left -= got
    return end


@rule
def serve_claim(slot: int, tables: Any, units: Any, waiting: Any, end: int, out: Array) -> int:
    """Give a claim what it can have, and let it leave when it has everything; returns the end of the rows."""
    claim = waiting.claims[slot]
    entry = tables.skus[claim.sku]
    qty, first, no = INT64(claim.qty), end, INT64(0)
    if entry.first == entry.last:
        qty = within_reach(INT64(claim.sku), qty, slot, no, tables, units, waiting)
    for part in range(entry.first, entry.last):
        component = tables.components[part]
        each = INT64(component.qty)
        qty = min(qty, within_reach(INT64(component.sku), qty * each, slot, no, tables, units, waiting) // each)
    if qty == 0:
        return end
    if entry.first == entry.last:
        end = give_units(INT64(claim.sku), qty, slot, tables, units, waiting, end, out)
    for part in range(entry.first, entry.last):
        component = tables.components[part]
        end = give_units(INT64(component.sku), qty * component.qty, slot, tables, units, waiting, end, out)
    out[first].line_qty = qty
    claim.qty -= qty
    if claim.qty == 0:
        leave(slot, waiting)
    return end


@rule
def order_needs(first: int, tables: Any, waiting: Any, slots: Array, siblings: Array, demands: Array) -> int:
    """Units per SKU and node that all claims of an order from slot ``first`` on wait for; returns how many."""
    count, slot = INT64(0), first
    while slot >= 0:
        claim = waiting.claims[slot]
        entry, node, qty = tables.skus[claim.sku], INT64(claim.node), INT64(claim.qty)
        if entry.first == entry.last:
            count = want(INT64(claim.sku), node, qty, count, tables.skus, slots, siblings, demands)
        for part in range(entry.first, entry.last):
            component = tables.components[part]
            count = want(INT64(component.sku), node, qty * component.qty, count, tables.skus, slots, siblings, demands)
        slot = INT64(claim.sibling)
    return int(count)


@rule
def order_fits(
    slot: int, tables: Any, units: Any, waiting: Any, slots: Array, siblings: Array, demands: Array
) -> bool:  # fmt: skip
    """Whether all that a claim's order waits for can be had: what is bound from its node, all of a SKU from all."""
    claim, whole = waiting.claims[slot], INT64(1)
    first = waiting.by_order[entry_of(claim.order, waiting.by_order)].count
    count = order_needs(first, tables, waiting, slots, siblings, demands)
    for index in range(count):
        demand = demands[index]
        sku, node = INT64(demand.sku), INT64(demand.node)
        if node >= 0:
            if may_have(sku, node, slot, whole, tables, units, waiting) < demand.need:
                return False
            continue
        need, at = INT64(0), INT64(slots[sku])
        while at >= 0:
            need += demands[at].need
            at = INT64(siblings[at])
        if within_reach(sku, need, slot, whole, tables, units, waiting) < need:
            return False
    return True


@rule
def rows_at_most(slot: int, whole: int, tables: Any, waiting: Any) -> int:
    """Rows that serving a claim, or its whole order, can make."""
    parts = INT64(0)
    if whole:
        slot = waiting.by_order[entry_of(waiting.claims[slot].order, waiting.by_order)].count
    while slot >= 0:
        entry = tables.skus[waiting.claims[slot].sku]
        parts += max(INT64(1), entry.last - entry.first)
        slot = INT64(waiting.claims[slot].sibling) if whole else INT64(-1)
    return int(parts * tables.nodes.shape[0])


@rule
def serve_order(order: int, tables: Any, units: Any, waiting: Any, end: int, out: Array) -> int:
    """Give an order everything it waits for, first to claims that are bound to a node; returns the end of the rows."""
    for bound in range(1, -1, -1):
        entry = waiting.by_order[entry_of(order, waiting.by_order)]
        slot = INT64(entry.count) if entry.key != 0 else INT64(-1)
        while slot >= 0:
            following = INT64(waiting.claims[slot].sibling)
            if (waiting.claims[slot].node >= 0) == (bound == 1):
                end = serve_claim(slot, tables, units, waiting, end, out)
            slot = following
    return end


@kernel(
    VOID, I64, I64, IO_QUEUE, TABLES, UNITS, WAITING_ROWS, OUT_I32, OUT_I32, IO_DEMAND, OUT_I64, OUT_I64, IO_GRANTS
)  # fmt: skip
def serve(
    whole: int, sku: int, queue: Array, tables: Any, units: Any, waiting: Any, slots: Array, siblings: Array,
    demands: Array, open_nodes: Array, progress: Array, out: Array,
) -> None:  # fmt: skip
    """Serve the queue of a SKU from where ``progress`` stands until no node has units left, or no row has room.

    whole       1 = only orders that can have all they wait for
    queue       (k) QUEUED   claims that wait for the SKU, or for a bundle with it; some may have left since  IN
    tables      TableRows    the newest                                                                       IN
    units       Units        waiting  WaitingRows                                                             INOUT
    slots       (S) i32      siblings (.) i32, demands (.) DEMAND  what an order needs; open_nodes (W) i64    scratch
    progress    (3) i64  place in the queue; rows of out; rows that the next claim needs, 0 = it has ended    INOUT
    out         (.) GRANT_OUT  rows by claim, the first of each with its line_qty                             OUT

    Afterwards no node has less than its safety stock by this. Cost: k claims + what is served x nodes.
    """
    progress[ROOM] = 0
    is_open = mark_open(sku, tables, units, open_nodes)
    while is_open and progress[POSITION] < queue.shape[0]:
        slot, end = INT64(queue[progress[POSITION]].slot), progress[ROWS]
        claim = waiting.claims[slot]
        if claim.arrival == queue[progress[POSITION]].arrival and may_reach(claim, tables, open_nodes):
            needed = rows_at_most(slot, whole, tables, waiting)
            if end + needed > out.shape[0]:
                progress[ROOM] = needed
                return
            if whole == 0:
                progress[ROWS] = serve_claim(slot, tables, units, waiting, end, out)
            elif order_fits(slot, tables, units, waiting, slots, siblings, demands):
                progress[ROWS] = serve_order(claim.order, tables, units, waiting, end, out)
            if progress[ROWS] > end:
                is_open = mark_open(sku, tables, units, open_nodes)
        progress[POSITION] += 1


@kernel(I64, IO_GRANTS, UNITS, WAITING_ROWS)
def serve_again(grants: Array, units: Any, waiting: Any) -> int:
    """Give again what a record of the log gave; returns the rows of lines that do not wait for so much.

    grants  (m) GRANT_OUT                                                                                     IN
    units   Units        waiting  WaitingRows                                                                 INOUT

    Cost: m steps.
    """
    faults = 0
    for row in range(grants.shape[0]):
        grant = grants[row]
        take_units(grant, units.allocated, units)
        if grant.line_qty == 0:
            continue
        slot = claim_of(grant.order, INT64(grant.line), waiting)
        if slot < 0 or waiting.claims[slot].qty < grant.line_qty:
            faults += 1
            continue
        waiting.claims[slot].qty -= grant.line_qty
        if waiting.claims[slot].qty == 0:
            leave(slot, waiting)
    return faults
