"""Kinds: what a record holds, and every form in which it was ever stored.

A row of ``MESSAGES`` is a kind: the schemas of the messages its records begin with, in their newest form. A column that
came later says so where it is declared (``since`` in ``router/log/columns/``), so an older form is the columns of its
time. A record of an older version is read by that form and widened: what it could not say gets the column's default.
The version of a record stands in the upper byte of its kind. So adding a column is one line, and every folder that any
version wrote can be read.
"""

from __future__ import annotations

import functools
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa

from router.log.columns import (
    ADMITTED,
    AMENDED,
    AMENDS,
    BASIS,
    CLAIMS,
    DECISION,
    EVENT_OUTCOME,
    EVENT_PAYLOAD,
    EVENTS,
    GIVEN_BACK,
    GRANTED,
    GRANTS,
    MOVEMENTS,
    MOVES,
    NUMBERED,
    NUMBERING,
    OUTCOME,
    PENDED,
    PENDING,
    default_of,
    since_of,
    was_nullable,
)

VERSION_SHIFT = 8  # bits of the header's kind field that hold the kind itself
VERSIONS_MAX = 1 << 8


class Kind(IntEnum):
    """Numbers are permanent. Shards write 1-15, the ledger 16 and up."""

    ORDERS = 1
    OUTCOMES = 2
    EVENTS = 3
    EVENT_OUTCOMES = 4
    GRANTED = 5
    GRANTED_OUTCOMES = 6
    DOCUMENTS = 8  # stands in the sub-database of documents, outside the chain
    DECISION = 16
    MOVES = 17
    STOCK = 18
    AMENDS = 20
    PENDING = 21


MESSAGES: dict[Kind, tuple[pa.Schema, ...]] = {
    Kind.ORDERS: (ADMITTED,),
    Kind.OUTCOMES: (OUTCOME,),
    Kind.EVENTS: (EVENTS, EVENT_PAYLOAD),
    Kind.EVENT_OUTCOMES: (EVENT_OUTCOME,),
    Kind.GRANTED: (GRANTED,),
    Kind.GRANTED_OUTCOMES: (EVENT_OUTCOME,),
    Kind.DOCUMENTS: (),
    Kind.DECISION: (CLAIMS, DECISION, BASIS),
    Kind.MOVES: (MOVES, GIVEN_BACK, GRANTS, BASIS, NUMBERING, NUMBERED),
    Kind.STOCK: (MOVEMENTS, GRANTS, BASIS),
    Kind.AMENDS: (AMENDS, AMENDED, GRANTS, BASIS),
    Kind.PENDING: (PENDING, PENDED, GRANTS, BASIS),
}
# Of the kinds that answer a shard, the messages that are its question; (shard, sequence) asks it once.
QUESTIONS: dict[Kind, tuple[int, ...]] = {Kind.DECISION: (0,), Kind.MOVES: (0, 1, 4), Kind.AMENDS: (0,)}


ROW_FOR_ROW = (EVENT_PAYLOAD,)  # messages with a row for each row of the first one


@functools.cache
def version_of(kind: Kind) -> int:
    """The version in which records of a kind are written now."""
    return max((_newest(field) for schema in MESSAGES[kind] for field in schema), default=0)


@functools.cache
def form(kind: Kind, message: int, version: int) -> pa.Schema:
    """The schema of a message as it was stored in a version; empty where there was no such message."""
    fields = (_narrowed(field, version) for field in MESSAGES[kind][message])
    return pa.schema([field for field in fields if field is not None])


def widened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of an older form in the newest one."""
    return pa.RecordBatch.from_arrays([widened_column(batch, field) for field in schema], schema=schema)


def widened_column(batch: Any, field: pa.Field) -> pa.Array:
    """One column of a batch (packed or not) of any form in the newest one."""
    if field.name not in batch.schema.names:
        return default_column(field, batch.num_rows)
    return _widened(batch.column(field.name), field)


def defaults(schema: pa.Schema, rows: int) -> pa.RecordBatch:
    """What a message that did not exist yet would have said."""
    return pa.RecordBatch.from_arrays([default_column(field, rows) for field in schema], schema=schema)


def default_value(field: pa.Field) -> int | str | list[object]:
    """What one row of an older form says of a column that came later."""
    if pa.types.is_string(field.type):
        return ""
    return [] if pa.types.is_list(field.type) else default_of(field)


def widened_value(value: Any, field: pa.Field) -> Any:
    """One value of a column that an older form has, too, in the newest one."""
    if value is None:
        return default_of(field)
    if pa.types.is_list(field.type):
        return [widened_value(item, field.type.value_field) for item in value]
    if pa.types.is_struct(field.type):
        return {
            child.name: widened_value(value[child.name], child) if child.name in value else default_value(child)
            for child in field.type
        }
    return value


def _newest(field: pa.Field) -> int:
    return max([since_of(field), int(was_nullable(field, 0)), *(_newest(child) for child in _children(field.type))])


def _children(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(number) for number in range(kind.num_fields)]


def _narrowed(field: pa.Field, version: int) -> pa.Field | None:
    """The field as a version knew it, None where it came later."""
    if since_of(field) > version:
        return None
    return field.with_type(_narrowed_type(field.type, version)).with_nullable(was_nullable(field, version))


def _narrowed_type(kind: pa.DataType, version: int) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_narrowed_type(kind.value_type, version)))
    if pa.types.is_struct(kind):
        return pa.struct([kept for child in kind if (kept := _narrowed(child, version)) is not None])
    return kind


def _widened(array: pa.Array, field: pa.Field) -> pa.Array:
    """A column that an older form has, too; lists and structs may have grown inside."""
    kind = field.type
    if array.null_count:
        array = array.fill_null(default_of(field))
    if array.type == kind:
        return array
    if pa.types.is_list(kind):
        offsets, items = pa.array(array.offsets), array.values
        return pa.ListArray.from_arrays(offsets, _widened(items, kind.value_field), type=kind)
    names = {array.type.field(number).name for number in range(array.type.num_fields)}
    children = [
        _widened(array.field(child.name), child) if child.name in names else default_column(child, len(array))
        for child in kind
    ]
    return pa.StructArray.from_arrays(children, fields=list(kind))


def default_column(field: pa.Field, rows: int) -> pa.Array:
    """A column of a form that knew nothing of it."""
    kind = field.type
    if pa.types.is_string(kind):
        return pa.array([""] * rows, kind)
    if pa.types.is_list(kind):
        empty = pa.array([], kind.value_type)
        return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), empty, type=kind)
    return pa.array(np.full(rows, default_of(field)), kind)
