"""The last step of decoding events, the same for JSON lines and Arrow: what is no event, hashes, numbers of the tables,
and the columns that the shard takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.text.scan_form import ABSENT
from router.arrow.arrays import ragged, record_batch, structs
from router.arrow.selection import select
from router.arrow.string_table import StringTable
from router.bound import EVERYTHING, Bound
from router.config import Limits
from router.ids import Scope, given_keys, hash_strings, plain_numbers, scoped_ids
from router.life.event_types import OrderEvent
from router.log.columns import EVENT_PAYLOAD, EVENTS
from router.log.event_fields import FIELDS, Form, column_of
from router.wire.batch import REFUSAL_BYTES
from router.wire.body_columns import or_none
from router.wire.event_checks import MALFORMED, NOT_ALLOWED, RESERVED, Fault, repeated_lines, row_faults
from router.wire.event_columns import EventColumns, EventRefusal
from router.wire.event_fingerprints import fingerprint_events
from router.wire.event_table import (
    DISPOSITION_NAMES,
    DISPOSITION_NUMBERS,
    NUMBER,
    PERSONAL,
    SHOWN,
    TEXT,
    TYPE_NAMES,
    TYPE_NUMBERS,
)

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

NONE, UNKNOWN = -1, -2  # of a number that stands for a name
Owned = Callable[[U64, U64], npt.NDArray[np.bool_]]  # hashes of orders, hi and lo: which of them are the sender's


class Names(NamedTuple):
    """What events may name, by the newest tables."""

    nodes: StringTable
    currencies: StringTable


@dataclass(frozen=True)
class EventTerms:
    """What events are read by, beside themselves."""

    key: U64  # of the data folder
    scope: Scope  # within which an order's id is unique
    limits: Limits
    names: Callable[[bool], Names]  # True: after another look at the tables, because a name was not found
    now_ms: Callable[[], int]  # of events that do not say when they happened
    bound: Bound = EVERYTHING  # whose orders alone the sender touches
    owned: Owned | None = None  # asked where the sender is bound
    not_allowed: Collection[OrderEvent] = ()  # types that are no right of the sender
    reserved: Collection[str] = ()  # partners in whose name the sender may not speak
    own_source: str = ""  # nor in that of the router itself


@dataclass(frozen=True)
class EventWire:
    """What the gateway splits over the shards, and what it needs again to write the answers."""

    events: pa.RecordBatch  # schema EVENTS
    payload: pa.RecordBatch  # schema EVENT_PAYLOAD, row for row
    documents: pa.RecordBatch | None  # the personal fields, row for row; None where nobody wrote anything
    positions: I64  # place of each event among the batch's answers
    refused: list[EventRefusal]  # in order of position

    @property
    def count(self) -> int:
        """Answers the batch gets: one an event, one a refusal."""
        return int(self.events.num_rows) + len(self.refused)

    @property
    def nbytes(self) -> int:
        columns = self.events.get_total_buffer_size() + self.payload.get_total_buffer_size()
        return int(columns) + REFUSAL_BYTES * len(self.refused)


def to_event_wire(columns: EventColumns, terms: EventTerms) -> EventWire:
    """Refuse rows that are no events, and put the others into the shard's columns."""
    types = TYPE_NUMBERS[TYPE_NAMES.find(columns.text.array(TEXT["type"]))]
    faults = row_faults(columns, types, "global" if _given_channel(terms) else terms.scope, terms.limits)
    _add_not_allowed(types, terms, faults)
    _add_reserved(columns, terms, faults)
    named = _named(columns, terms, faults)
    line_keys = given_keys(terms.key, columns.line_ids.array())
    for rows, fault in repeated_lines(columns, line_keys):
        faults.setdefault(int(rows[0]), fault)
    events = _events(columns, terms, types, named, line_keys)
    wire = EventWire(events, _payload(columns), _documents(columns), columns.positions, columns.refused)
    return _without(wire, columns, faults) if faults else wire


def _given_channel(terms: EventTerms) -> str:
    """The channel of events that name none, where their sender is for one alone."""
    return terms.bound.channel if terms.scope == "channel" else ""


def _add_not_allowed(types: npt.NDArray[np.int8], terms: EventTerms, faults: dict[int, Fault]) -> None:
    for event in terms.not_allowed:
        fault = Fault(NOT_ALLOWED, f"{event.name.lower()} is no right of this key's role; ask ops for it")
        for row in np.flatnonzero(types == event).tolist():
            faults.setdefault(row, fault)


