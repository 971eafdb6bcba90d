"""JSON null in rows of tables: an optional field that is null is absent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

_NULL = msgspec.Raw(b"null")


def without_nulls(line: bytes, struct: type[msgspec.Struct]) -> bytes:
    """The object without its optional fields that are null, those of structs in it included.

    Every other value stays as it was written, so that the decoder judges what the user wrote.
    """
    known, kept = _fields(struct), {}
    for name, value in msgspec.json.decode(line, type=dict[str, msgspec.Raw]).items():
        field = known.get(name)
        if field is None or value != _NULL or field.required:
            kept[name] = value if field is None else _inner(value, field.type)
    return msgspec.json.encode(kept)


def _inner(value: msgspec.Raw, kind: msgspec.inspect.Type) -> msgspec.Raw:
    if isinstance(kind, msgspec.inspect.StructType) and bytes(value)[:1] == b"{":
        return msgspec.Raw(without_nulls(bytes(value), kind.cls))
    return value


@cache
def _fields(struct: type[msgspec.Struct]) -> Mapping[str, msgspec.inspect.Field]:
    return {field.name: field for field in msgspec.inspect.type_info(struct).fields}  # type: ignore[attr-defined]
