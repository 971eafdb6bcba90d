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

TOO_LARGE = "arrow_too_large"
_EXACT_FROM = 16  # an upper bound below this part of the limit is near enough


def written_bytes(batch: pa.RecordBatch, bytes_max: int) -> int:
    """What all that names its values, also inside lists and structs, takes written out, or somewhat more.

    WireError when it is more than ``bytes_max``.
    """
    size = sum(_written_bytes(column, bytes_max) for column in batch.columns)
    if size > bytes_max:
        raise WireError(
            TOO_LARGE,
            f"the dictionaries of {batch.num_rows} rows take {size} bytes written out, at most {bytes_max} are taken; "
            "send fewer rows a batch, or shorter texts",
        )
    return size


def written_out(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with dictionaries of whole columns written out; those inside lists and structs stay."""
    columns = [_strings(column) if pa.types.is_dictionary(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def plain(column: pa.Array) -> pa.Array:
    """The column with inner dictionaries written out, too, and views and runs as the values they stand for.

    ArrowException where rows of what is left could not be chosen: every batch with a repeated order is cut.
    """
    kept = _plain(column)
    kept.slice(0, 0).take(pa.array([], pa.int64()))
    return kept


def _plain(column: pa.Array) -> pa.Array:
    """Part by part, and of each part only the rows that are there: what a null hides was not measured either."""
    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        return _plain(pc.run_end_decode(column))
    if _plain_type(kind) == kind:
        return column
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary).take(column.indices)
    if pa.types.is_struct(kind):
        parts = [_plain(part) for part in column.flatten()]
        return pa.StructArray.from_arrays(parts, fields=list(_plain_type(kind)), mask=_nulls(column))
    if _is_list(kind):
        counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        made, dtype = (pa.ListArray, np.int32) if pa.types.is_list(kind) else (pa.LargeListArray, np.int64)
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(dtype))
        return made.from_arrays(offsets, _plain(column.flatten()), type=_plain_type(kind), mask=_nulls(column))
    return column.cast(_plain_type(kind))


def _nulls(column: pa.Array) -> pa.BooleanArray | None:
    return column.is_null() if column.null_count else None


def _strings(column: pa.DictionaryArray) -> pa.Array:
    values = column.dictionary
    if not pa.types.is_string(values.type) or column.null_count or values.null_count or len(values) > len(column):
        return _plain(column)  # also of a dictionary larger than its use, which would be looked at whole
    return taken(values, column.indices.to_numpy(zero_copy_only=False))


def _written_bytes(column: pa.Array, bytes_max: int) -> int:
    """What a column takes written out, or somewhat more; follows the steps of :func:`_plain`."""
    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        return _taken_bytes(column.values, len(column), None, bytes_max)
    if _plain_type(kind) == kind:
        return 0
    if pa.types.is_dictionary(kind):
        return _taken_bytes(column.dictionary, len(column) - column.null_count, column.indices, bytes_max)
    if pa.types.is_struct(kind):
        return sum(_written_bytes(part, bytes_max) for part in column.flatten())
    if _is_list(kind):
        return _written_bytes(column.flatten(), bytes_max)
    return int(_sizes(column).sum())


def _taken_bytes(values: pa.Array, count: int, codes: pa.Array | None, bytes_max: int) -> int:
    """What ``count`` of the values take; which ones is looked up in ``codes`` where that decides."""
    if not count or not len(values):
        return 0
    if codes is not None and len(values) > count and any(is_kind(values.type) for is_kind in _MEASURED):
        return int(_sizes_at(values, codes.drop_null()).sum())  # of a dictionary larger than its use
    inner = _written_bytes(values, bytes_max)
    bound = inner + count * _longest(values, inner)
    if codes is None or bound * _EXACT_FROM <= bytes_max or not _is_measured(values.type):
        return bound
    return inner + int(_sizes(values)[codes.drop_null().to_numpy(zero_copy_only=False)].sum())


def _longest(values: pa.Array, inner: int) -> int:
    """Bytes of the longest value, or more; ``inner`` is what the values themselves take written out."""
    if _is_measured(values.type):
        return int(_sizes(values).max())
    return int(values.nbytes) + inner if pa.types.is_nested(values.type) or _varies(values.type) else 16


def _sizes(values: pa.Array) -> npt.NDArray[np.int64]:
    """Bytes of every value; a view says it in its first four, also where a null hides it."""
    if _is_view(values.type):
        views = np.frombuffer(values.buffers()[1], np.int32).reshape(-1, 4)
        return views[values.offset : values.offset + len(values), 0].astype(np.int64)
    return np.asarray(pc.binary_length(values).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64))


def _sizes_at(values: pa.Array, codes: pa.Array) -> npt.NDArray[np.int64]:
    """Bytes of the values that are named; the others are not looked at."""
    is_large = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
    offsets = np.frombuffer(values.buffers()[1], np.int64 if is_large else np.int32)
    rows = codes.to_numpy(zero_copy_only=False).astype(np.int64) + values.offset
    sizes: npt.NDArray[np.int64] = np.subtract(offsets[rows + 1], offsets[rows], dtype=np.int64)
    return sizes


def _is_measured(kind: pa.DataType) -> bool:
    return _is_view(kind) or any(is_kind(kind) for is_kind in _MEASURED)


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


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
    if _is_view(dtype):
        return pa.string() if pa.types.is_string_view(dtype) else pa.binary()
    if pa.types.is_list(dtype):
        return pa.list_(_plain_type(dtype.value_type))
    if pa.types.is_large_list(dtype):
        return pa.large_list(_plain_type(dtype.value_type))
    if pa.types.is_struct(dtype):
        return pa.struct([dtype.field(i).with_type(_plain_type(dtype.field(i).type)) for i in range(dtype.num_fields)])
    return dtype