def _add_reserved(columns: EventColumns, terms: EventTerms, faults: dict[int, Fault]) -> None:
    """Whose word a report is decides what follows from it: a partner's payments go back by that partner."""
    if not (terms.reserved or terms.own_source) or not columns.has_text("source"):
        return
    sources = columns.text.array(TEXT["source"])
    for name in terms.reserved:
        remedy = "only its webhooks and answers say so; name another source, or leave it out"
        fault = Fault(RESERVED, f"source {name!r} is a partner of the configuration: {remedy}")
        for row in np.flatnonzero(pc.equal(sources, name).to_numpy(zero_copy_only=False)).tolist():
            faults.setdefault(row, fault)
    if own := terms.own_source:
        is_own = pc.or_(pc.equal(sources, own), pc.starts_with(sources, f"{own}:")).to_numpy(zero_copy_only=False)
        remedy = f"no other source is called {own}, or begins with {own}: and a name; name another one, or leave it out"
        for row in np.flatnonzero(is_own).tolist():
            faults.setdefault(row, Fault(RESERVED, f"source {own!r} is the router's own: {remedy}"))


def _order_hashes(columns: EventColumns, terms: EventTerms) -> tuple[U64, U64]:
    """(hi, lo) of the orders. One that is not the sender's gets a hash that no order has, so that from here on it does
    not exist: same shard, same way, same answer."""
    order_id, channel, seller = (columns.text.array(TEXT[name]) for name in ("order_id", "channel", "seller"))
    if own := _given_channel(terms):
        channel = pc.if_else(pa.array(columns.given("channel")), channel, own)
    hi, lo = hash_strings(terms.key, scoped_ids(terms.scope, order_id, channel, seller))
    return hi if terms.owned is None else np.where(terms.owned(hi, lo), hi, ~hi), lo


def _named(columns: EventColumns, terms: EventTerms, faults: dict[int, Fault]) -> dict[str, npt.NDArray[np.int16]]:
    """Numbers of what events name: NONE where they do not, and a fault where nothing has that name."""
    numbers = _numbers_of(columns, terms.names(False))
    if any((found == UNKNOWN).any() for found in numbers.values()):
        numbers = _numbers_of(columns, terms.names(True))
    for field, remedy in _REMEDIES.items():
        rows = np.flatnonzero(numbers[field] == UNKNOWN)
        if not len(rows):
            continue
        texts = columns.text.array(TEXT[field]).take(pa.array(rows)).to_pylist()
        for row, text in zip(rows.tolist(), texts, strict=True):
            faults.setdefault(row, Fault(MALFORMED, f"{field} {text[:_SHOWN_MAX]!r} {remedy}"))
    return numbers


_SHOWN_MAX = 128
_REMEDIES = {
    "node": "is no node of the tables; correct it, or load the node first",
    "to_node": "is no node of the tables; correct it, or load the node first",
    "currency": "is no currency of the tables; write the order's, as an ISO 4217 code",
    "disposition": f"is unknown; use one of {', '.join(DISPOSITION_NAMES.values)}, or leave it out until inspected",
}


def _numbers_of(columns: EventColumns, names: Names) -> dict[str, npt.NDArray[np.int16]]:
    tables = {
        "node": names.nodes,
        "to_node": names.nodes,
        "currency": names.currencies,
        "disposition": DISPOSITION_NAMES,
    }
    return {field: _find(columns, field, table) for field, table in tables.items()}


def _find(columns: EventColumns, field: str, table: StringTable) -> npt.NDArray[np.int16]:
    if not columns.has_text(field):
        return np.full(columns.rows, NONE, np.int16)
    found = table.find(columns.text.array(TEXT[field]))
    return np.where(columns.given(field), np.where(found < 0, UNKNOWN, found), NONE).astype(np.int16)


