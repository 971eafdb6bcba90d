"""Lifecycle events of orders: read, checked against the tables of ``router/life/states.py``, applied.

    read_events ─▶ EVENTS ─(log part 0)─▶ decide ─▶ EVENT_OUTCOME, moves ─(ledger, log part 1)─▶ apply ─▶ results

An event is idempotent by its ``event_id``: a repeat is answered ``duplicate`` and changes nothing. So is a report that
changes nothing (a second scan of one parcel), so that one change of state is exactly one version of the order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life.advance import advance
from router.arrow.arrays import numbers, record_batch
from router.ids import hash_strings
from router.life.states import (
    EVENT_TYPES,
    NO_STATE,
    RELEASED_AS,
    Move,
    OrderEvent,
    OrderState,
    allowed_events,
    move_of,
    transition_matrix,
    unpack_state,
)
from router.log.columns import EVENT_OUTCOME, EVENTS, EventResult
from router.log.index import OrderIndex

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]


class StockMove(NamedTuple):
    """Units of one order that change their account in one cell of the ledger."""

    kind: int  # lifecycle.Move
    sku: int
    node: int
    qty: int
    ship_day: int  # a parcel of this day of the node is given back as well, -1 = none


Moves = list[StockMove]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Recall(Protocol):
    """Earlier records of this shard's log."""

    def orders(self, sequence: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """ADMITTED and OUTCOME of a sequence."""

    def order_of(self, reference: int) -> int:
        """Reference of the ORDERS record of the order whose newest record is ``reference``."""


class EventRow(msgspec.Struct):
    """One event as sent; unknown fields are not kept."""

    event_id: str
    order_id: str
    type: str
    at_ms: int = -1
    source: str = ""


def events_batch(rows: list[EventRow], key: U64, now_ms: int) -> pa.RecordBatch:
    """EVENTS of rows as sent; a type that is unknown becomes NO_STATE and is refused when decided."""
    order_ids = pa.array([row.order_id for row in rows], pa.string())
    hash_hi, hash_lo = hash_strings(key, order_ids)
    return record_batch(
        EVENTS,
        {
            "event_id": pa.array([row.event_id for row in rows], pa.string()),
            "order_id": order_ids,
            "hash_hi": hash_hi,
            "hash_lo": hash_lo,
            "event": np.array([EVENT_TYPES.get(row.type, -1) for row in rows], np.int8),
            "occurred_at_ms": np.array([row.at_ms if row.at_ms >= 0 else now_ms for row in rows], np.int64),
            "source": pa.array([row.source for row in rows], pa.string()),
        },
    )


class EventDesk:
    """The event side of one shard: which event ids were seen, and what events do to the order index."""

    def __init__(self, key: U64, orders: OrderIndex, seen: OrderIndex) -> None:
        self.seen = seen
        self._orders = orders
        self._key = key
        self._matrix = transition_matrix()

    def decide(self, events: pa.RecordBatch, sequence: int, recall: Recall) -> tuple[pa.RecordBatch, Moves]:
        """EVENT_OUTCOME and stock moves of an EVENTS batch; changes nothing. No order may be in flight meanwhile."""
        row = self._orders.find(numbers(events, "hash_hi"), numbers(events, "hash_lo"))
        known = row >= 0
        newest = _of_known(self._orders.reference, row, -1)
        order = np.array([recall.order_of(int(ref)) if ref >= 0 else -1 for ref in newest], np.int64)
        event = _resolved(events, order, recall)
        repeated = self._repeated(events)
        judged = known & ~repeated & (event != NO_STATE)
        before, after = self._advance(np.where(known, row, -1), np.where(judged, event, OrderEvent.RELEASE))
        changed = (after != NO_STATE) & (before != after)
        version, previous = self._versions(row, newest, changed, sequence)
        result = np.select(
            [~known, repeated, changed, after != NO_STATE],
            [EventResult.UNKNOWN_ORDER, EventResult.REPEATED, EventResult.APPLIED, EventResult.REPEATED],
            EventResult.REFUSED,
        ).astype(np.int8)
        outcome = record_batch(
            EVENT_OUTCOME,
            {
                "result": result,
                "reasons": np.zeros(len(row), np.uint64),
                "before": before,
                "after": np.where(after == NO_STATE, before, after),
                "version": version,
                "order": order,
                "previous": previous,
            },
        )
        return outcome, _moves(outcome, recall)

    def apply(self, sequence: int, events: pa.RecordBatch, outcome: pa.RecordBatch) -> None:
        """Set what an EVENT_OUTCOME says and remember the event ids; also its replay."""
        applied = np.flatnonzero(numbers(outcome, "result") == EventResult.APPLIED)
        if len(applied) == 0:
            return
        rows = self._orders.find(numbers(events, "hash_hi")[applied], numbers(events, "hash_lo")[applied])
        assert (rows >= 0).all(), "an applied event names an order that is not in the index"
        last = len(rows) - 1 - np.unique(rows[::-1], return_index=True)[1]  # an order's last row in the batch wins
        reference = (np.uint64(sequence) << np.uint64(16)) | applied.astype(np.uint64)
        self._orders.set_state(
            rows[last],
            numbers(outcome, "after")[applied][last],
            numbers(outcome, "version")[applied][last].astype(np.uint16),
        )
        self._orders.set_reference(rows[last], reference[last])
        seen, _ = self.seen.insert(*hash_strings(self._key, events.column("event_id").take(pa.array(applied))))
        self.seen.set_reference(seen, reference)

    def state_hash(self) -> int:
        """Digest of the event ids that were applied."""
        return self.seen.state_hash()

    def _repeated(self, events: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """True where the event id was applied before or stands earlier in the same batch."""
        hashes = hash_strings(self._key, events.column("event_id"))
        repeated = np.ones(events.num_rows, bool)
        if events.num_rows:
            repeated[np.unique(np.stack(hashes, axis=1), axis=0, return_index=True)[1]] = False
        return repeated | (self.seen.find(*hashes) >= 0)

    def _advance(self, row: I64, event: npt.NDArray[Any]) -> tuple[U8, U8]:
        """States around each row, rows in order; RELEASE stands for "nothing", as no table row names it."""
        distinct, slot = np.unique(row, return_inverse=True)
        state = _of_known(self._orders.state, distinct, 0).astype(np.uint8)
        before, after = np.empty(len(event), np.uint8), np.empty(len(event), np.uint8)
        slot = np.where(row < 0, -1, slot).astype(np.int64)
        advance(slot, event.astype(np.uint8), self._matrix, state, before, after)
        return before, after

    def _versions(
        self, row: I64, newest: I64, changed: npt.NDArray[np.bool_], sequence: int
    ) -> tuple[npt.NDArray[np.int32], I64]:
        """The order's version after each row, and the record before it; several rows may name one order."""
        version = _of_known(self._orders.version, row, 0).astype(np.int32)
        previous = newest.copy()
        latest: dict[int, tuple[int, int]] = {}
        for at in np.flatnonzero(row >= 0):
            place = int(row[at])
            version[at], previous[at] = latest.get(place, (version[at], previous[at]))
            if changed[at]:
                version[at] += 1
                latest[place] = (int(version[at]), sequence << 16 | int(at))
        return version, previous


def _of_known(read: Callable[[I64], npt.NDArray[Any]], row: I64, otherwise: int) -> I64:
    """What the index says of each row; ``otherwise`` where an order is not in it (row -1)."""
    found, known = np.full(len(row), otherwise, np.int64), row >= 0
    found[known] = read(row[known]).astype(np.int64)
    return found


def event_results(events: pa.RecordBatch, outcome: pa.RecordBatch) -> list[dict[str, Any]]:
    """Answers row by row, read off the record alone, so that a repeated request is answered the same."""
    rows = zip(events.to_pylist(), outcome.to_pylist(), strict=True)
    return [
        {"event_id": event["event_id"], "order_id": event["order_id"], **_answer(event, decided)}
        for event, decided in rows
    ]


def units_of(recall: Recall, order: int) -> dict[tuple[int, int], int]:
    """Units an order was given: (sku, node) -> qty, from its OUTCOME; ``order`` is an ORDERS reference."""
    taken: dict[tuple[int, int], int] = {}
    for line in _outcome_lines(recall, order):
        for part in line["allocations"]:
            cell = (part["sku"], part["node"])
            taken[cell] = taken.get(cell, 0) + part["qty"]
    return taken


def _outcome_lines(recall: Recall, order: int) -> list[dict[str, Any]]:
    _, outcome = recall.orders(order >> 16)
    lines: list[dict[str, Any]] = outcome.column("lines").slice(order & 0xFFFF, 1).to_pylist()[0]
    return lines


def _resolved(events: pa.RecordBatch, order: I64, recall: Recall) -> U8:
    """Event numbers; a release becomes the event that says what the order is released as."""
    event = numbers(events, "event").astype(np.uint8)  # -1, an unknown type, becomes NO_STATE
    for at in np.flatnonzero((event == OrderEvent.RELEASE) & (order >= 0)):
        lines = _outcome_lines(recall, int(order[at]))
        short = any(line["backordered"] for line in lines)
        taken = any(line["allocations"] for line in lines)
        partly = OrderState.PARTIALLY_ALLOCATED if taken else OrderState.BACKORDERED
        event[at] = RELEASED_AS[partly if short else OrderState.ALLOCATED]
    return event


def _moves(outcome: pa.RecordBatch, recall: Recall) -> Moves:
    moves: Moves = []
    columns = [numbers(outcome, name) for name in ("result", "before", "after", "order")]
    for result, before, after, order in zip(*(column.tolist() for column in columns), strict=True):
        if result != EventResult.APPLIED:
            continue
        move = move_of(unpack_state(before)[0], unpack_state(after)[0])
        if move is not Move.NONE:
            moves += _order_moves(move, units_of(recall, order), _ship_days(recall, order))
    return moves


def _order_moves(move: Move, units: dict[tuple[int, int], int], ship_day: dict[int, int]) -> Moves:
    """One row a cell; the first row of a node gives its parcel back where the order will not ship."""
    gives_back = move in (Move.CANCEL, Move.RELEASE)
    return [
        StockMove(int(move), sku, node, qty, ship_day.pop(node, -1) if gives_back else -1)
        for (sku, node), qty in units.items()
    ]


def _ship_days(recall: Recall, order: int) -> dict[int, int]:
    """Ship day of the order's parcel from each node."""
    _, outcome = recall.orders(order >> 16)
    parcels = outcome.column("parcels").slice(order & 0xFFFF, 1).to_pylist()[0]
    return {parcel["node"]: parcel["ship_day"] for parcel in parcels}


def _answer(event: dict[str, Any], decided: dict[str, Any]) -> dict[str, Any]:
    result = decided["result"]
    if result == EventResult.UNKNOWN_ORDER:
        return {"status": "refused", "reason": "order_unknown", "detail": "no order has this order_id; send it first"}
    states = state_names(decided["after"])
    if result == EventResult.REFUSED and event["event"] < 0:
        known = ", ".join(sorted(EVENT_TYPES))
        return {
            "status": "refused",
            "reason": "event_type_unknown",
            "detail": f"type must be one of: {known}",
            **states,
        }
    if result == EventResult.REFUSED:
        allowed = ", ".join(allowed_events(decided["after"])) or "no event"
        detail = f"an order in state {states['state']} takes: {allowed}"
        return {"status": "refused", "reason": "transition_not_allowed", "detail": detail, **states}
    status = "applied" if result == EventResult.APPLIED else "duplicate"
    return {"status": status, **states, "version": decided["version"]}


def state_names(packed: int) -> dict[str, str]:
    """Names of both axes of a state byte."""
    order, payment = unpack_state(packed)
    return {"state": order.name.lower(), "payment_state": payment.name.lower()}


def read_events(body: bytes) -> tuple[list[EventRow], list[dict[str, Any]], list[int]]:
    """Events of an NDJSON body: rows, refusals in words, and the answer's positions of the rows.

    A line that is no event is answered in its place; the others go on.
    """
    rows: list[EventRow] = []
    places: list[int] = []
    refused: list[dict[str, Any]] = []
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    for place, (number, line) in enumerate(lines):
        try:
            rows.append(_read_event(line))
            places.append(place)
        except _NotAnEvent as fault:
            said = {"status": "refused", "reason": "malformed_event", "detail": str(fault)}
            refused.append({"place": place, "line": number, "event_id": _id_of(line), **said})
    return rows, refused, places


class _AnyId(msgspec.Struct):
    """The id alone, of a line that is otherwise wrong."""

    event_id: str


def _id_of(line: bytes) -> str | None:
    try:
        return msgspec.json.decode(line, type=_AnyId).event_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class _EventWire(msgspec.Struct):
    event_id: str
    order_id: str
    type: str
    at: str | None = None
    source: str = ""


class _NotAnEvent(ValueError):
    """A line that cannot be read as an event; the text tells the sender why."""


def _read_event(line: bytes) -> EventRow:
    try:
        wire = msgspec.json.decode(line, type=_EventWire)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _NotAnEvent(f"{error}; send one event a line with event_id, order_id and type") from None
    if not 1 <= len(wire.event_id) <= 128 or not 1 <= len(wire.order_id) <= 128:
        raise _NotAnEvent("event_id and order_id need 1 to 128 characters")
    return EventRow(wire.event_id, wire.order_id, wire.type, _moment_ms(wire.at), wire.source)


def _moment_ms(text: str | None) -> int:
    """Milliseconds since the epoch of an RFC 3339 time; -1 = not given."""
    if text is None:
        return -1
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _NotAnEvent("at is not an RFC 3339 time with an offset; write 2026-11-21T20:00:00Z")
    return round((moment - _EPOCH) / timedelta(milliseconds=1))
