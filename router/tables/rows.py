"""Bytes of a table upload (NDJSON or CSV) to row structs, every bad row named, nothing half applied."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from router.errors import RowError, TableRejected, Unsupported
from router.tables.row_checks import check_row, check_table
from router.tables.row_types import ROW_TYPES, Row

ERRORS_MAX = 100  # reported; the count covers all
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json")
CSV = ("text/csv", "application/csv")
_AT = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"^Object (missing required|contains unknown) field `(.*)`$", re.DOTALL)
_BARE = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null", re.ASCII)
BOM = b"\xef\xbb\xbf"
_CELL_BYTES_MAX = 1 << 20
csv.field_size_limit(_CELL_BYTES_MAX)


@dataclass(frozen=True)
class Rows:
    """One upload, read and checked by itself; ``row_checks.check_against`` compares it with other tables."""

    table: str
    rows: list[Row]
    places: list[int]  # where each row stood, as an editor shows it


class Findings:
    """Collects row errors up to a bound and counts the rest."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.errors: list[RowError] = []
        self.count = 0

    def add(self, error: RowError) -> None:
        self.count += 1
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(error)

    def extend(self, errors: Iterable[RowError]) -> None:
        for error in errors:
            self.add(error)

    def raise_if_any(self) -> None:
        if self.count:
            self.errors.sort(key=lambda error: error.row)
            raise TableRejected(self.table, self.errors, self.count)


def parse_rows(table: str, body: bytes, media_type: str) -> Rows:
    """Rows of one upload; raises TableRejected with every bad row, or Unsupported."""
    if table not in ROW_TYPES:
        raise Unsupported(f"there is no table {table!r}; the tables are {', '.join(ROW_TYPES)}")
    findings = Findings(table)
    parsed = Rows(table, [], [])
    decode = msgspec.json.Decoder(ROW_TYPES[table]).decode
    for place, line in _lines(table, body, media_type, findings):
        try:
            row = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            findings.add(explain(table, ROW_TYPES[table].__struct_fields__, place, fault))
            continue
        parsed.rows.append(row)
        parsed.places.append(place)
    for row, place in zip(parsed.rows, parsed.places, strict=True):
        findings.extend(RowError(place, *found) for found in check_row(row))
    findings.extend(check_table(table, parsed.rows, parsed.places))
    findings.raise_if_any()
    return parsed


def _lines(table: str, body: bytes, media_type: str, findings: Findings) -> Iterator[tuple[int, bytes]]:
    essence = media_type.partition(";")[0].strip().lower()
    if essence in NDJSON:
        return ndjson_lines(body)
    if essence in CSV:
        return _csv_lines(ROW_TYPES[table], body, findings)
    raise Unsupported(f"tables are read as {NDJSON[0]} or {CSV[0]}, not as {essence or 'an unnamed type'}")


def ndjson_lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers."""
    for number, line in enumerate(body.removeprefix(BOM).split(b"\n"), 1):
        if line.strip():
            yield number, line


def _csv_lines(row_type: type[Row], body: bytes, findings: Findings) -> Iterator[tuple[int, bytes]]:
    """Each record as a JSON line, so that one decoder judges both forms."""
    try:
        reader = csv.reader(io.StringIO(body.removeprefix(BOM).decode("utf-8"), newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        wrong = list(_header_errors(row_type, header))
        findings.extend(wrong)
        if wrong:
            return
        kinds = _cell_kinds(row_type)
        for place, cells in enumerate(reader, 2):
            if not cells:
                continue
            if len(cells) != len(header):
                detail = f"The record has {len(cells)} cells, the header {len(header)}; quote cells that hold commas."
                findings.add(RowError(place, "", "cells", detail))
                continue
            try:
                yield place, _json_line(header, cells, kinds)
            except ValueError as fault:
                findings.add(RowError(place, str(fault), "json", f"The cell {fault} must hold JSON text; correct it."))
    except UnicodeDecodeError:
        findings.add(RowError(1, "", "encoding", "The file is not UTF-8; save it as UTF-8."))
    except csv.Error as fault:
        findings.add(RowError(reader.line_num, "", "csv", f"The CSV cannot be read here ({fault}); check the quotes."))


def _header_errors(row_type: type[Row], header: list[str]) -> Iterator[RowError]:
    known = [field.name for field in msgspec.structs.fields(row_type)]
    for index, name in enumerate(header):
        if name not in known:
            detail = f"The header names {name!r}, which is no field; the fields are {', '.join(known)}."
            yield RowError(1, name, "unknown_field", detail)
        elif name in header[:index]:
            yield RowError(1, name, "duplicate", f"The header names {name} twice; keep one.")


def _cell_kinds(row_type: type[Row]) -> dict[str, str]:
    """How a cell becomes JSON: "text" quoted, "bare" a number or word, "nested" JSON text as it stands."""
    kinds = {}
    for field in msgspec.inspect.type_info(row_type).fields:  # type: ignore[attr-defined]
        options = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
        if any(isinstance(option, _NESTED) for option in options):
            kinds[field.name] = "nested"
        elif any(isinstance(option, _BARE_TYPES) for option in options):
            kinds[field.name] = "bare"
        else:
            kinds[field.name] = "text"
    return kinds


_NESTED = (msgspec.inspect.ListType, msgspec.inspect.DictType, msgspec.inspect.StructType)
_BARE_TYPES = (msgspec.inspect.IntType, msgspec.inspect.FloatType, msgspec.inspect.BoolType)


def _json_line(header: list[str], cells: list[str], kinds: dict[str, str]) -> bytes:
    """One CSV record as a JSON object; empty cells are absent. ValueError names a cell that is not JSON."""
    fields: dict[str, object] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell == "":
            continue
        if kinds[name] == "nested":
            fields[name] = _raw_json(name, cell)
        elif kinds[name] == "bare":
            word = cell.strip().lower()
            fields[name] = msgspec.Raw(word.encode()) if _BARE.fullmatch(word) else cell
        else:
            fields[name] = cell
    return msgspec.json.encode(fields)


def _raw_json(name: str, cell: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError(name) from None
    return msgspec.Raw(cell.encode())


def explain(table: str, fields: Sequence[str], place: int, fault: Exception) -> RowError:
    """What msgspec found in a line, as a sentence with a remedy."""
    if not isinstance(fault, msgspec.ValidationError):
        return RowError(place, "", "json", f"The line is not one JSON object ({fault}); correct its syntax.")
    found = _AT.match(str(fault))
    assert found is not None
    problem, path = found[1], found[2] or ""
    named = _NAMED.match(problem)
    if named is None:
        return RowError(place, path, "value", f"{path or 'The row'} is wrong: {problem}; correct the value.")
    field = f"{path}.{named[2]}" if path else named[2]
    if named[1] == "missing required":
        return RowError(place, field, "missing", f"{field} is missing; add it to the row.")
    remedy = "remove it or put it under attributes" if "attributes" in fields else "remove it"
    detail = f"{field} is no field of {table}, which has {', '.join(fields)}; {remedy}."
    return RowError(place, field, "unknown_field", detail)
