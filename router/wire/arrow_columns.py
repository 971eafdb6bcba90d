"""Columns of an Arrow batch as decoders take them: strings without nulls, int64, lists as offsets and items."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.text.scan_form import ABSENT

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_INT64_MAX = 2**63 - 1
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def text_column(column: pa.Array) -> pa.StringArray:
    """Plain strings, "" for null."""
    if column.null_count == len(column):
        offsets = pa.py_buffer(np.zeros(len(column) + 1, np.int32))
        return pa.StringArray.from_buffers(len(column), offsets, pa.py_buffer(b""))
    if not pa.types.is_string(column.type):
        column = column.cast(pa.string())
    return column.fill_null("") if column.null_count else column


def number_column(column: pa.Array) -> I64:
    """int64, ABSENT for null. What an uint64 holds beyond that is cut to the largest, and what is given and reads like
    ABSENT is made one more: out of every range too."""
    if column.null_count == len(column):
        return np.full(len(column), ABSENT, np.int64)
    given = column.is_valid().to_numpy(zero_copy_only=False) if column.null_count else None
    values = (column.fill_null(0) if column.null_count else column).to_numpy(zero_copy_only=False)
    if values.dtype == np.uint64:
        values = np.minimum(values, np.uint64(_INT64_MAX))
    values = values.astype(np.int64, copy=False)
    if values.min(initial=0) == ABSENT:
        values = np.maximum(values, ABSENT + 1)
    return values if given is None else np.where(given, values, ABSENT)


def time_column(column: pa.Array) -> I64:
    """Milliseconds since the epoch, ABSENT for null; finer parts are cut off."""
    if column.null_count == len(column):
        return np.full(len(column), ABSENT, np.int64)
    per_second = _PER_SECOND[column.type.unit]
    ticks = number_column(column.view(pa.int64()))
    if per_second < 1_000:
        limit = _INT64_MAX // 1_000
        moments = np.clip(ticks, -limit, limit) * 1_000
    else:
        moments = ticks // (per_second // 1_000)
    return np.where(ticks == ABSENT, ABSENT, moments)


def list_column(column: pa.Array) -> tuple[I32, pa.Array]:
    """Offsets (first is 0) and items of a list column; a null list is an empty one."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column) + 1, np.int32), pa.nulls(0)
    counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(column) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return offsets, column.flatten()


def struct_columns(items: pa.StructArray) -> dict[str, pa.Array]:
    """The children of a struct array by name."""
    names = [items.type.field(index).name for index in range(items.type.num_fields)]
    return dict(zip(names, items.flatten(), strict=True))
