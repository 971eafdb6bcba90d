"""Single rows of a table changed, added and taken away: a patch becomes the whole table that it would be.

A line names a row by its key and says what changes: fields that are given replace the row's, null takes one away,
others stay. A row that is not there yet is added, and must be whole. ``"remove": true`` takes the row away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import msgspec

from router.errors import RowError
from router.tables.row_checks import KEYS, check_row, check_table, key_of
from router.tables.row_types import ROW_TYPES, Row
from router.tables.rows import DECODE_FAULTS, REMOVE, Findings, Rows, explain, read_lines, row_decoder
from router.tables.unread import Unread

Key = tuple[Any, ...]
_Line = dict[str, msgspec.Raw]


class Changes(NamedTuple):
    """How many rows a patch really changes."""

    added: int
    changed: int
    removed: int


class _Removal(msgspec.Struct):
    remove: bool = False


@dataclass
class _Patch:
    """Rows by key, in their order, with the patch's changes as they come."""

    table: str
    rows: dict[Key, Row]
    places: dict[Key, int] = field(default_factory=dict)  # lines of the patch, by the row they are about
    added: list[Key] = field(default_factory=list)
    changed: list[Key] = field(default_factory=list)
    removed: int = 0


def patched(table: str, stands: Sequence[Row], body: bytes, media_type: str) -> tuple[Rows, Changes]:
    """The table as it would be, with what is wrong with it, and what the patch changes; raises Unsupported."""
    patch, findings, unread = _Patch(table, {key_of(row): row for row in stands}), Findings(table), Unread()
    for place, line in read_lines(table, body, media_type, findings, unread, partial=True):
        try:
            findings.extend(_apply(patch, place, line))
        except DECODE_FAULTS as fault:
            findings.add(explain(table, (*ROW_TYPES[table].__struct_fields__, REMOVE), place, fault))
            unread.add_line(line)
    for key in (*patch.changed, *patch.added):
        findings.extend(RowError(patch.places[key], *found) for found in check_row(patch.rows[key]))
    rows = list(patch.rows.values())
    places = [patch.places.get(key, 0) for key in patch.rows]
    findings.extend(check_table(table, rows, places, unread))
    return Rows(table, rows, places, findings), Changes(len(patch.added), len(patch.changed), patch.removed)


def keys_in(table: str, body: bytes, media_type: str) -> list[Key]:
    """Keys of the rows that a patch is about, as far as it can be read; raises Unsupported."""
    read, found = _key_decoder(table), list[Key]()
    for _, line in read_lines(table, body, media_type, Findings(table), Unread(), partial=True):
        try:
            found.append(key_of(read(line), ROW_TYPES[table]))
        except DECODE_FAULTS:  # told when the patch is applied
            continue
    return found


def _apply(patch: _Patch, place: int, line: bytes) -> Iterator[RowError]:
    """Apply a line, or say why it cannot be; raises what the decoder raises."""
    row_type = ROW_TYPES[patch.table]
    key = key_of(_key_decoder(patch.table)(line), row_type)
    given = msgspec.json.decode(line, type=_Line)
    earlier = patch.places.setdefault(key, place)
    if earlier != place:
        yield RowError(place, KEYS[row_type][0], "duplicate", f"Row {earlier} is about the same row; join the two.")
        return
    removes = msgspec.json.decode(line, type=_Removal).remove
    given.pop(REMOVE, None)
    if not removes:
        yield from _merge(patch, place, key, given)
    elif others := sorted(given.keys() - set(KEYS[row_type])):
        detail = f"A row that is removed is named by {', '.join(KEYS[row_type])} alone; leave out {', '.join(others)}."
        yield RowError(place, others[0], "value", detail)
    elif patch.rows.pop(key, None) is not None:  # the same patch may come twice
        patch.removed += 1


def _merge(patch: _Patch, place: int, key: Key, given: _Line) -> Iterator[RowError]:
    before, row_type = patch.rows.get(key), ROW_TYPES[patch.table]
    stands = {} if before is None else msgspec.json.decode(msgspec.json.encode(before), type=_Line)
    try:
        row = row_decoder(row_type)(msgspec.json.encode(stands | given))
    except DECODE_FAULTS as fault:
        found = explain(patch.table, row_type.__struct_fields__, place, fault)
        added = f"No row has this key ({', '.join(KEYS[row_type])}), and one that is added is whole: "
        yield found if before else RowError(place, found.field, found.code, added + found.detail)
        return
    patch.rows[key] = row
    if before is None:
        patch.added.append(key)
    elif row != before:
        patch.changed.append(key)


@cache
def _key_decoder(table: str) -> Any:
    """Reads what a row is known by out of a line, whatever else stands there."""
    names = KEYS[ROW_TYPES[table]]
    known = {each.name: each for each in msgspec.structs.fields(ROW_TYPES[table])}
    fields: list[Any] = [
        (name, known[name].type) if known[name].required else (name, known[name].type, known[name].default)
        for name in names
    ]
    return row_decoder(msgspec.defstruct(f"{table.capitalize()}Key", fields, kw_only=True))
