"""How columns are declared: never null, and with the version of their kind where they came later."""

from __future__ import annotations

import pyarrow as pa


def schema(*fields: tuple[str, pa.DataType] | pa.Field) -> pa.Schema:
    return pa.schema([_never_null(field) for field in fields])


def list_of(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("item", kind, nullable=False))


def structs(*fields: tuple[str, pa.DataType] | pa.Field) -> pa.DataType:
    """A list of structs of these fields."""
    return list_of(pa.struct([_never_null(field) for field in fields]))


def since(version: int, name: str, dtype: pa.DataType, default: int = 0) -> pa.Field:
    """A column that records of a kind have from a version on; what older ones say of it is ``default`` (texts "",
    lists empty)."""
    stamp = {"since": str(version), "default": str(default)}
    return pa.field(name, dtype, nullable=False, metadata=stamp)


def nullable_before(version: int, name: str, dtype: pa.DataType, default: int) -> pa.Field:
    """A column in which older records wrote null where ``default`` stands now."""
    stamp = {"nullable_before": str(version), "default": str(default)}
    return pa.field(name, dtype, nullable=False, metadata=stamp)


def since_of(field: pa.Field) -> int:
    """The version of its kind in which a column came."""
    return _stamp(field, b"since")


def was_nullable(field: pa.Field, version: int) -> bool:
    """Whether records of a version have nulls in this column."""
    return version < _stamp(field, b"nullable_before")


def default_of(field: pa.Field) -> int:
    """What a record from before the column says of it."""
    return _stamp(field, b"default")


def _never_null(field: tuple[str, pa.DataType] | pa.Field) -> pa.Field:
    return pa.field(*field, nullable=False) if isinstance(field, tuple) else field


def _stamp(field: pa.Field, name: bytes) -> int:
    return int(field.metadata.get(name, 0)) if field.metadata else 0
