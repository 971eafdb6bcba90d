"""Rows of the books of open orders, as structured types.

    BOOK      one an open order, a cache line: what stands while all its units move together
    POSITION  units of one allotment (line, SKU, node) that lie in one stage
    words     everything else, in runs of int64: ids of events, and what few orders have (EXTRA)

Indices 0 of books, positions and words are never given out, so 0 is "none". While a book's flag TOGETHER is set the
stage bytes of its positions are not kept: the book's own stand for all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from kernels._jit import I64, IN_I64, OUT_I64, group, records

# INT64(0) has the type of a variable; a bare literal would have a rule compiled once more for it.
INT64 = cast("type[int]", I64)


def _row(**fields: Any) -> np.dtype[np.void]:
    pairs = (kind if isinstance(kind, tuple) else (kind, ()) for kind in fields.values())
    return np.dtype([(name, *pair) for name, pair in zip(fields, pairs, strict=True)], align=True)


BOOK = _row(
    payment=np.int64,  # keyed hash of the only payment's id, 0 none known
    customer=np.int64,  # keyed hash, 0 guest
    tracking=np.int64,  # keyed hash of the only shipment's tracking number, 0 none known
    order_sequence=np.uint32,  # place of the order's own record
    newest_sequence=np.uint32,  # place of its newest record
    version=np.uint32,
    first_position=np.uint32,
    first_event=np.uint32,  # run of words: one an event id
    extra=np.uint32,  # run of words, see EXTRA below; 0 while there is nothing in it
    total=np.uint32,  # minor units; TOTAL_IN_EXTRA where it does not fit
    order_row=np.uint16,
    newest_row=np.uint16,
    positions=np.uint16,
    events=np.uint16,
    currency=np.int16,
    state=np.uint8,  # state byte of router/life/states.py
    flags=np.uint8,  # below; the upper four bits are the detail of the stage byte while TOGETHER
)
assert BOOK.itemsize == 64

TOGETHER = 1  # all units lie in one stage
PROMOTED = 2  # promotions were granted: to be given back with the order
BUSY = 4  # the ledger is asked about this order: nothing else may be decided of it
ON_HOLD = 8  # of a name in EXTRA, or for review where there is none
FLAGS = 15
DETAIL_SHIFT = 4
TOTAL_IN_EXTRA = (1 << 32) - 1

POSITION = _row(
    value_minor=np.int64,  # what the units carry of the order's total
    sku=np.int32,  # a component's where the line is a bundle, the bundle's own while backordered; link of free runs
    qty=np.int32,
    line=np.uint16,  # from 0
    node=np.int16,  # -1 while backordered
    ship_day=np.uint16,  # of the node's parcel, counted in the node's capacity; 0 none
    stage=np.uint8,  # stage byte
    shipment=np.uint8,  # number of the order's shipment, 0 none
)
assert POSITION.itemsize == 24

# Words of EXTRA.
TOTAL, CREDITED, WRITTEN_OFF = 0, 1, 2
PAYMENTS, PAYMENT_COUNT = 3, 4
SHIPMENTS, SHIPMENT_COUNT = 5, 6
HOLDS, HOLD_COUNT = 7, 8
PARTS, PART_COUNT = 9, 10
LINE_KEYS, LINE_COUNT = 11, 12
EXTRA_WORDS = 13

# Words of one payment: amounts in minor units.
PAY_KEY, AUTHORIZED, CAPTURED, REFUNDING, REFUNDED, FAILED = range(6)
PAYMENT_WORDS = 6
# Words of one shipment.
SHIP_KEY, SHIP_TRACKING = range(2)
SHIPMENT_WORDS = 2
# Words of one part of a bundle line: line << 32 | SKU, units of it in one unit of the line.
PART_SKU, PART_UNITS = range(2)
PART_WORDS = 2

# The numbers of router/life/states.py, which a test holds against these.
(
    STAGE_BACKORDERED, STAGE_HELD, STAGE_ALLOCATED, STAGE_PICKED, STAGE_PACKED, STAGE_SHIPPED, STAGE_DELIVERED,
    STAGE_RETURNED, STAGE_LOST, STAGE_CANCELLED,
) = range(10)  # fmt: skip
STAGES = 10
STAGE_MASK = 15
NOWHERE = 15  # of a unit move: components that become units of their bundle again, and the other way round
CLASS_INSPECT = STAGES  # units come back that await inspection: as stages, a bit in masks of their own
LIVE = 0b0001111111  # stages of units that are not cancelled, returned or lost
PICK_SEEN, PACK_SEEN, SHIP_SEEN, LEFT = 1, 2, 4, 8
SENT, ACCEPTED = 1, 2
INSPECT, RESTOCK, REFURBISH, SCRAP, MISSING, ELSEWHERE = range(6)
AVAILABLE, HELD, ALLOCATED, SHIPPED, GONE, INSPECTION, DAMAGED, BLOCKED, IN_TRANSIT, WAITING = range(10)
ORDER_BITS = 31
STATE_HELD, STATE_RETURNED, STATE_LOST, STATE_CANCELLED, STATE_CLOSED = 2, 11, 12, 10, 13


def _packed(*numbers: int) -> int:
    """A table of small numbers as one integer, five bits each: a table that a kernel can have as a constant."""
    return sum(number << 5 * place for place, number in enumerate(numbers))


ENTRY_BITS, ENTRY_MASK = 5, 31
STATE_OF_STAGE = _packed(3, 2, 5, 6, 7, 8, 9, 11, 12, 10)
PARTIAL_STATE = _packed(3, 2, 4, 14, 15, 16, 17)  # of the furthest stage, where live units lie in several
STAGE_OF_STATE = _packed(1, 0, 2, 2, 3, 4, 5, 6, 9, 7, 8)  # from HELD on, of an order whose units lie together
UNPAID, AUTHORIZED_STATE, PAID, FAILED_STATE, REFUNDED_STATE, PARTIALLY_PAID, PARTIALLY_REFUNDED = range(7)
MONEY_AUTHORIZED, MONEY_CAPTURED, MONEY_REFUNDING, MONEY_REFUNDED, MONEY_CREDITED, MONEY_WRITTEN_OFF, MONEY_FAILED = (
    range(7)
)

APPLIED, REPEATED, REFUSED, UNKNOWN_ORDER, CONFLICT = range(5)  # result of an event
DERIVED_STATE = 255  # of a verdict: the state is to be read off the books
ASKED = 100  # not a result yet: the ledger, or the order's history, has to be asked; never stored

# What an event is judged by; which event is which stands in router/life/rules.py.
(
    KIND_UNITS, KIND_RETURN, KIND_HOLD, KIND_RELEASE, KIND_REJECT, KIND_CLOSE, KIND_MARK, KIND_ASK, KIND_GRANT,
    KIND_REMARK, KIND_AUTHORIZE, KIND_CAPTURE, KIND_FAIL, KIND_VOID, KIND_REFUND, KIND_REQUEST, KIND_REQUEST_FAILED,
    KIND_WRITE_OFF, KIND_CREDIT, KIND_NONE,
) = range(20)  # fmt: skip
TIERS = 3
RULE = _row(
    kind=np.int64,
    target=np.int64,  # stage
    seen=np.int64,  # bit of the detail that the report sets
    tiers=(np.int64, (TIERS,)),  # classes it takes units from, as bits, one group after the other
    first_only=np.int64,  # 1 = without lines it concerns the first group alone that has units
    far=np.int64,  # from this group on only where none of its units are done already
    late=np.int64,  # further classes whose units may still lack the report
    done=np.int64,  # classes of units of which it is a mere repetition
    assigns=np.int64,  # 1 = puts units into a shipment, 2 = makes one where none is named
    filters=np.int64,  # 1 = `node` and `shipment_id` say which units are meant
    when_closed=np.int64,  # 1 = taken after the order was closed, too
)

SHIPMENTS_MAX = 255
PAYMENTS_MAX = 64
HOLDS_MAX = 16
EVENTS_MAX = (1 << 16) - 1
FACTS_MAX = 1 << 10  # of these are not for notes and scans; the last one is for the close

# One event as it is judged.
EVENT = _row(
    hash_hi=np.uint64,
    hash_lo=np.uint64,
    event_key=np.uint64,
    fingerprint=np.uint64,
    payment=np.int64,
    amount_minor=np.int64,
    hold=np.int64,
    shipment=np.int64,
    tracking=np.int64,
    line_first=np.int32,
    line_last=np.int32,
    currency=np.int16,
    node=np.int16,
    to_node=np.int16,
    event=np.int8,
    disposition=np.int8,
)
EVENT_LINE = _row(line_key=np.int64, qty=np.int64, line=np.int32)

# What became of it.
VERDICT = _row(
    row=np.int64,  # of the order in the index, -1 unknown
    order=np.int64,
    previous=np.int64,
    wanted=np.int64,
    found=np.int64,
    version=np.int32,
    refused_line=np.int32,
    unit_last=np.int32,  # unit moves up to and with this event
    money_last=np.int32,
    move_last=np.int32,
    result=np.int8,
    before=np.uint8,
    after=np.uint8,
    refusal=np.uint8,
    whole=np.uint8,  # WHOLE_UNITS and WHOLE_MONEY
    stage=np.uint8,  # stage byte of all units afterwards, where they moved as one
    gives_back=np.uint8,  # 1 = the whole order is cancelled now: its promotions and counts are given back
)
# Refusals, with their texts in router/life/refusals.py.
(
    NO_REFUSAL, TRANSITION, NOT_ENOUGH, LINE_UNKNOWN, SHIPMENT_UNKNOWN, PAYMENT_UNKNOWN, AMOUNT_TOO_HIGH, NOTHING_DUE,
    CURRENCY, HOLD_UNKNOWN, LIMIT, REJECTED, EVENT_UNKNOWN, NOT_REVERSIBLE, NO_STOCK, NOT_SHIPPED, BUSY_NOW, WHICH_NODE,
    ON_HOLD_NOW, NAMES_DIFFER, WHICH_PARCEL, WHICH_PAYMENT,
) = range(22)  # fmt: skip
REPEATS = -1  # what a rule answers where an event says nothing new

WHOLE_UNITS, WHOLE_MONEY = 1, 2  # bits of VERDICT.whole

UNIT_MOVE = _row(
    value_minor=np.int64,
    sku=np.int32,
    lot=np.int32,
    qty=np.int32,
    ship_day=np.int32,
    line=np.int16,
    node=np.int16,
    to_node=np.int16,
    from_stage=np.uint8,
    to_stage=np.uint8,
    from_shipment=np.uint8,
    shipment=np.uint8,
)
MONEY_MOVE = _row(payment=np.int64, amount_minor=np.int64, account=np.uint8)
CELL_MOVE = _row(
    order=np.int64,
    qty=np.int64,
    sku=np.int32,
    ship_day=np.int32,
    line=np.int32,
    node=np.int16,
    to_node=np.int16,
    from_account=np.int8,
    to_account=np.int8,
)


class Memory(NamedTuple):
    """Where the books of a shard lie; free lists as kernels/life/runs.py keeps them."""

    books: Any  # BOOK
    positions: Any  # POSITION
    words: Any  # i64
    free_books: Any  # (2) i64: head of the list of free ones, first that was never used
    free_positions: Any  # (FREE) i64
    free_words: Any  # (FREE) i64


MEMORY = group(Memory, records(BOOK), records(POSITION), OUT_I64, OUT_I64, OUT_I64, OUT_I64)


class Sent(NamedTuple):
    """A batch of events as it is judged."""

    events: Any  # EVENT
    lines: Any  # EVENT_LINE


class Told(NamedTuple):
    """What came of it so far."""

    verdicts: Any  # VERDICT
    units: Any  # UNIT_MOVE
    money: Any  # MONEY_MOVE
    cells: Any  # CELL_MOVE
    ends: Any  # (3) i64 rows of units, money and cells that are filled


class Terms(NamedTuple):
    """What events are judged by."""

    rules: Any  # RULE by number of the event
    shipment_keys: Any  # (SHIPMENTS_MAX + 1) i64 keys of shipments that nobody named: of "1", "2", …
    settings: Any  # (2) i64: stage in which on-hand falls; key of the hold for review


FALLS_AT, REVIEW_KEY = range(2)
SENT_EVENTS = group(Sent, records(EVENT, readonly=True), records(EVENT_LINE, readonly=True))
TOLD = group(Told, *(records(dtype) for dtype in (VERDICT, UNIT_MOVE, MONEY_MOVE, CELL_MOVE)), OUT_I64)
TERMS = group(Terms, records(RULE, readonly=True), IN_I64, IN_I64)
