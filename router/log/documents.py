"""The document of an order: everything its channel sent, for people and partners, apart from the log.

NDJSON orders keep their own line in a column ``json``; Arrow orders keep their columns, whose flattened
names (``ship_to_city``) are folded back into the objects of the JSON form.
"""

from __future__ import annotations

import datetime
import json
import math
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from router.arrow.rows import ArrowRows

_OBJECTS = ("customer", "ship_to", "bill_to", "payment", "shipping")
_LINE = ("json",)  # the columns of documents that came as JSON lines
_IN_JSON = (str, bool, float, datetime.datetime, datetime.date, datetime.time, type(None))


class Rows(Protocol):
    """A batch whose rows are looked at one by one."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def value(self, name: str, row: int) -> Any: ...


def document_of(documents: pa.RecordBatch, row: int) -> dict[str, Any] | None:
    """The document in one row, in the JSON form of an order; None where it was erased."""
    return document_in(ArrowRows(documents), row)


def document_in(documents: Rows, row: int) -> dict[str, Any] | None:
    """The same of a batch that was opened before."""
    cells = ((name, _cell(documents, name, row)) for name in documents.names)
    given = {name: value for name, value in cells if value is not None}
    if not given:
        return None
    if documents.names == _LINE:
        return _read(given["json"])
    document: dict[str, Any] = {}
    for name, value in given.items():
        _place(document, name, value)
    return document


def presentable(value: Any) -> Any:
    """The same with text in place of what JSON has no form for: numbers beyond 64 bits, decimals, bytes, durations."""
    if isinstance(value, dict):
        return {str(key): presentable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [presentable(item) for item in value]
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    return value if isinstance(value, _IN_JSON) else value.hex() if isinstance(value, bytes) else str(value)


def _cell(documents: Rows, name: str, row: int) -> Any:
    try:
        return documents.value(name, row)
    except (pa.ArrowException, ValueError, ArithmeticError):
        return "a value beyond what its type can show"


def _read(line: bytes) -> dict[str, Any]:
    """The order in a line; a number that fits no type is shown as its text."""
    try:
        document: dict[str, Any] = msgspec.json.decode(line)
    except msgspec.DecodeError:
        document = json.loads(line, parse_float=_float, parse_int=_int)
    return document


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) < 20 else text


def _place(document: dict[str, Any], name: str, value: Any) -> None:
    for owner in _OBJECTS:
        part = document.setdefault(owner, {}) if name.startswith(owner + "_") else None
        if isinstance(part, dict):  # a channel may also send a column of the owner's name that is none
            part[name[len(owner) + 1 :]] = value
            return
    document[name] = value
