"""The fields that events may have: one row a field, from which its column in the log is made.

Which type takes which field stands in ``router/life/event_types.py``. What decides is in EVENTS as numbers and hashes
(``router/log/columns/events.py``); what is shown has a column of EVENT_PAYLOAD made from its row here.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import pyarrow as pa


class Form(Enum):
    """How a field is written in JSON and as an Arrow column."""

    ID = "a text of 1 to 128 characters"
    TEXT = "a text of at most 4,096 characters"
    AMOUNT = "a whole number of minor units, 0 or more"
    COUNT = "a whole number, 0 or more"
    TIME = "an RFC 3339 time with an offset"  # as Arrow: a timestamp with a time zone
    FLAG = "true or false"
    LINES = 'a list of {"line_id", "qty"}'  # as Arrow: list<struct<line_id: string, qty: integer>>


class Field(NamedTuple):
    """One field of events: how it is written, and where it is kept."""

    form: Form
    since: int = 1  # version of the kind EVENTS that has it
    is_personal: bool = False  # people wrote it, so it lies with the documents, which can be erased
    is_decided_on: bool = False  # as it was sent it stands in EVENTS itself


# Fields that every type takes.
COMMON: dict[str, Field] = {
    "event_id": Field(Form.ID),
    "order_id": Field(Form.ID),
    "type": Field(Form.ID),
    "at": Field(Form.TIME),
    "source": Field(Form.ID),
    "channel": Field(Form.ID),  # within which the order_id is meant, by order_id_scope
    "seller": Field(Form.ID),
}
REQUIRED = ("event_id", "order_id", "type")

FIELDS: dict[str, Field] = {
    "payment_id": Field(Form.ID),
    "amount": Field(Form.AMOUNT, is_decided_on=True),
    "currency": Field(Form.ID),
    "method": Field(Form.ID),
    "reason": Field(Form.TEXT),
    "hold": Field(Form.ID),
    "note": Field(Form.TEXT, is_personal=True),
    "lines": Field(Form.LINES, is_decided_on=True),
    "node": Field(Form.ID),
    "to_node": Field(Form.ID),
    "shipment_id": Field(Form.ID),
    "carrier": Field(Form.ID),
    "service": Field(Form.ID),
    "tracking_number": Field(Form.ID),
    "cartons": Field(Form.COUNT),
    "disposition": Field(Form.ID),
    "code": Field(Form.ID),
    "place": Field(Form.TEXT),
    "text": Field(Form.TEXT, is_personal=True),
    "eta": Field(Form.TIME),
    "reversed_event_id": Field(Form.ID),
    "public": Field(Form.FLAG),
}

_TYPES = {
    Form.ID: pa.string(),
    Form.TEXT: pa.string(),
    Form.AMOUNT: pa.int64(),
    Form.COUNT: pa.int64(),
    Form.TIME: pa.int64(),
    Form.FLAG: pa.int8(),
}
_UNITS = {Form.AMOUNT: "_minor", Form.TIME: "_ms"}


def column_of(name: str) -> str:
    """The column of EVENT_PAYLOAD that shows a field: its name with its unit."""
    return name + _UNITS.get(FIELDS[name].form, "")


def shown_columns() -> list[tuple[int, str, pa.DataType]]:
    """(version, name, type) of the columns that show fields; numbers that were not given are -1, texts ""."""
    shown = ((name, field) for name, field in FIELDS.items() if not (field.is_personal or field.is_decided_on))
    return [(field.since, column_of(name), _TYPES[field.form]) for name, field in shown]
