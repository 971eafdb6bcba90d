"""Rows of a table as CSV that an upload reads back as the same rows: a column a field, nested fields as JSON text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from router.tables.row_types import ROW_TYPES
from router.tables.rows import cell_kinds


def csv_header(table: str) -> bytes:
    return _text([ROW_TYPES[table].__struct_fields__])


def csv_rows(table: str, lines: Iterable[bytes]) -> bytes:
    """Records of rows as they are stored, one JSON object each; a field at its default is empty."""
    return _text(_cells(line, table) for line in lines)


def _cells(line: bytes, table: str) -> list[str]:
    given = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    return [_cell(given.get(name), kind) for name, kind in cell_kinds(ROW_TYPES[table]).items()]


def _cell(value: msgspec.Raw | None, kind: str) -> str:
    if value is None:
        return ""
    return msgspec.json.decode(value, type=str) if kind in ("text", "words") else bytes(value).decode()


def _text(records: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(records)
    return text.getvalue().encode()
