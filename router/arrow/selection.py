"""Rows of a batch, in an order given: the runs between the gaps are copied, column by column.

Arrow gathers strings and lists row by row, and joins slices at the price of some hundred allocations each; a batch of
which half a per cent of the rows was sent before took 0.3 µs an order so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.rows.copy_runs import copy_offsets, copy_runs_8, copy_runs_16, copy_runs_32, copy_runs_64
from router.arrow.arrays import I64

_SMALL_ROWS = 1_024  # so few are moved fastest by one call of Arrow's
_COPIES = {
    8: (copy_runs_8, np.uint8),
    16: (copy_runs_16, np.uint16),
    32: (copy_runs_32, np.uint32),
    64: (copy_runs_64, np.uint64),
}


@dataclass(frozen=True)
class _Runs:
    first: I64
    count: I64

    @property
    def rows(self) -> int:
        return int(self.count.sum())


def select(batch: pa.RecordBatch, rows: npt.NDArray[np.integer]) -> pa.RecordBatch:
    """The rows in that order; the batch itself where that is all of it, a slice where they are neighbours."""
    breaks = np.flatnonzero(rows[1:] - rows[:-1] != 1)
    if not len(breaks):
        return batch.slice(int(rows[0]) if len(rows) else 0, len(rows))
    starts = np.concatenate(([0], breaks + 1))
    assert int(rows.min()) >= 0 and int(rows.max()) < batch.num_rows, "a row outside the batch"
    if len(rows) < _SMALL_ROWS:
        return batch.take(pa.array(rows))
    runs = _Runs(rows[starts].astype(np.int64), np.diff(starts, append=len(rows)).astype(np.int64))
    columns = [
        _copied(column, runs) if _is_plain(column.type) and not _has_nulls(column) else column.take(pa.array(rows))
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _is_plain(kind: pa.DataType) -> bool:
    """Of the types whose buffers are known here; a channel's document may have others."""
    if pa.types.is_list(kind):
        return _is_plain(kind.value_type)
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_is_plain(field.type) for field in kind)
    if pa.types.is_string(kind):
        return True
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    )


def _has_nulls(column: pa.Array) -> bool:
    if column.null_count:
        return True
    if pa.types.is_list(column.type):
        return _has_nulls(column.values)
    if pa.types.is_struct(column.type):
        return any(_has_nulls(column.field(index)) for index in range(column.type.num_fields))
    return False


def _copied(column: pa.Array, runs: _Runs) -> pa.Array:
    """The runs of a column without nulls."""
    kind = column.type
    if pa.types.is_struct(kind):
        children = [_copied(child, runs) for child in column.flatten()]  # cut as the column is
        return pa.Array.from_buffers(kind, runs.rows, [None], children=children)
    if pa.types.is_list(kind):
        offsets, items = _copied_offsets(column, runs)
        return pa.Array.from_buffers(kind, runs.rows, [None, offsets], children=[_copied(column.values, items)])
    if pa.types.is_string(kind):
        offsets, text = _copied_offsets(column, runs)
        room = np.empty(text.rows, np.uint8)
        copy_runs_8(text.first, text.count, _viewed(column.buffers()[2], np.uint8), room)
        return pa.Array.from_buffers(kind, runs.rows, [None, offsets, pa.py_buffer(room)])
    copy, dtype = _COPIES[kind.bit_width]
    values = np.empty(runs.rows, dtype)
    copy(runs.first + column.offset, runs.count, _viewed(column.buffers()[1], dtype), values)
    return pa.Array.from_buffers(kind, runs.rows, [None, pa.py_buffer(values)])


def _copied_offsets(column: pa.Array, runs: _Runs) -> tuple[pa.Buffer, _Runs]:
    """Offsets of the result, and the runs of the items."""
    offsets = _viewed(column.buffers()[1], np.int32)
    out, bounds = np.empty(runs.rows + 1, np.int32), np.empty((len(runs.first), 2), np.int32)
    copy_offsets(runs.first + column.offset, runs.count, offsets, out, bounds.reshape(-1))
    begin, end = bounds.astype(np.int64).T
    return pa.py_buffer(out), _Runs(np.ascontiguousarray(begin), end - begin)


def _viewed(buffer: pa.Buffer | None, dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """The whole values in a buffer; one that a foreign writer placed off their boundary is copied."""
    if buffer is None or not buffer.size:
        return np.zeros(0, dtype)
    values = np.frombuffer(buffer, dtype, buffer.size // np.dtype(dtype).itemsize)
    return values if values.flags.aligned else values.copy()
