"""Compiled tables as bytes: xxh3-128 of the rest, then an Arrow IPC stream of one row.

Every array and string list is one column of that row, named by its path (``skus.price_minor``); shapes
and single numbers stand in the schema's metadata. Any Arrow reader can open it after 16 bytes.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import xxhash

from router.arrow.string_table import StringTable
from router.errors import Damaged
from router.tables.compiled import Tables
from router.tables.old_taxes import taxes_of_rates

_LAYOUT = 1  # raised when a field of Tables comes, goes or changes its meaning
DIGEST_BYTES = 16
_METADATA = b"tables"


def sealed(payload: bytes) -> bytes:
    """The payload with its checksum in front."""
    digest: bytes = xxhash.xxh3_128_digest(payload)
    return digest + payload


def unsealed(stored: bytes) -> memoryview:
    """What :func:`sealed` was given; raises Damaged when the bytes are not what was written."""
    payload = memoryview(stored)[DIGEST_BYTES:]
    if len(stored) < DIGEST_BYTES or xxhash.xxh3_128_digest(payload) != stored[:DIGEST_BYTES]:
        raise Damaged("the checksum is wrong")
    return payload


class _Header(msgspec.Struct):
    layout: int
    numbers: dict[str, int]
    shapes: dict[str, list[int]]
    string_tables: list[str]


def tables_to_bytes(tables: Tables) -> bytes:
    """The stored form; equal tables have equal bytes."""
    header = _Header(_LAYOUT, {}, {}, [])
    columns: dict[str, pa.Array] = {}
    for path, value in _leaves("", tables):
        if isinstance(value, int):  # bool too
            header.numbers[path] = int(value)
        elif isinstance(value, np.ndarray):
            header.shapes[path] = list(value.shape)
            columns[path] = pa.array(value.reshape(-1))
        else:
            if isinstance(value, StringTable):
                header.string_tables.append(path)
            columns[path] = pa.array(value.values if isinstance(value, StringTable) else value, pa.string())
    row = [pa.LargeListArray.from_arrays(pa.array([0, len(column)], pa.int64()), column) for column in columns.values()]
    schema = pa.schema(
        [(name, column.type) for name, column in zip(columns, row, strict=True)],
        metadata={_METADATA: msgspec.json.encode(header)},
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(row, schema=schema))
    return sealed(sink.getvalue().to_pybytes())


def tables_from_bytes(stored: bytes) -> Tables:
    """The tables; raises Damaged when the bytes are not what was written."""
    with pa.ipc.open_stream(pa.py_buffer(unsealed(stored))) as reader:
        batch = reader.read_next_batch()
        header = msgspec.json.decode(reader.schema.metadata[_METADATA], type=_Header)
    if header.layout != _LAYOUT:
        raise Damaged(f"compiled tables: layout {header.layout} is not {_LAYOUT}; compile them from their rows again")
    values: dict[str, Any] = dict(header.numbers)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values[name] = _column_value(name, column.values, header)
    if "taxes.rate_bp" in values:
        older = taxes_of_rates(values.pop("taxes.rate_bp"), values["taxes.inclusive"])
        values.update({f"taxes.{name}": value for name, value in older.items()})
    return typing.cast(Tables, _build(Tables, "", values))


def shapes_in(schema: pa.Schema) -> dict[str, list[int]]:
    """Shapes of a stored version's arrays, by the schema in front of them."""
    return msgspec.json.decode(schema.metadata[_METADATA], type=_Header).shapes


def _column_value(name: str, column: pa.Array, header: _Header) -> Any:
    if name in header.shapes:
        return column.to_numpy(zero_copy_only=True).reshape(header.shapes[name])
    return StringTable.from_arrow(column) if name in header.string_tables else column.to_pylist()


def _leaves(prefix: str, node: Any) -> Iterator[tuple[str, Any]]:
    for field in _stored_fields(node):
        value = getattr(node, field.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(f"{prefix}{field.name}.", value)
        else:
            yield prefix + field.name, value


def _stored_fields(kind: Any) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(kind) if field.metadata.get("stored", True)]


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _build(kind: type[Any], prefix: str, values: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(kind)
    built = {}
    for field in _stored_fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            built[field.name] = _build(typing.cast(type[Any], hint), f"{prefix}{field.name}.", values)
        elif prefix + field.name in values or not _has_default(field):
            value = values[prefix + field.name]
            built[field.name] = bool(value) if hint is bool else value  # else of a version that knew nothing of it
    return kind(**built)
