"""Orders and events as the columns that Books take, and books read back as plain values."""

from __future__ import annotations

import functools

import numpy as np

from kernels.life import layout
from router.ids import hash_key, hash_text
from router.life.books import Opening
from router.life.holds import REVIEW
from router.life.states import STATE_OF_STATUS, PaymentState, Stage, pack_state, unpack_state

KEY = hash_key(b"0123456789abcdef")
_NAMES = {0: None}


@functools.cache
def key_of(name):
    """Keyed hash of an id as the kernels take it, 0 for None."""
    if name is None:
        return 0
    key = int(np.array([hash_text(KEY, name)[1]], np.uint64).view(np.int64)[0])
    _NAMES[key] = name
    return key


def name_of(key):
    """The id behind a keyed hash that :func:`key_of` gave, None for 0."""
    return _NAMES[int(key)]


for _name in (REVIEW, *map(str, range(1, layout.SHIPMENTS_MAX + 1))):
    key_of(_name)


def _column(values, dtype):
    return np.array(list(values), dtype)


def _offsets(counts):
    return np.concatenate([[0], np.cumsum(list(counts), dtype=np.int64)]).astype(np.int32)


def opening(rows, orders):
    """The columns of orders placed (tests/reference/life/open.py) in these rows of the index."""
    lines = [line for order in orders for line in order.lines]
    allocations = [row for line in lines for row in line.allocations]
    parcels = [row for order in orders for row in order.days.items()]
    states = [pack_state(STATE_OF_STATUS[order.status], order.payment_state) for order in orders]
    return Opening(
        rows=_column(rows, np.int64),
        status=_column((order.status for order in orders), np.int8),
        state=_column(states, np.uint8),
        total_minor=_column((order.total for order in orders), np.int64),
        currency=_column((order.currency for order in orders), np.int16),
        version=_column((order.version for order in orders), np.int32),
        granted_offset=_offsets(int(order.promoted) for order in orders),
        customer=_column((order.customer for order in orders), np.int64),
        line_offset=_offsets(len(order.lines) for order in orders),
        line_sku=_column((line.sku for line in lines), np.int32),
        line_qty=_column((line.qty for line in lines), np.int32),
        line_key=_column((key_of(line.key) for line in lines), np.int64),
        line_total_minor=_column((line.total for line in lines), np.int64),
        backordered=_column((line.backordered for line in lines), np.int32),
        allocation_offset=_offsets(len(line.allocations) for line in lines),
        allocation_sku=_column((sku for sku, _, _ in allocations), np.int32),
        allocation_node=_column((node for _, node, _ in allocations), np.int16),
        allocation_qty=_column((qty for _, _, qty in allocations), np.int32),
        parcel_offset=_offsets(len(order.days) for order in orders),
        parcel_node=_column((node for node, _ in parcels), np.int16),
        parcel_day=_column((day for _, day in parcels), np.int32),
    )


def sent(events):
    """The columns of events [(row, Event)], and the rows of their orders."""
    lines = [line for _, event in events for line in event.lines]
    found, named = np.zeros(len(events), layout.EVENT), np.zeros(len(lines), layout.EVENT_LINE)
    at = 0
    for one, (_, event) in zip(found, events, strict=True):
        one["event_key"] = np.uint64(key_of(event.id) % (1 << 64))
        one["fingerprint"] = event.says
        for name in ("payment", "hold", "shipment", "tracking"):
            one[name] = key_of(getattr(event, name))
        for name, value in (
            ("amount_minor", event.amount), ("currency", event.currency), ("node", event.node),
            ("to_node", event.to_node), ("disposition", event.disposition), ("event", event.type),
        ):  # fmt: skip
            one[name] = -1 if value is None else value
        one["line_first"], one["line_last"] = at, at + len(event.lines)
        at += len(event.lines)
    for place, line in enumerate(lines):
        named[place] = (key_of(line.key), -1 if line.qty is None else line.qty, line.number)
    return layout.Sent(found, named), _column((-1 if row is None else row for row, _ in events), np.int64)


