"""Arrow columns seen as numpy arrays and back, without copies where the layout allows it."""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

I32 = npt.NDArray[np.int32]
Bytes = bytes | bytearray | memoryview
I64 = npt.NDArray[np.int64]

CACHE_LINE = 64  # bytes
_HUGE_PAGE = 2 << 20  # bytes


def zeros_aligned(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros that begin with a cache line, so that rows of 32 or 64 bytes do not lie in two.

    numpy begins 16 bytes into a line; the ledger's look-ups then waited for memory twice.
    """
    count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    raw = np.zeros(count + CACHE_LINE, np.uint8)
    first = -raw.ctypes.data % CACHE_LINE
    return raw[first : first + count].view(dtype).reshape(shape)


def zeros_scattered(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The same for what is looked up here and there: large ones on huge pages where the system has them, so that a
    look-up does not wait for the address of a page as well as for what lies on it."""
    count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if count < _HUGE_PAGE or advice is None:
        return zeros_aligned(shape, dtype)
    pages = mmap.mmap(-1, count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without huge pages
        pages.madvise(advice)
    return np.frombuffer(pages, np.uint8).view(dtype).reshape(shape)


def with_room(rows: npt.NDArray[Any], room: int) -> npt.NDArray[Any]:
    """The same rows, with zeroed ones behind them up to so many. Copied as bytes: numpy copies records by field."""
    longer = zeros_scattered((room, *rows.shape[1:]), rows.dtype)
    longer[: len(rows)].reshape(-1).view(np.uint8)[:] = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
    return longer


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same items, contiguous and read-only, as kernels take what they only look at."""
    out = np.ascontiguousarray(array).view()
    out.flags.writeable = False
    return out


def numbers(batch: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    """A fixed-width column without nulls as a read-only numpy view."""
    return np.asarray(batch.column(name).to_numpy(zero_copy_only=True))


def list_parts(column: pa.ListArray) -> tuple[I32, pa.Array]:
    """Offsets (int32, first is 0) and values of a list column; right for slices too."""
    offsets = column.offsets.to_numpy(zero_copy_only=True)
    first = int(offsets[0]) if len(offsets) else 0
    last = int(offsets[-1]) if len(offsets) else 0
    values = column.values
    if first == 0 and last == len(values):
        return offsets, values
    return offsets - np.int32(first), values.slice(first, last - first)


def struct_numbers(values: pa.StructArray, name: str) -> npt.NDArray[Any]:
    """One fixed-width child of a struct array without nulls, as a numpy view."""
    return np.asarray(values.field(name).to_numpy(zero_copy_only=True))  # cut as the struct is


def ragged(offsets: npt.NDArray[np.integer[Any]], values: pa.Array, dtype: pa.ListType) -> pa.ListArray:
    """A list column of the given type from offsets (n+1) and its flat values."""
    return pa.ListArray.from_arrays(pa.array(np.ascontiguousarray(offsets, np.int32)), values, type=dtype)


def structs(dtype: pa.StructType, columns: dict[str, npt.NDArray[Any] | pa.Array]) -> pa.StructArray:
    """A struct array of the given type from its children."""
    children = [
        column if isinstance(column, pa.Array) else pa.array(column, type=dtype.field(name).type)
        for name, column in ((dtype.field(i).name, columns[dtype.field(i).name]) for i in range(dtype.num_fields))
    ]
    return pa.StructArray.from_arrays(children, fields=list(dtype))


def record_batch(schema: pa.Schema, columns: dict[str, npt.NDArray[Any] | pa.Array]) -> pa.RecordBatch:
    """A batch of the schema; every column named exactly once, numpy arrays taken without a copy."""
    fields = _fields(schema)
    assert columns.keys() == fields.keys(), columns.keys() ^ fields.keys()
    arrays = [
        column if isinstance(column := columns[name], pa.Array) else pa.array(column, type=kind)
        for name, kind in fields.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


_FIELDS: dict[int, tuple[pa.Schema, dict[str, pa.DataType]]] = {}  # by id; the schema beside it keeps the id its own


def _fields(schema: pa.Schema) -> dict[str, pa.DataType]:
    """Types by name. Schemas are constants of the modules; asking Arrow each time was a third of the call."""
    known = _FIELDS.get(id(schema))
    if known is None:
        known = _FIELDS[id(schema)] = schema, {field.name: field.type for field in schema}
    return known[1]


def to_message(batch: pa.RecordBatch) -> npt.NDArray[np.uint8]:
    """The batch as one Arrow IPC message, without its schema."""
    return np.frombuffer(batch.serialize(), np.uint8)


def to_stream(batch: pa.RecordBatch) -> npt.NDArray[np.uint8]:
    """The batch as an IPC stream, its schema with it, in one copy into memory of the right size."""
    measured = pa.MockOutputStream()
    _write(measured, batch)
    room = np.empty(measured.size(), np.uint8)
    _write(pa.FixedSizeBufferWriter(pa.py_buffer(room)), batch)
    return room


def _write(sink: pa.NativeFile, batch: pa.RecordBatch) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)


def from_message(message: Any, schema: pa.Schema) -> pa.RecordBatch:
    """The batch of one IPC message made by :func:`to_message`; zero-copy over its buffer."""
    return pa.ipc.read_record_batch(pa.py_buffer(message), schema)
