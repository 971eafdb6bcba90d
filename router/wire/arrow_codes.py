"""Types of an Arrow stream as its messages hold them: numbers in place of dictionaries, which stand apart.

Arrow's own reader puts a dictionary together anew for every record batch behind a piece of it, and each batch keeps
its own. So the numbers are read alone and checked, and what they name is put beside them once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from router.wire.batch import WireError
from router.wire.flatbuffer import Table, damaged

NONE = -1

# Slots of the flatbuffer tables, in the order of Arrow's Schema.fbs.
_SCHEMA_ENDIANNESS, _SCHEMA_FIELDS = 0, 1
_FIELD_DICTIONARY, _FIELD_CHILDREN = 4, 5
_ENCODING_ID = 0
_BIG = 1


@dataclass(frozen=True)
class Coded:
    """A type, and what of it lies in a message."""

    kind: pa.DataType
    stored: pa.DataType
    dictionary: int = NONE  # its id, where the type is one
    inside: tuple[Coded, ...] = ()  # of a dictionary its values, of a nested type its parts; () = nothing is coded


def coded_columns(header: Table, schema: pa.Schema) -> list[Coded]:
    """The columns of a stream; ``header`` is the schema as its message has it, which knows the dictionaries' ids."""
    if header.int16(_SCHEMA_ENDIANNESS) == _BIG:
        raise WireError("arrow_schema", "the numbers are big-endian; write the stream as little-endian")
    fields = header.tables(_SCHEMA_FIELDS)
    return [_coded(part, field.type, field.name) for part, field in zip(fields, schema, strict=True)]


def _coded(field: Table, kind: pa.DataType, column: str) -> Coded:
    if not _has_dictionary(field):
        return Coded(kind, kind)
    if not pa.types.is_dictionary(kind):
        return _nested(field, kind, column)
    number = field.table(_FIELD_DICTIONARY).int64(_ENCODING_ID)
    return Coded(kind, kind.index_type, number, (_nested(field, kind.value_type, column),))


def _has_dictionary(field: Table) -> bool:
    return field.has(_FIELD_DICTIONARY) or any(map(_has_dictionary, field.tables(_FIELD_CHILDREN)))


def _nested(field: Table, kind: pa.DataType, column: str) -> Coded:
    children = field.tables(_FIELD_CHILDREN)
    if not any(map(_has_dictionary, children)):
        return Coded(kind, kind)
    names = [kind.field(number) for number in range(kind.num_fields)]
    parts = tuple(_coded(child, part.type, column) for child, part in zip(children, names, strict=True))
    stored = [part.with_type(coded.stored) for part, coded in zip(names, parts, strict=True)]
    if pa.types.is_struct(kind):
        return Coded(kind, pa.struct(stored), inside=parts)
    if pa.types.is_list(kind):
        return Coded(kind, pa.list_(stored[0]), inside=parts)
    if pa.types.is_large_list(kind):
        return Coded(kind, pa.large_list(stored[0]), inside=parts)
    raise WireError("arrow_schema", f"{column} has a dictionary inside {kind}; send the values themselves there")


def checked(column: pa.Array, coded: Coded, lengths: Mapping[int, int]) -> None:
    """``validate(full=True)`` of a column as it lies in a message: also its numbers are such of their dictionaries."""
    if coded.dictionary != NONE:
        _check_numbers(column, lengths[coded.dictionary])
        return
    if not pa.types.is_string(column.type):
        column.validate(full=True)
    else:
        _check_text(column)
    for part, inside in zip(_parts(column) if coded.inside else (), coded.inside, strict=True):
        checked(part, inside, lengths)


def _check_text(column: pa.StringArray) -> None:
    """Text that is ASCII throughout is looked at once and not string by string."""
    bytes_only = (pa.binary(), len(column), column.buffers(), column.null_count, column.offset)
    pa.Array.from_buffers(*bytes_only).validate(full=True)
    text = column.buffers()[2]
    if text is not None and np.frombuffer(text, np.int8).min(initial=0) < 0:
        column.validate(full=True)


def _check_numbers(column: pa.Array, length: int) -> None:
    bounds = pc.min_max(column)  # of those that are not null
    least, most = bounds["min"].as_py(), bounds["max"].as_py()
    if most is not None and (least < 0 or most >= length):
        raise damaged(f"a dictionary of {length} values is asked for number {least if least < 0 else most}")


def attached(column: pa.Array, coded: Coded, values_of: Callable[[int], pa.Array], safe: bool = False) -> pa.Array:
    """The column as its sender means it, with the dictionaries that its numbers name.

    ``safe`` checks the numbers again, where a dictionary may have been replaced since.
    """
    if not coded.inside:
        return column
    if coded.dictionary != NONE:
        values = values_of(coded.dictionary)
        return pa.DictionaryArray.from_arrays(column, values, ordered=coded.kind.ordered, safe=safe)
    parts = [attached(part, inside, values_of, safe) for part, inside in zip(_parts(column), coded.inside, strict=True)]
    own = column.buffers()[: column.type.num_buffers]
    return pa.Array.from_buffers(coded.kind, len(column), own, column.null_count, column.offset, parts)


def _parts(column: pa.Array) -> list[pa.Array]:
    """What a nested column that is no slice consists of."""
    if pa.types.is_struct(column.type):
        return [column.field(number) for number in range(column.type.num_fields)]
    return [column.values]