def _events(
    columns: EventColumns,
    terms: EventTerms,
    types: npt.NDArray[np.int8],
    named: dict[str, npt.NDArray[np.int16]],
    line_keys: U64,
) -> pa.RecordBatch:
    """EVENTS of all rows, also of those that will be refused."""

    def text(name: str) -> pa.StringArray:
        return columns.text.array(TEXT[name])

    def key(name: str) -> U64:
        return given_keys(terms.key, text(name)) if columns.has_text(name) else np.zeros(columns.rows, np.uint64)

    hash_hi, hash_lo = _order_hashes(columns, terms)
    at = columns.number[NUMBER["at"]]
    disposition = named["disposition"]
    return record_batch(
        EVENTS,
        {
            "event_id": text("event_id"),
            "order_id": text("order_id"),
            "hash_hi": hash_hi,
            "hash_lo": hash_lo,
            "event": types,
            "occurred_at_ms": np.where(at == ABSENT, terms.now_ms(), at),
            "source": text("source"),
            "event_key": key("event_id"),
            "fingerprint": fingerprint_events(columns),
            "payment": key("payment_id"),
            "amount_minor": or_none(columns.number[NUMBER["amount"]]),
            "currency": named["currency"],
            "hold": key("hold"),
            "node": named["node"],
            "to_node": named["to_node"],
            "shipment": key("shipment_id"),
            "tracking": key("tracking_number"),
            "disposition": np.where(disposition >= 0, DISPOSITION_NUMBERS[disposition], NONE).astype(np.int8),
            "reversed": key("reversed_event_id"),
            "lines": _lines(columns, line_keys),
        },
    )


def _lines(columns: EventColumns, line_keys: U64) -> pa.ListArray:
    kind = EVENTS.field("lines").type
    numbers = plain_numbers(columns.line_ids.array())
    lines = structs(kind.value_type, {"line_key": line_keys, "line": numbers, "qty": or_none(columns.qty)})
    return ragged(columns.line_offsets, lines, kind)


def _payload(columns: EventColumns) -> pa.RecordBatch:
    """EVENT_PAYLOAD of all rows. Types that are not known go no further, so none stands there as text."""
    shown: dict[str, Any] = {
        column_of(name): columns.text.array(TEXT[name]) if name in TEXT else _shown_numbers(columns, name)
        for name in SHOWN
    }
    line_ids = ragged(columns.line_offsets, columns.line_ids.array(), EVENT_PAYLOAD.field("line_ids").type)
    return record_batch(EVENT_PAYLOAD, {"type": _no_texts(columns.rows), "line_ids": line_ids, **shown})


def _shown_numbers(columns: EventColumns, name: str) -> npt.NDArray[np.integer]:
    values = or_none(columns.number[NUMBER[name]])
    return values.astype(np.int8) if FIELDS[name].form is Form.FLAG else values


def _no_texts(rows: int) -> pa.StringArray:
    offsets = pa.py_buffer(np.zeros(rows + 1, np.int32))
    return pa.StringArray.from_buffers(rows, offsets, pa.py_buffer(b""))


def _documents(columns: EventColumns) -> pa.RecordBatch | None:
    if not any(columns.has_text(name) for name in PERSONAL):
        return None
    return pa.RecordBatch.from_arrays([columns.text.array(TEXT[name]) for name in PERSONAL], list(PERSONAL))


def _without(wire: EventWire, columns: EventColumns, faults: dict[int, Fault]) -> EventWire:
    """The batch without its faulty rows, which become refusals in their places."""
    keep = np.ones(columns.rows, np.bool_)
    keep[list(faults)] = False
    rows = np.flatnonzero(keep)
    refused = [*columns.refused, *_refusals(columns, faults)]
    return dataclasses.replace(
        wire,
        events=select(wire.events, rows),
        payload=select(wire.payload, rows),
        documents=None if wire.documents is None else select(wire.documents, rows),
        positions=wire.positions[rows],
        refused=sorted(refused, key=lambda refusal: refusal.position),
    )


def _refusals(columns: EventColumns, faults: dict[int, Fault]) -> Iterator[EventRefusal]:
    at = np.fromiter(faults, np.int64, len(faults))
    ids = (columns.text.array(TEXT[name]).take(pa.array(at)).to_pylist() for name in ("event_id", "order_id"))
    places, numbers = columns.positions[at].tolist(), columns.numbers_of_rows[at].tolist()
    for place, number, event_id, order_id, fault in zip(places, numbers, *ids, faults.values(), strict=True):
        detail = f"{columns.unit} {number}: {fault.sentence}"
        yield EventRefusal(place, number, shown_id(event_id), shown_id(order_id), fault.reason, detail)


def shown_id(text: str | None) -> str | None:
    """An id as it was sent; one that is missing or too long is not sent back."""
    return text if text and len(text) <= _SHOWN_MAX else None
