"""Uploads of reference tables, as JSON lines or CSV: taken whole and compiled, or refused by row and field."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import Any

import msgspec

from bench.trials.fuzz.goods import GOOD, NDJSON, NOW_MS, ROWS, TABLES, ndjson
from bench.trials.fuzz.targets import Examine
from router.errors import TableRejected
from router.tables.compile import accept, compile_tables
from router.tables.patch import patched
from router.tables.row_csv import csv_header, csv_rows
from router.tables.row_types import ROW_TYPES, StockRow
from router.tables.rows import CELL_BYTES_MAX, ERRORS_MAX, Rows, parse_rows

CSV = "text/csv"
WORDS = (
    *(f'"{field}"'.encode() for table in ROW_TYPES.values() for field in table.__struct_fields__),
    *(b"null", b"true", b"[]", b"{}", b"\n", b'""', b"-1", b"1e999", b"1000000001", b"9223372036854775808", b"\\ud800"),
    *(b'"DE-BY"', b'"DE:10*"', b'"*"', b'"24:00"', b'"Europe/Berlin"', b'"percent":"10.5"', b'"percent_bp":1'),
    *(b'"fixed":1', b'"fixed_price":0', b'"9999-12-31T23:59:59-23:59"', b'"0001-01-01T00:00:00+23:59"'),
)


def examples(name: str) -> list[bytes]:
    table = name.removeprefix("table-")
    rows = GOOD[table]
    return [b"\x00" + ndjson(rows), b"\x00" + ndjson([rows[0], {**rows[-1], "oops": 1}]), b"\x01" + _csv_of(rows)]


def _csv_of(rows: list[dict[str, Any]]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return text.getvalue().encode()


def _cell(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def examine(name: str) -> Examine:
    return partial(one, name.removeprefix("table-"))


def one(table: str, data: bytes) -> None:
    """The first byte says whether the rest is CSV. The same bytes are an upload, and a patch of what stands."""
    body, media_type = data[1:], CSV if data[:1] == b"\x01" else NDJSON
    _upload(table, body, media_type)
    _patch(table, body, media_type)


def _patch(table: str, body: bytes, media_type: str) -> None:
    stands = getattr(ROWS, table)
    upload, changes = patched(table, stands, body, media_type)
    assert len(upload.rows) == len(stands) + changes.added - changes.removed, "every change is counted"
    if upload.findings.count:
        return
    _examine_accepted(table, upload)
    again, nothing = patched(table, upload.rows, body, media_type)
    assert again.rows == upload.rows and not any(nothing), "a patch that comes twice changes nothing"


def _upload(table: str, body: bytes, media_type: str) -> None:
    try:
        upload = parse_rows(table, body, media_type)
        accepted = accept(upload, ROWS, TABLES)
    except TableRejected as refusal:
        _examine_refusal(refusal, table, body, media_type)
        return
    if media_type == NDJSON:
        lines = [
            number for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1) if line.strip()
        ]
        assert upload.places == lines, "a table that is taken has every row"
    _examine_accepted(table, upload)
    compiled = compile_tables(TABLES.version + 1, accepted, TABLES, NOW_MS)
    assert compiled.skus.ids.values[: len(TABLES.skus.ids.values)] == TABLES.skus.ids.values, (
        "numbers stay what they were"
    )


def _examine_accepted(table: str, upload: Rows) -> None:
    """Rows survive their own encoding, as the store keeps them."""
    again = [msgspec.json.decode(msgspec.json.encode(row), type=ROW_TYPES[table]) for row in upload.rows]
    assert again == upload.rows, "a row that is taken can be kept"
    text = csv_header(table) + csv_rows(table, map(msgspec.json.encode, upload.rows))
    read = parse_rows(table, text, CSV)
    is_short = all(len(msgspec.json.encode(row)) < CELL_BYTES_MAX for row in upload.rows)
    assert not is_short or list(map(_told, read.rows)) == list(map(_told, upload.rows)), "as CSV it comes back"


def _told(row: Any) -> Any:
    """A lot whose name is empty is none."""
    return msgspec.structs.replace(row, lot=row.lot or None) if isinstance(row, StockRow) else row


def _examine_refusal(refusal: TableRejected, table: str, body: bytes, media_type: str) -> None:
    assert refusal.table == table and 0 < len(refusal.errors) <= min(refusal.count, ERRORS_MAX)
    rows = body.count(b"\n") + (body.count(b"\r") if media_type == CSV else 0) + 1
    for error in refusal.errors:
        assert 1 <= error.row <= rows, "a refusal names a row that is there"
        assert len(error.detail) > 20 and error.code
