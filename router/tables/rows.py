"""Bytes of a table upload (NDJSON or CSV) to row structs, every bad row named, nothing half applied."""

from __future__ import annotations

import bisect
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import msgspec

from router.errors import RowError, TableRejected, Unsupported
from router.tables.nulls import without_nulls
from router.tables.row_checks import check_row, check_table
from router.tables.row_types import ROW_TYPES, Row
from router.tables.unread import Unread

T = TypeVar("T", bound=msgspec.Struct)

DECODE_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # of a line that is no row
REMOVE = "remove"  # beside the fields of a row that is part of a patch
ERRORS_MAX = 100  # reported; the count covers all
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json")
CSV = ("text/csv", "application/csv")
_AT = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"^Object (missing required|contains unknown) field `(.*)`$", re.DOTALL)
_BARE = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null", re.ASCII)
BOM = b"\xef\xbb\xbf"
CELL_BYTES_MAX = 1 << 20
csv.field_size_limit(CELL_BYTES_MAX)


class Findings:
    """Row errors in order of their rows: the first ones up to a bound, and how many there are."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.errors: list[RowError] = []
        self.count = 0

    def add(self, error: RowError) -> None:
        self.count += 1
        bisect.insort(self.errors, error, key=lambda kept: kept.row)
        del self.errors[ERRORS_MAX:]

    def extend(self, errors: Iterable[RowError]) -> None:
        for error in errors:
            self.add(error)

    def joined(self, errors: Iterable[RowError]) -> Findings:
        """These and more of them; these stay as they are."""
        both = Findings(self.table)
        both.errors, both.count = [*self.errors], self.count
        both.extend(errors)
        return both

    def raise_if_any(self) -> None:
        if self.count:
            raise TableRejected(self.table, self.errors, self.count)


@dataclass(frozen=True)
class Rows:
    """One upload, read and checked by itself; ``compile.accept`` compares it with other tables and refuses it.

    Not before: so one answer names the rows that are wrong by themselves and those that refer to nothing.
    """

    table: str
    rows: list[Row]  # the readable ones; some of ``findings`` may be about them
    places: list[int]  # where each row stood, as an editor shows it
    findings: Findings


def parse_rows(table: str, body: bytes, media_type: str) -> Rows:
    """Rows of one upload and what is wrong with them; raises Unsupported."""
    if table not in ROW_TYPES:
        raise Unsupported(f"there is no table {table!r}; the tables are {', '.join(ROW_TYPES)}")
    parsed, unread = Rows(table, [], [], Findings(table)), Unread()
    decode = row_decoder(ROW_TYPES[table])
    for place, line in read_lines(table, body, media_type, parsed.findings, unread):
        try:
            parsed.rows.append(decode(line))
            parsed.places.append(place)
        except DECODE_FAULTS as fault:
            parsed.findings.add(explain(table, ROW_TYPES[table].__struct_fields__, place, fault))
            unread.add_line(line)
    for row, place in zip(parsed.rows, parsed.places, strict=True):
        parsed.findings.extend(RowError(place, *found) for found in check_row(row))
    parsed.findings.extend(check_table(table, parsed.rows, parsed.places, unread))
    return parsed


def row_decoder(row_type: type[T]) -> Callable[[bytes], T]:
    """Reads a line; one that is refused may have a null where it could have nothing, and is looked at again. Raises
    DECODE_FAULTS."""
    read = msgspec.json.Decoder(row_type).decode

    def decode(line: bytes) -> T:
        try:
            return read(line)
        except msgspec.ValidationError:
            return read(without_nulls(line, row_type))

    return decode


def read_lines(
    table: str, body: bytes, media_type: str, findings: Findings, unread: Unread, partial: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Rows as JSON lines, with their numbers; ``partial``: those of a patch, of which an empty cell says nothing. What
    cannot be read goes into ``findings`` and ``unread``. Raises Unsupported."""
    essence = media_type.partition(";")[0].strip().lower()
    if essence in NDJSON:
        return ndjson_lines(body)
    if essence in CSV:
        kinds = cell_kinds(ROW_TYPES[table])
        if partial:
            kinds = {name: "text" if kind == "words" else kind for name, kind in kinds.items()} | {REMOVE: "bare"}
        return _csv_lines(kinds, body, findings, unread)
    raise Unsupported(f"tables are read as {NDJSON[0]} or {CSV[0]}, not as {essence or 'an unnamed type'}")


def ndjson_lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers."""
    for number, line in enumerate(body.removeprefix(BOM).split(b"\n"), 1):
        if line.strip():
            yield number, line


def _csv_lines(
    kinds: Mapping[str, str], body: bytes, findings: Findings, unread: Unread
) -> Iterator[tuple[int, bytes]]:
    """Each record as a JSON line, so that one decoder judges both forms."""
    try:
        reader = csv.reader(io.StringIO(body.removeprefix(BOM).decode("utf-8"), newline=""), strict=True)
        header = [name.strip() for name in next(reader, [])]
        wrong = list(_header_errors(list(kinds), header))
        findings.extend(wrong)
        if wrong:
            return
        for place, cells in enumerate(reader, 2):
            if not cells:
                continue
            if len(cells) != len(header):
                detail = f"The record has {len(cells)} cells, the header {len(header)}; quote cells that hold commas."
                findings.add(RowError(place, "", "cells", detail))
                unread.add_cells(cells)
                continue
            try:
                yield place, _json_line(header, cells, kinds)
            except ValueError as fault:
                findings.add(RowError(place, str(fault), "json", f"The cell {fault} must hold JSON text; correct it."))
                unread.add_cells(cells)
    except UnicodeDecodeError:
        findings.add(RowError(1, "", "encoding", "The file is not UTF-8; save it as UTF-8."))
    except csv.Error as fault:
        findings.add(RowError(reader.line_num, "", "csv", f"The CSV cannot be read here ({fault}); check the quotes."))
        unread.add_rest()


def _header_errors(known: Sequence[str], header: list[str]) -> Iterator[RowError]:
    for index, name in enumerate(header):
        if name not in known:
            detail = f"The header names {name!r}, which is no field; the fields are {', '.join(known)}."
            yield RowError(1, name, "unknown_field", detail)
        elif name in header[:index]:
            yield RowError(1, name, "duplicate", f"The header names {name} twice; keep one.")


@cache
def cell_kinds(row_type: type[Row]) -> dict[str, str]:
    """How a cell becomes JSON: "text" quoted, "words" likewise, also where it is empty, "bare" a number or word,
    "nested" JSON text as it stands."""
    kinds = {}
    for field in msgspec.inspect.type_info(row_type).fields:  # type: ignore[attr-defined]
        options = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
        if any(isinstance(option, _NESTED) for option in options):
            kinds[field.name] = "nested"
        elif any(isinstance(option, _BARE_TYPES) for option in options):
            kinds[field.name] = "bare"
        elif field.required and options[0] == msgspec.inspect.StrType():
            kinds[field.name] = "words"
        else:
            kinds[field.name] = "text"
    return kinds


_NESTED = (msgspec.inspect.ListType, msgspec.inspect.DictType, msgspec.inspect.StructType)
_BARE_TYPES = (msgspec.inspect.IntType, msgspec.inspect.FloatType, msgspec.inspect.BoolType)


def _json_line(header: list[str], cells: list[str], kinds: Mapping[str, str]) -> bytes:
    """One CSV record as a JSON object; empty cells are absent. ValueError names a cell that is not JSON."""
    fields: dict[str, object] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell == "" and kinds[name] != "words":
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
