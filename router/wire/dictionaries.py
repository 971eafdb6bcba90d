"""Dictionary-coded columns written out, within a bound.

One long text and a thousand numbers that name it are small on the wire and a thousand times as large written out; so
the size is known before anything is written.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from router.wire.batch import WireError
from router.wire.texts import taken

_EXACT_FROM = 16  # an upper bound below this part of the limit is near enough


def written_out(batch: pa.RecordBatch, bytes_max: int) -> pa.RecordBatch:
    """The batch with dictionaries of whole columns written out; those inside lists and structs stay.

    WireError when all of its dictionaries, also the inner ones, would take more than ``bytes_max`` written out.
    """
    size = sum(_written_bytes(column, bytes_max) for column in batch.columns)
    if size > bytes_max:
        raise WireError(
            "arrow_too_large",
            f"the dictionaries of {batch.num_rows} rows take {size} bytes written out, at most {bytes_max} are taken; "
            "send fewer rows a batch, or shorter texts",
        )
    columns = [_strings(column) if pa.types.is_dictionary(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def plain(column: pa.Array) -> pa.Array:
    """The column with inner dictionaries written out, too."""
    dtype = _plain_type(column.type)
    return column if dtype == column.type else column.cast(dtype)


def _strings(column: pa.DictionaryArray) -> pa.Array:
    values = column.dictionary
    if not pa.types.is_string(values.type) or column.null_count or values.null_count:
        return column.cast(column.type.value_type)
    return taken(values, column.indices.to_numpy(zero_copy_only=False))


def _written_bytes(column: pa.Array, bytes_max: int) -> int:
    """What the dictionaries of a column take written out, or somewhat more."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _taken_bytes(column, bytes_max)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _written_bytes(column.flatten(), bytes_max) if _plain_type(kind) != kind else 0
    if pa.types.is_struct(kind) and _plain_type(kind) != kind:
        return sum(_written_bytes(child, bytes_max) for child in column.flatten())
    return 0


def _taken_bytes(column: pa.DictionaryArray, bytes_max: int) -> int:
    values, count = column.dictionary, len(column) - int(column.null_count)
    kind = values.type
    if not count or not len(values):
        return 0
    if not any(is_kind(kind) for is_kind in _MEASURED):
        return count * (int(values.nbytes) if pa.types.is_nested(kind) or _varies(kind) else 16)
    sizes = pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    bound = count * int(sizes.max())
    if bound * _EXACT_FROM <= bytes_max:
        return bound
    return int(sizes[column.indices.drop_null().to_numpy(zero_copy_only=False)].sum())


_MEASURED = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def _varies(kind: pa.DataType) -> bool:
    """Values of different sizes that are not measured one by one."""
    try:
        return bool(kind.bit_width > 256)
    except ValueError:
        return True


def _plain_type(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(dtype):
        return dtype.value_type
    if pa.types.is_list(dtype):
        return pa.list_(_plain_type(dtype.value_type))
    if pa.types.is_large_list(dtype):
        return pa.large_list(_plain_type(dtype.value_type))
    if pa.types.is_struct(dtype):
        return pa.struct([dtype.field(i).with_type(_plain_type(dtype.field(i).type)) for i in range(dtype.num_fields)])
    return dtype
