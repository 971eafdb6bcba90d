"""Rows of the ledger's tables, state and scratch, as structured types.

One array of rows instead of many columns keeps what is read together in one cache line, and keeps the
argument lists of the rules short: a rule that is not inlined pays for every array it is handed.

Node sets are bit words: node ``n`` is bit ``n & 31`` of word ``n >> 5``. Keys are 64-bit hashes, seen as int64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels._jit import (
    I64,
    IN_I16,
    IN_I32,
    IN_I64,
    IN_I64_2D,
    IN_U8,
    OUT_I16,
    OUT_I32,
    OUT_I64,
    OUT_I64_2D,
    OUT_U8,
    group,
    records,
)

Array = npt.NDArray[Any]

INT64: Any = I64  # INT64(0) has the type of a variable; a bare literal would have a rule compiled once more for it

NODES_EXACT = 64  # candidate nodes an exact plan may choose from
SKUS_EXACT = 8  # distinct SKUs of an order that is planned exactly
PARCELS_MAX = 8  # parcels of one order, at most
SETS_MAX = 50_000  # node sets the split search compares before the best one so far stands
CAPACITY_DAYS = 512  # ship days whose parcels are counted at a time, by day modulo this
ROLLS_MAX = 5  # open days a node may be postponed because it is full
PACKS_MAX = 64  # different weights of units that are packed at a time
PIECES_MAX = 1_000_000  # parcels that a node sends of one order, at most
PIECES_COST_MAX = 1 << 58  # what they cost together, at most
NO_PLAN = 1 << 62  # cost of what cannot be shipped; more than any plan costs
NO_DAY = 1 << 40  # later than any day

PLAN_CHEAPEST, PLAN_FEWEST, PLAN_FASTEST = 0, 1, 2
SHORT_PARTIAL, SHORT_BACKORDER, SHORT_REJECT = 0, 1, 2


def _row(**fields: type) -> np.dtype[np.void]:
    return np.dtype(list(fields.items()), align=True)


_I = np.int64
_H = np.int32

# --- reference tables of one version -----------------------------------------------------------
SKU = _row(weight_g=_I, goods_class=_I, first=_I, last=_I)  # components[first:last]; empty = not a bundle
COMPONENT = _row(sku=_H, qty=_H)
NODE = _row(handling_minor=_I, safety_units=_I, capacity=_I, cutoff_min=_I)
LANE = _row(first=_H, last=_H, lowest_minor=_I)  # bands[first:last] and their lowest price; empty = no rate
BAND = _row(min_g=_I, max_g=_I, price_minor=_I, per_kg_minor=_I, days=_I, service=_I)
# Of the day day0 + column: the next open day; minutes of local time; open days until its end, within the calendar; and,
# of its column, the day that is open day number ``column`` from 0, -1 where there are no more.
CALENDAR_DAY = _row(open_day=_H, utc_offset_min=_H, opened=_H, numbered_day=_H)
TERMS = _row(
    rates_loaded=_I, default_days=_I, day0=_I,
    gaps=_I,  # 1 = between the bands of some lane and service are weights that none of them takes
    plan=_I, short_stock=_I, parcels_max=_I, split_penalty_minor=_I, late_penalty_minor=_I,
    velocity_orders_max=_I, value_factor=_I, value_orders_min=_I,
    points_value=_I, points_velocity=_I, hold_at=_I, reject_at=_I,
)  # fmt: skip

# --- the ledger's state ------------------------------------------------------------------------
# Cells are kept where there ever were units. A SKU's shelf is its blocks, by rising word; a block is a word of nodes:
# those that have a cell, and one after the other from ``first`` on their cells. Block 0, of word -1, and cell 0 stand
# for "none". Most SKUs have one block: it lies in the shelf itself; more than one are blocks[first : first + blocks].
BLOCK = _row(first=_H, present=np.uint32, stocked=np.uint32, word=np.int16, room=np.int16)  # stocked: available > 0
SHELF = np.dtype([("only", BLOCK), ("first", _H), ("blocks", np.int16), ("room", np.int16)], align=True)
CELLS_USED = _row(blocks=_I, cells=_I, present=_I)  # of the room there is; and the cells that there are
CELL_SHOWN = _row(available=_I, held=_I, allocated=_I)  # what readers are shown of a cell
NODE_DAY = _row(day=_H, parcels=_H)
# Every hash table has entries of one form; key 0 = free, or a tag of a generation that has passed:
#     customers     key customer,  tag 0,                  count orders,        value orders lately, see judge.py
#     coupon uses   key customer,  tag promotion code,     count orders
#     channels      key channel,   tag 0,                  count orders,        value 64 x the usual order value
#     movements     key id (low),  tag id (high),                               value fingerprint, 0 not known
#     baskets       key basket,    tag generation,         count placed_at_ms,  value reference of the order
#     waiting       key order + 1, tag 0,                  count first claim,   value last claim of the order
ENTRY = _row(key=_I, tag=_I, count=_I, value=_I)
WINDOW = _row(window_ms=_I, generation=_I, started_ms=_I, entries=_I, entries_max=_I)  # window_ms 0 = switched off
COUNTS = _row(customers=_I, coupon_uses=_I, channels=_I, movements=_I)
# A line that waits for units; -1 = no other one. Claims of a SKU are linked in the order they came, so are an order's.
WAITING = _row(
    order=_I, placed_at_ms=_I, accepted_ms=_I,
    arrival=_I,  # claims that came before this one; -1 = a free place
    sku=_H, line=_H, qty=_H, priority=_H, zone=_H, before=_H, after=_H, sibling=_H,
    barred=_H,  # the first of its BARRED rows
    channel_index=np.int16, service=np.int16,  # channel_index -1 = a channel that the tables of its time did not name
    node=np.int16,  # that alone it may be served from, -1 any
)  # fmt: skip
WAITING_SKU = _row(newest=_H, claims=_H)  # the claim that came last, and how many wait
# A node that a claim is given nothing from, linked by claim: ``sku`` -1 = it refused the line, whatever it consists of;
# else the units of this SKU were not found there.
BARRED = _row(node=_H, sku=_H, after=_H)
WAITING_COUNTS = _row(
    places=_I, claims=_I, free=_I, arrivals=_I, orders=_I, lines_max=_I, barred_places=_I, barred_free=_I
)
# A claim as it stands in the order of being served, with what this order goes by.
QUEUED = _row(arrival=_I, placed_at_ms=_I, accepted_ms=_I, order=_I, slot=_H, priority=_H)

# --- what an order asks for --------------------------------------------------------------------
CLAIM = _row(
    customer=_I, basket=_I, channel_key=_I, placed_at_ms=_I, known_ms=_I, promise_by_ms=_I, value_minor=_I,
    channel_index=_I, zone=_I, service=_I, admission=_I, risk=_I,
    line_first=_I, line_last=_I, promotion_first=_I, promotion_last=_I,
)  # fmt: skip

# --- scratch of one order ----------------------------------------------------------------------
# One cache line. How many blocks of its shelf were looked at; of the one at the word of ``open_nodes`` that word, or -1
# where it has none there, its first cell, and, where there are gaps between them, its nodes with cells. Of a demand
# that is bound to a node ``cell`` is the units there that were set aside for it, see kernels/plan/bound.py.
DEMAND = _row(
    need=_I, taken=_I, left=_I, weight_g=_I, sku=_H, parcel=_H, open_nodes=np.uint32, goods_class=np.int16,
    looked_at=np.int16, word=np.int16,
    node=np.int16,  # that alone it may come from, -1 any
    cell=_H, gaps=np.uint32,
    load=_H,  # units that are packed, see kernels/plan/pieces.py; -1 too many
)  # fmt: skip
FIRST_DAY = _row(known_min=_I, day=_I)  # of a node: ship day of an order known since this minute
CANDIDATE = np.dtype(
    [
        ("node", _I),
        ("ship_day", _I),
        ("floor_minor", _I),  # no parcel of this order can cost less from here
        ("whole", _I),  # bit d: has all units of demand d
        ("band_first", _I),
        ("band_last", _I),
        ("picked", _I),
        ("atp", _I, (SKUS_EXACT,)),  # capped at the need
    ],
    align=True,
)
LOAD = _row(units=_I, weight_g=_I)  # of a node: what it could give of what is left
# What a node sends of one order, in one piece but for heavy orders; band and days of the first, and of the latest.
PARCEL = _row(candidate=_I, node=_I, band=_I, ship_day=_I, promise_day=_I, cost_minor=_I, pieces=_I)
STATE = _row(cost=_I, day=_I, nodes=_I, sets=_I)  # of parcels so far: candidates and demand sets, a byte each
# Weights that are to be packed, heaviest first, and units of each.
_PACKED: list[tuple[Any, ...]] = [("packed", _I), ("pack_g", _I, (PACKS_MAX,)), ("pack_units", _I, (PACKS_MAX,))]
PACK = np.dtype(_PACKED, align=True)
PLAN = np.dtype(
    [
        ("demands", _I),
        ("candidates", _I),
        ("parcels", _I),
        ("reached", _I),  # parcels the greedy plan filled, whether or not the policy takes them
        ("unshippable", _I),  # a node with stock has no band for this service, or for a parcel's weight
        ("full", _I),  # a node with stock was left out because its days are full
        ("service", _I),
        ("promise_by_day", _I),
        ("day_cap", _I),  # no parcel may arrive later than this
        ("cost_minor", _I),
        ("day", _I),
        ("nodes", _I),
        ("sets", _I),
        ("runner_up_minor", _I),
        ("visited", _I),
        ("touched", _I),
        ("lightest_g", _I),  # of the units asked for
        ("subset_weight_g", _I, (1 << SKUS_EXACT,)),
        ("subset_cost", _I, (1 << SKUS_EXACT,)),
        ("subset_day", _I, (1 << SKUS_EXACT,)),
        ("order", _I, (NODES_EXACT,)),
        ("chosen", _I, (PARCELS_MAX + 1,)),
        ("spent", _I, (PARCELS_MAX + 1,)),
        ("residual", _I, (PARCELS_MAX + 1, SKUS_EXACT)),
        ("most", _I, (NODES_EXACT + 1, SKUS_EXACT)),  # largest atp of the candidates from here on, in order
        ("pieces", _I),  # of what was packed last: parcels, their cost, latest day, the band of the first
        ("pieces_minor", _I),
        ("pieces_late_minor", _I),  # of their cost the late penalty
        ("pieces_day", _I),
        ("pieces_band", _I),
        *_PACKED,
    ],
    align=True,
)
STATES = (PARCELS_MAX + 1) * (1 << SKUS_EXACT) * 2

# --- results of a batch ------------------------------------------------------------------------
PARCEL_OUT = _row(node=np.int16, band=_H, ship_day=_H, promise_day=_H, cost_minor=_I, pieces=_H)
ALLOCATION_OUT = _row(sku=_H, node=np.int16, qty=_H)
GRANT_OUT = _row(order=_I, line=_H, sku=_H, qty=_H, line_qty=_H, node=np.int16)  # a row of GRANTS, order with its shard
ORDER_OUT = _row(
    status=np.int8, risk=_H, promise_day=_H, reasons=_I, cost_minor=_I, runner_up_minor=_I, twin=_I,
    granted=_H, parcels=_H,  # promotions and parcels of all orders up to and with this one
)  # fmt: skip

IN_SKUS, IN_COMPONENTS, IN_NODES = (records(t, readonly=True) for t in (SKU, COMPONENT, NODE))
IN_LANES, IN_CALENDAR = records(LANE, 2, readonly=True), records(CALENDAR_DAY, 2, readonly=True)
IN_CLAIMS = records(CLAIM, readonly=True)
IN_BANDS, IN_TERMS = records(BAND, readonly=True), records(TERMS, readonly=True)
IO_CAPACITY = records(NODE_DAY, 2)
IO_ENTRIES, IO_GENERATIONS = records(ENTRY), records(ENTRY, 2)
IO_WINDOWS, IO_COUNTS = records(WINDOW), records(COUNTS)
IO_FIRST_DAYS = records(FIRST_DAY)
IO_DEMAND, IO_CANDIDATES, IO_PARCELS, IO_STATES, IO_PLAN = (
    records(t) for t in (DEMAND, CANDIDATE, PARCEL, STATE, PLAN)
)
OUT_ORDERS, OUT_PARCELS, OUT_ALLOCATIONS = (records(t) for t in (ORDER_OUT, PARCEL_OUT, ALLOCATION_OUT))
IO_QUEUE, IO_GRANTS = records(QUEUED), records(GRANT_OUT)


# --- arguments that belong together ----------------------------------------------------------------
# A kernel takes groups of arrays by name. Whether an array is read-only is part of a group's type: tables and what was
# asked are, everything else is not.
class Asked(NamedTuple):
    """What n orders with m lines and q candidate promotions ask for."""

    claims: Array  # (n) CLAIM  lines and promotions by first and last
    line_sku: Array  # (m) i32  -1 = none
    line_qty: Array  # (m) i32  units, 0 = merged into another line
    line_node: Array  # (m) i16  node that alone it may come from, -1 any; (0) where no line of the batch names one
    promotions: Array  # (q) i16  candidates by precedence


class TableRows(NamedTuple):
    """One version of the reference tables, and the policy."""

    terms: Array  # (1) TERMS  policy and scalars of the tables
    skus: Array  # (S) SKU
    components: Array  # (c) COMPONENT
    nodes: Array  # (N) NODE
    lanes: Array  # (N, Z) LANE
    bands: Array  # (B) BAND
    calendar: Array  # (N, D) CALENDAR_DAY
    channel_nodes: Array  # (H+1, W) i64  node words: ships for the channel
    serve_nodes: Array  # (Z, W) i64  may ship to the zone
    ship_nodes: Array  # (Z, W) i64  may, and has a lane
    active_nodes: Array  # (1, W) i64
    goods_nodes: Array  # (G, W) i64  takes such goods


class PromotionRows(NamedTuple):
    """Promotions of one version; limits of -1 are none."""

    code: Array  # (P) i64  hash of the code
    limit: Array  # (P) i64
    per_customer: Array  # (P) i64
    stackable: Array  # (P) u8
    first_order: Array  # (P) u8
    needs_coupon: Array  # (P) u8


class Units(NamedTuple):
    """Units of every cell, and where a SKU's cells lie. An array for each account: a plan reads what is available of a
    SKU at all nodes, and eight of them are one cache line."""

    shelves: Array  # (>= S) SHELF
    blocks: Array  # (.) BLOCK
    available: Array  # (.) i64, as all that follow
    held: Array
    allocated: Array
    shipped: Array
    received: Array


class Shown(NamedTuple):
    """Units of every cell as readers see them."""

    shelves: Array  # (>= S) SHELF
    blocks: Array  # (.) BLOCK
    cells: Array  # (.) CELL_SHOWN


class Counted(NamedTuple):
    """Everything countable but units."""

    counts: Array  # (1) COUNTS  entries in the tables below
    customers: Array  # (.) ENTRY
    coupon_uses: Array  # (.) ENTRY
    channels: Array  # (.) ENTRY
    windows: Array  # (2) WINDOW  of velocity and of baskets
    basket_slots: Array  # (.) i64  kernels/claim/recent.py
    baskets: Array  # (2, .) ENTRY
    capacity: Array  # (>= N, CAPACITY_DAYS) NODE_DAY  parcels counted
    uses: Array  # (P) i64  orders given the promotion so far


class WaitingRows(NamedTuple):
    """Who waits for units."""

    claims: Array  # (.) WAITING
    skus: Array  # (>= S) WAITING_SKU
    by_order: Array  # (.) ENTRY
    barred: Array  # (.) BARRED
    counts: Array  # (1) WAITING_COUNTS  places used, claims, first free place, arrivals, orders, most lines of an order


class Scratch(NamedTuple):
    """Holds nothing between two orders; k = most demands of an order."""

    slots: Array  # (S) i32  the newest demand of a SKU,
    siblings: Array  # (k) i32  and from each to the one of its SKU before it, -1 none
    demands: Array  # (k) DEMAND
    first_days: Array  # (N) FIRST_DAY  known_min -1
    candidates: Array  # (N) CANDIDATE
    states: Array  # (STATES) STATE
    open_nodes: Array  # (W) i64  node words: candidates that are not picked
    loads: Array  # (N) LOAD
    parcels: Array  # (PARCELS_MAX) PARCEL
    take: Array  # (PARCELS_MAX, k) i64
    plans: Array  # (1) PLAN
    customer_uses: Array  # (most candidates of an order) i64
    mask: Array  # (most candidates of an order) u8


class Answers(NamedTuple):
    """What n orders with m lines are given."""

    orders: Array  # (n) ORDER_OUT
    granted: Array  # (>= q) i16
    parcels: Array  # (>= n x parcels_max) PARCEL_OUT
    backordered: Array  # (m) i32  units of the line that wait; 0 for rejected orders
    line_end: Array  # (m) i32  rows of allocations up to and with this line
    allocations: Array  # (.) ALLOCATION_OUT  room for a row for each component of each line and parcel


ASKED = group(Asked, IN_CLAIMS, IN_I32, IN_I32, IN_I16, IN_I16)
TABLES = group(
    TableRows, IN_TERMS, IN_SKUS, IN_COMPONENTS, IN_NODES, IN_LANES, IN_BANDS, IN_CALENDAR, IN_I64_2D, IN_I64_2D,
    IN_I64_2D, IN_I64_2D, IN_I64_2D,
)  # fmt: skip
PROMOTIONS = group(PromotionRows, IN_I64, IN_I64, IN_I64, IN_U8, IN_U8, IN_U8)
IO_SHELVES, IO_BLOCKS, IO_CELLS_USED = records(SHELF), records(BLOCK), records(CELLS_USED)
IN_SHELVES, IN_BLOCKS = records(SHELF, readonly=True), records(BLOCK, readonly=True)
IO_CELLS_SHOWN, IN_CELLS_SHOWN = records(CELL_SHOWN), records(CELL_SHOWN, readonly=True)
UNITS = group(Units, IO_SHELVES, IO_BLOCKS, OUT_I64, OUT_I64, OUT_I64, OUT_I64, OUT_I64)
SHOWN = group(Shown, IN_SHELVES, IN_BLOCKS, IN_CELLS_SHOWN)
COUNTED = group(
    Counted, IO_COUNTS, IO_ENTRIES, IO_ENTRIES, IO_ENTRIES, IO_WINDOWS, OUT_I64, IO_GENERATIONS, IO_CAPACITY, OUT_I64,
)  # fmt: skip
IO_WAITING = records(WAITING)
WAITING_ROWS = group(
    WaitingRows, IO_WAITING, records(WAITING_SKU), IO_ENTRIES, records(BARRED), records(WAITING_COUNTS)
)
SCRATCH = group(
    Scratch, OUT_I32, OUT_I32, IO_DEMAND, IO_FIRST_DAYS, IO_CANDIDATES, IO_STATES, OUT_I64, records(LOAD), IO_PARCELS,
    OUT_I64_2D, IO_PLAN, OUT_I64, OUT_U8,
)  # fmt: skip
ANSWERS = group(Answers, OUT_ORDERS, OUT_I16, OUT_PARCELS, OUT_I32, OUT_I32, OUT_ALLOCATIONS)
