"""The columns of the feed, one row a column: its type, and where it stands in records of orders, events and grants.

A reader names the columns it wants; the others are not decoded. A kind of record that has nothing to say of a column
says -1 in signed numbers, 0 in unsigned ones, "" in texts and nothing in lists. Numbers of nodes, SKUs and currencies
are those of the tables in ``tables_version``. What people wrote (note, text) is no column: it can be erased, so it is
read when it is shown (``words.py``). Who asks for ``result`` is given what orders refused, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from router.arrow.arrays import numbers
from router.feed.runs import Run
from router.life.event_types import OrderEvent
from router.life.states import STATE_NUMBERS, pack_state
from router.log.columns import ADMITTED, EVENT_OUTCOME, EVENT_PAYLOAD, EVENTS, GRANTED, OUTCOME, EventResult
from router.log.kinds import Kind

VERSION = 1  # of what the columns mean; stands in the schema of every batch
AN_ORDER = -1  # `event` of the decision about an order

Read = Callable[[Run], pa.Array]


class Column(NamedTuple):
    """Where a column of the feed stands; None where a kind of record says nothing of it."""

    type: pa.DataType
    orders: Read | None = None
    events: Read | None = None
    grants: Read | None = None


def _given(name: str) -> Read:
    return lambda run: run.given.column(name)


def _became(name: str) -> Read:
    return lambda run: run.outcome.column(name)


def _payload(name: str) -> Read:
    return lambda run: run.payload.column(name)


def _every(kind: pa.DataType, read: Read) -> Column:
    return Column(kind, read, read, read)


def _same(value: int, kind: pa.DataType) -> Read:
    """One value in every row."""
    return lambda run: pa.array(np.full(run.rows, value), kind)


def _first_states(run: Run) -> pa.Array:
    return pa.array(pack_state(STATE_NUMBERS[numbers(run.outcome, "status")], numbers(run.given, "payment")))


def _both_reasons(run: Run) -> pa.Array:
    return pa.array(numbers(run.given, "reasons") | numbers(run.outcome, "reasons"))


_MONEY = ("total_minor", "discount_minor", "tax_minor", "shipping_minor")
_SHOWN = tuple(name for name in EVENT_PAYLOAD.names if name not in ("type", "line_ids"))

COLUMNS: dict[str, Column] = {
    # the place
    "shard": _every(pa.int16(), lambda run: _same(run.shard, pa.int16())(run)),
    "reference": _every(pa.int64(), lambda run: pa.array(run.references)),  # sequence << 16 | row
    "kind": _every(pa.uint8(), lambda run: _same(run.kind, pa.uint8())(run)),
    "tables_version": _every(pa.int64(), lambda run: pa.array(run.tables_version)),
    # the order; `order` is the reference of its ORDERS record
    "order_id": _every(pa.string(), _given("order_id")),
    "hash_hi": _every(pa.uint64(), _given("hash_hi")),
    "hash_lo": _every(pa.uint64(), _given("hash_lo")),
    "order": Column(pa.int64(), lambda run: pa.array(run.references), _became("order"), _became("order")),
    "channel": Column(pa.string(), _given("channel")),  # of events and grants: recalled, see origins.py
    "seller": Column(pa.string(), _given("seller")),
    # the change
    "version": _every(pa.int32(), _became("version")),  # of the order afterwards
    "event": Column(pa.int8(), _same(AN_ORDER, pa.int8()), _given("event"), _same(OrderEvent.GRANT, pa.int8())),
    "status": Column(pa.int8(), _became("status")),  # as an order was acknowledged
    "reasons": Column(pa.uint64(), _both_reasons, _became("reasons"), _became("reasons")),
    "before": Column(pa.uint8(), None, _became("before"), _became("before")),  # state bytes
    "after": Column(pa.uint8(), _first_states, _became("after"), _became("after")),
    "placed_at_ms": Column(pa.int64(), _given("placed_at_ms")),
    "occurred_at_ms": Column(pa.int64(), None, _given("occurred_at_ms")),
    "received_at_ms": _every(pa.int64(), lambda run: pa.array(run.received_at_ms)),
    # what an order is
    **{name: Column(pa.int64(), _became(name)) for name in _MONEY},
    "order_currency": Column(pa.int16(), _given("currency")),
    "order_lines": Column(ADMITTED.field("lines").type, _given("lines")),
    "decided_lines": Column(OUTCOME.field("lines").type, _became("lines")),
    "parcels": Column(OUTCOME.field("parcels").type, _became("parcels")),
    # what an event did, see EVENT_OUTCOME
    **{
        name: Column(EVENT_OUTCOME.field(name).type, None, _became(name), _became(name))
        for name in ("whole", "stage", "units", "money")
    },
    # what became of it, see EVENT_OUTCOME
    "result": Column(pa.int8(), _same(EventResult.APPLIED, pa.int8()), _became("result"), _became("result")),
    **{
        name: Column(EVENT_OUTCOME.field(name).type, None, _became(name))
        for name in ("refusal", "refused_line", "wanted", "found")
    },
    "granted_units": Column(GRANTED.field("units").type, None, None, _given("units")),
    # what an event says
    "event_id": Column(pa.string(), None, _given("event_id")),
    "source": Column(pa.string(), None, _given("source")),
    "amount_minor": Column(pa.int64(), None, _given("amount_minor")),
    "event_lines": Column(EVENTS.field("lines").type, None, _given("lines")),
    "line_ids": Column(EVENT_PAYLOAD.field("line_ids").type, None, _payload("line_ids")),  # of event_lines
    **{name: Column(EVENT_PAYLOAD.field(name).type, None, _payload(name)) for name in _SHOWN},
}
RECALLED = ("channel", "seller")  # of events and grants; they stand in the record of the order


def schema_of(names: Iterable[str]) -> pa.Schema:
    """The schema of a reader's batches."""
    fields = [pa.field(name, COLUMNS[name].type, nullable=False) for name in names]
    return pa.schema(fields, metadata={"feed": str(VERSION)})


def read_column(name: str, run: Run) -> pa.Array:
    """A column of all rows of a run."""
    column = COLUMNS[name]
    read = {Kind.ORDERS: column.orders, Kind.EVENTS: column.events, Kind.GRANTED: column.grants}[run.kind]
    return nothing(column.type, run.rows) if read is None else read(run)


def nothing(kind: pa.DataType, rows: int) -> pa.Array:
    """What is said of a column by records that have nothing to say."""
    if pa.types.is_string(kind) or pa.types.is_list(kind):
        offsets = pa.py_buffer(np.zeros(rows + 1, np.int32))
        if pa.types.is_string(kind):
            return pa.StringArray.from_buffers(rows, offsets, pa.py_buffer(b""))
        return pa.Array.from_buffers(kind, rows, [None, offsets], children=[pa.array([], kind.value_type)])
    value: Any = 0 if pa.types.is_unsigned_integer(kind) else -1
    return pa.array(np.full(rows, value), kind)
