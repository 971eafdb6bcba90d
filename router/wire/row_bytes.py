"""What single rows of Arrow columns take: a line of JSON has a length, a row only the sum of its values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.wire.arrow_schema import is_list
from router.wire.order_columns import OrderColumns

I64 = npt.NDArray[np.int64]
LongRow = tuple[int, str]  # its bytes, the column that has most of them

_LINE_BYTES = 16  # of an order line, beside its texts
_LINES = "lines"


def long_rows(columns: OrderColumns, bytes_max: int) -> dict[int, LongRow]:
    """Rows of more than ``bytes_max``, without their known texts, each of which has a bound of its own."""
    if columns.unbounded is None:
        return {}
    most = sum(column.nbytes + entries(column) for column in columns.unbounded.values())
    if most + _most_in_lines(columns) <= bytes_max:
        return {}
    sizes = {_LINES: _bytes_in_lines(columns), **{name: row_bytes(part) for name, part in columns.unbounded.items()}}
    table, names = np.stack(list(sizes.values())), list(sizes)
    total, largest = table.sum(axis=0), table.argmax(axis=0)
    return {row: (int(total[row]), names[largest[row]]) for row in np.flatnonzero(total > bytes_max).tolist()}


def _most_in_lines(columns: OrderColumns) -> int:
    """At least what the lines of any order take."""
    longest = sum(texts.sizes.max(initial=0) for texts in (columns.skus, columns.line_ids, columns.line_nodes))
    return int(np.diff(columns.line_offsets).max(initial=0)) * (int(longest) + _LINE_BYTES)


def _bytes_in_lines(columns: OrderColumns) -> I64:
    sizes = columns.skus.sizes[0][columns.sku_code].astype(np.int64) + columns.line_ids.sizes[0] + _LINE_BYTES
    sizes += columns.line_nodes.sizes[0]
    return _summed(sizes, columns.line_offsets)


def row_bytes(column: pa.Array) -> I64:
    """Bytes of every row, also those that a null hides, which are kept; an entry of a list takes one at least."""
    kind = column.type
    if pa.types.is_struct(kind):
        parts = [row_bytes(column.field(number)) for number in range(kind.num_fields)]
        return np.sum(parts, axis=0, dtype=np.int64) if parts else np.zeros(len(column), np.int64)
    if is_list(kind):
        return _summed(row_bytes(column.values) + 1, column.offsets.to_numpy())
    if pa.types.is_map(kind):
        return _summed(row_bytes(column.keys) + row_bytes(column.items) + 1, column.offsets.to_numpy())
    if any(is_kind(kind) for is_kind in _TEXTS):
        width = np.int64 if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind) else np.int32
        offsets = np.frombuffer(column.buffers()[1], width)[column.offset :][: len(column) + 1]
        return np.diff(offsets).astype(np.int64)
    if pa.types.is_primitive(kind) or pa.types.is_null(kind):
        return np.full(len(column), 0 if pa.types.is_null(kind) else kind.bit_width + 7 >> 3, np.int64)
    return np.array([value.nbytes for value in map(column.slice, range(len(column)), [1] * len(column))], np.int64)


_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def _summed(sizes: I64, offsets: npt.NDArray[np.integer]) -> I64:
    """Sums over the ranges between offsets."""
    before = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=before[1:])
    return np.asarray(before[offsets[1:]] - before[offsets[:-1]])


def entries(column: pa.Array) -> int:
    """Entries of all lists in a column, also of those inside lists."""
    kind = column.type
    if pa.types.is_struct(kind):
        return sum(map(entries, column.flatten()))
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        inside = column.flatten()
        return len(inside) + entries(inside)
    if pa.types.is_map(kind):
        return len(column.keys) + entries(column.keys) + entries(column.items)
    return 0