class BookView:
    """One book, read plainly from the arrays of a dump."""

    def __init__(self, blocks, number):
        self.words = blocks["words"]
        self.book = blocks["books"].view(layout.BOOK)[number]
        first = int(self.book["first_position"])
        self.positions = blocks["positions"].view(layout.POSITION)[first : first + int(self.book["positions"])]
        self.flags = int(self.book["flags"])
        self.state, self.payment_state = unpack_state(int(self.book["state"]))
        self.total = int(self.book["total"])
        if self.total == layout.TOTAL_IN_EXTRA:
            self.total = self.extra(layout.TOTAL)

    def extra(self, word):
        return int(self.words[int(self.book["extra"]) + word]) if self.book["extra"] else 0

    def run(self, word, size=1):
        """The entries of a run that EXTRA names, in tuples."""
        first, count = self.extra(word), self.extra(word + 1)
        return [tuple(map(int, self.words[first + size * at : first + size * (at + 1)])) for at in range(count)]

    def heaps(self):
        """(line, SKU, node, stage byte, parcel) -> units and what they carry."""
        found, whole = {}, None
        if self.flags & layout.TOGETHER:
            stage = layout.STAGE_OF_STATE >> layout.ENTRY_BITS * (self.state - layout.STATE_HELD) & layout.ENTRY_MASK
            whole = stage | self.flags >> layout.DETAIL_SHIFT << layout.DETAIL_SHIFT
        for value, sku, qty, line, node, _, stage, shipment in self.positions.tolist():
            if qty:
                kind = (line, sku, node, stage if whole is None else whole, shipment)
                units, carried = found.get(kind, (0, 0))
                found[kind] = (units + qty, carried + value)
        return found

    def payments(self):
        """The accounts of every payment; those that the state alone speaks for are as if they had been opened."""
        if self.extra(layout.PAYMENT_COUNT):
            opened = self.run(layout.PAYMENTS, layout.PAYMENT_WORDS)
            rows = [(name_of(row[0]), *row[1:5], bool(row[5])) for row in opened]
        else:
            state, total = self.payment_state, self.total
            authorized = total if state == PaymentState.AUTHORIZED else 0
            captured = total if state in (PaymentState.PAID, PaymentState.REFUNDED) else 0
            refunded = total if state == PaymentState.REFUNDED else 0
            only = (name_of(self.book["payment"]), authorized, captured, 0, refunded, state == PaymentState.FAILED)
            rows = [only] if total else []
        return [row for row in rows if row[0] is not None or any(row[1:])]

    def holds(self):
        if not self.flags & layout.ON_HOLD:
            return []
        return sorted(name_of(row[0]) for row in self.run(layout.HOLDS)) or [REVIEW]

    def let_off(self):
        if all(kind[3] & layout.STAGE_MASK == Stage.CANCELLED for kind in self.heaps()):
            return None
        return self.extra(layout.CREDITED), self.extra(layout.WRITTEN_OFF)

    def facts(self):
        """As ``facts`` in tests/reference/life/end.py; ids of events by the 44 bits that are kept of them."""
        book = self.book
        first = int(book["first_event"])
        return {
            "state": self.state, "payment_state": self.payment_state, "version": int(book["version"]),
            "reference": (int(book["order_sequence"]), int(book["order_row"])),
            "newest": (int(book["newest_sequence"]), int(book["newest_row"])),
            "customer": int(book["customer"]), "total": self.total, "currency": int(book["currency"]),
            "promoted": bool(self.flags & layout.PROMOTED), "busy": bool(self.flags & layout.BUSY),
            "heaps": self.heaps(), "holds": self.holds(), "payments": self.payments(), "let_off": self.let_off(),
            "shipments": [tuple(map(name_of, row)) for row in self.run(layout.SHIPMENTS, layout.SHIPMENT_WORDS)],
            "tracking": name_of(book["tracking"]),
            "events": {int(word) >> 20 for word in self.words[first : first + int(book["events"])]},
        }  # fmt: skip


def all_facts(books, rows):
    """Facts of the orders in these rows that have books."""
    blocks = books.dump()
    numbers = {row: int(blocks["book_of_row"][row]) for row in rows if row < len(blocks["book_of_row"])}
    return {row: BookView(blocks, number).facts() for row, number in numbers.items() if number}
