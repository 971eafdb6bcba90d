"""The stream of changes row by row in plain Python, as it was before the feed, and what the feed adds to a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from router.life.event_types import OrderEvent
from router.life.states import STATE_OF_STATUS, pack_state
from router.log.columns import STATUS_NAMES, EventResult
from router.log.event_fields import FIELDS, Form, column_of
from router.log.kinds import Kind
from router.log.records import Record, read_batch, read_documents
from router.queries.text import state_names, time_text
from router.reasons import codes

Row = dict[str, Any]


def rows_of(source: Any) -> list[Row]:
    """Every change of one shard in its order, with `place` (sequence, row) instead of a cursor."""
    rows: list[Row] = []
    for sequence in range(1, source.last_sequence(1) + 1):
        given, outcome = source.read(sequence, 0), source.read(sequence, 1)
        if given is not None and outcome is not None:
            make = _orders if given.kind is Kind.ORDERS else _events
            for row, change in make(source, given, read_batch(outcome)):
                rows.append(change | {"at": time_text(given.now_ms), "place": (sequence, row)})
    return rows


def _orders(source: Any, given: Record, became: pa.RecordBatch) -> Iterator[tuple[int, Row]]:
    for row, (sent, done) in enumerate(zip(read_batch(given).to_pylist(), became.to_pylist(), strict=True)):
        reasons = sent["reasons"] | done["reasons"]
        yield (
            row,
            {
                "order_id": sent["order_id"],
                "version": done["version"],
                "type": "order",
                "status": STATUS_NAMES[done["status"]],
                **state_names(pack_state(STATE_OF_STATUS[done["status"]], sent["payment"])),
                "reasons": codes(reasons) if reasons else [],
                "channel": sent["channel"],
                "seller": sent["seller"] or None,
            },
        )


def _events(source: Any, given: Record, became: pa.RecordBatch) -> Iterator[tuple[int, Row]]:
    for row, (sent, done) in enumerate(zip(read_batch(given).to_pylist(), became.to_pylist(), strict=True)):
        if done["result"] != EventResult.APPLIED:
            continue
        of_order = read_batch(source.read(done["order"] >> 16, 0)).slice(done["order"] & 0xFFFF, 1).to_pylist()[0]
        is_event = given.kind is Kind.EVENTS
        yield (
            row,
            {
                "order_id": sent["order_id"],
                "version": done["version"],
                "type": OrderEvent(sent["event"]).name.lower() if is_event else "grant",
                **state_names(done["after"]),
                "reasons": codes(done["reasons"]) if done["reasons"] else [],
                "channel": of_order["channel"],
                "seller": of_order["seller"] or None,
                **({"payload": _payload(source, given, row, sent)} if is_event else {}),
            },
        )


def _payload(source: Any, given: Record, row: int, sent: Row) -> Row:
    shown = read_batch(given, 1).slice(row, 1).to_pylist()[0]
    documents = source.read_documents(given.sequence)
    words = {} if documents is None else read_documents(documents).slice(row, 1).to_pylist()[0]
    payload = {"event_id": sent["event_id"], "at": time_text(sent["occurred_at_ms"])}
    if sent["source"]:
        payload["source"] = sent["source"]
    for name, field in FIELDS.items():
        value = _value(name, field.form, sent, shown, words)
        if value is not None:
            payload[name] = value
    return payload


def _value(name: str, form: Form, sent: Row, shown: Row, words: Row) -> Any:
    if form is Form.LINES:
        ids, qty = shown["line_ids"], [line["qty"] for line in sent["lines"]]
        pairs = zip(ids, qty, strict=True)
        return [{"line_id": one} | ({"qty": units} if units >= 0 else {}) for one, units in pairs] or None
    if FIELDS[name].is_personal:
        return words.get(name) or None
    value = sent["amount_minor"] if name == "amount" else shown[column_of(name)]
    if form in (Form.ID, Form.TEXT):
        return value or None
    if value == -1:
        return None
    if form is Form.TIME:
        return time_text(value)
    return value == 1 if form is Form.FLAG else value
