"""Columns that name their values (dictionaries, runs, views) written out, within a bound.

One long text and a thousand numbers that name it are small on the wire and a thousand times as large written out; so
the size is known before anything is written.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
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
    """The column with inner dictionaries written out, too, and views and runs as the values they stand for.

    ArrowException where rows of what is left could not be chosen: every batch with a repeated order is cut.
    """
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    dtype = _plain_type(column.type)
    kept = column if dtype == column.type else column.cast(dtype)
    kept.slice(0, 0).take(pa.array([], pa.int64()))
    return kept


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
    if pa.types.is_run_end_encoded(kind):
        return len(column) * (_longest(column.values) if len(column.values) else 0)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _written_bytes(column.flatten(), bytes_max) if _plain_type(kind) != kind else 0
    if pa.types.is_struct(kind) and _plain_type(kind) != kind:
        return sum(_written_bytes(child, bytes_max) for child in column.flatten())
    return 0


def _taken_bytes(column: pa.DictionaryArray, bytes_max: int) -> int:
    values, count = column.dictionary, len(column) - int(column.null_count)
    if not count or not len(values):
        return 0
    bound = count * _longest(values)
    if bound * _EXACT_FROM <= bytes_max or not _is_measured(values.type):
        return bound
    return int(_sizes(values)[column.indices.drop_null().to_numpy(zero_copy_only=False)].sum())


def _longest(values: pa.Array) -> int:
    """Bytes of the longest value, or more."""
    if _is_measured(values.type):
        return int(_sizes(values).max())
    return int(values.nbytes) if pa.types.is_nested(values.type) or _varies(values.type) else 16


def _sizes(values: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64))


def _is_measured(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _MEASURED)


_MEASURED = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def _varies(kind: pa.DataType) -> bool:
    """Values of different sizes that are not measured one by one."""
    try:
        return bool(kind.bit_width > 256)
    except ValueError:
        return True


def _plain_type(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(dtype):
        return _plain_type(dtype.value_type)
    if pa.types.is_string_view(dtype) or pa.types.is_binary_view(dtype):
        return pa.string() if pa.types.is_string_view(dtype) else pa.binary()
    if pa.types.is_list(dtype):
        return pa.list_(_plain_type(dtype.value_type))
    if pa.types.is_large_list(dtype):
        return pa.large_list(_plain_type(dtype.value_type))
    if pa.types.is_struct(dtype):
        return pa.struct([dtype.field(i).with_type(_plain_type(dtype.field(i).type)) for i in range(dtype.num_fields)])
    return dtype
