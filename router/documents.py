"""The document of an order: everything its channel sent, for people and partners, apart from the log.

NDJSON orders keep their own line in a column ``json``; Arrow orders keep their columns, whose flattened
names (``ship_to_city``) are folded back into the objects of the JSON form.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa

from router.arrow_rows import ArrowRows

_OBJECTS = ("customer", "ship_to", "bill_to", "payment", "shipping")


def document_of(documents: pa.RecordBatch, row: int) -> dict[str, Any] | None:
    """The document in one row, in the JSON form of an order; None where it was erased."""
    return document_in(ArrowRows(documents), row)


def document_in(documents: ArrowRows, row: int) -> dict[str, Any] | None:
    """The same of a batch that was opened before."""
    cells = ((name, documents.value(name, row)) for name in documents.names)
    given = {name: value for name, value in cells if value is not None}
    if not given:
        return None
    line = given.pop("json", None)
    document: dict[str, Any] = msgspec.json.decode(line) if line else {}
    for name, value in given.items():
        _place(document, name, value)
    return document


def _place(document: dict[str, Any], name: str, value: Any) -> None:
    for owner in _OBJECTS:
        if name.startswith(owner + "_"):
            document.setdefault(owner, {})[name[len(owner) + 1 :]] = value
            return
    document[name] = value
