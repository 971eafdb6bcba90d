"""The fields of an event as it was sent, in the JSON form: whatever it did not give is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.life.event_types import TAKES, OrderEvent
from router.log.event_fields import FIELDS, Form, column_of
from router.log.kinds import Kind
from router.log.steps import Step
from router.queries.source import RecordSource, Row
from router.queries.text import time_text


def payload_of(step: Step, source: RecordSource) -> Row:
    """Of an event; of any other step empty. What people wrote is left out where it was erased."""
    if step.kind is not Kind.EVENTS:
        return {}
    fields = TAKES.get(OrderEvent(step.given["event"]), ())
    shown = (name for name in fields if not (FIELDS[name].is_personal or FIELDS[name].is_decided_on))
    return dict([*_decided_on(step), *((name, value) for name in shown if (value := _shown(step, name)) is not None),
                 *texts_of(step, source).items()])  # fmt: skip


def texts_of(step: Step, source: RecordSource) -> dict[str, str]:
    """What people wrote in an event, by field."""
    names = [name for name in TAKES.get(OrderEvent(step.given["event"]), ()) if FIELDS[name].is_personal]
    document = source.document(step.sequence, step.row) if names else None
    return {name: document[name] for name in names if document and document.get(name)}


def _decided_on(step: Step) -> Iterator[tuple[str, Any]]:
    if step.given["amount_minor"] >= 0:
        yield "amount", step.given["amount_minor"]
    if step.given["lines"]:
        yield "lines", list(map(_line, step.payload["line_ids"], step.given["lines"]))


def _line(line_id: str, line: Row) -> Row:
    return {"line_id": line_id} if line["qty"] < 0 else {"line_id": line_id, "qty": line["qty"]}


def _shown(step: Step, name: str) -> Any:
    value, form = step.payload[column_of(name)], FIELDS[name].form
    if form in (Form.ID, Form.TEXT):
        return value or None
    if form is Form.TIME:
        return None if value == -1 else time_text(value)
    return None if value < 0 else bool(value) if form is Form.FLAG else value
