"""The careful reader of one event line: names what is wrong with it, or writes it again in plain form.

See ``router/wire/careful.py`` for what it does to the lines that the scanner leaves. Which fields a type takes is not
looked at here: that is asked of all rows at once.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from router.config import Limits
from router.log.event_fields import Form
from router.wire.careful import (
    Int64,
    LineFault,
    bounded_text,
    pairs_of,
    place_of,
    plain_time,
    refuse_repeated,
    syntax_sentence,
    type_sentence,
)
from router.wire.event_table import ALL, LINE_FIELDS, LINES, TIME_FIELDS

_SHOWN_MAX = 80  # characters of a name that is told back
_UNKNOWN = re.compile(r"object contains unknown field `(.*)`")


class EventLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A line of an order that an event concerns."""

    line_id: str | None = None
    qty: Int64 | None = None


_TYPES: dict[Form, Any] = {
    Form.ID: str | None,
    Form.TEXT: str | None,
    Form.AMOUNT: Int64 | None,
    Form.COUNT: Int64 | None,
    Form.TIME: str | None,
    Form.FLAG: bool | None,
    Form.LINES: list[EventLine] | None,
}
_Event = msgspec.defstruct(
    "_Event",
    [(name, _TYPES[field.form], None) for name, field in ALL.items()],
    forbid_unknown_fields=True,
    omit_defaults=True,
)


class _EventId(msgspec.Struct):
    event_id: str | None = None


class _OrderId(msgspec.Struct):
    order_id: str | None = None


_decoder = msgspec.json.Decoder(_Event)
_encoder = msgspec.json.Encoder()


def plain_event(line: bytes, limits: Limits) -> bytes:
    """The line's fields as JSON the scanner reads; raises :class:`LineFault` when it is no event."""
    bounded_text(line, limits, "event")
    try:
        event: Any = _decoder.decode(line)
        _refuse_repeats(line)
    except msgspec.ValidationError as fault:
        raise LineFault(_sentence(str(fault))) from None
    except (msgspec.DecodeError, json.JSONDecodeError) as fault:
        raise LineFault(f"{syntax_sentence(line, fault)}; send one event a line") from None
    for name in TIME_FIELDS:
        setattr(event, name, plain_time(name, getattr(event, name)))
    if event.lines == []:
        raise LineFault(NO_LINES)
    return _encoder.encode(event)


NO_LINES = "lines is an empty list; leave it out where all units are meant, or name lines"


def ids_of(line: bytes) -> tuple[str | None, str | None]:
    """event_id and order_id of a line that has a fault elsewhere, each None where it cannot be read."""
    return _only(line, _EventId, "event_id"), _only(line, _OrderId, "order_id")


def _only(line: bytes, struct: type, name: str) -> str | None:
    try:
        found: str | None = getattr(msgspec.json.decode(line, type=struct), name)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found or None


def _refuse_repeats(line: bytes) -> None:
    """A key given twice is ambiguous: readers differ on which one counts."""
    parsed = pairs_of(line)
    refuse_repeated(parsed, tuple(ALL), "")
    for key, value in parsed:
        if key == LINES and isinstance(value, list):
            for number, item in enumerate(value):
                refuse_repeated(item, LINE_FIELDS, f"lines[{number}].")


def _sentence(fault: str) -> str:
    place, words = place_of(fault)
    unknown = _UNKNOWN.fullmatch(words)
    if unknown is None:
        return type_sentence(fault)
    return f"{f'{place}.' if place else ''}{unknown[1][:_SHOWN_MAX]} is no field of an event; leave it out"
