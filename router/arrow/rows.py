"""Single rows of a record batch as Python values, read from its buffers.

pyarrow makes a scalar object for every value it hands out, 1 to 15 µs each. A column that is asked for more than one
row, as those of the newest batches are, is opened, which costs 3 to 50 µs; a value then costs 0.1 to 3 µs.
"""

from __future__ import annotations

import functools
from struct import calcsize
from typing import Any

import pyarrow as pa

from router.arrow.packing import PackedBatch, Read

_FORMATS = {
    pa.int8(): "b", pa.int16(): "h", pa.int32(): "i", pa.int64(): "q",
    pa.uint8(): "B", pa.uint16(): "H", pa.uint32(): "I", pa.uint64(): "Q",
}  # fmt: skip


class ArrowRows:
    """The rows of one batch. For any thread."""

    def __init__(self, batch: pa.RecordBatch | PackedBatch) -> None:
        self._batch = batch
        self._asked: set[str] = set()
        self._opened: dict[str, Read] = {}

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self._batch.schema.names)

    def value(self, name: str, row: int) -> Any:
        read = self._opened.get(name)
        if read is None:
            read = self._reader(name)
        return read(row)

    def _reader(self, name: str) -> Read:
        """Reads a column; kept from the second time on that it is asked for."""
        batch = self._batch
        if not isinstance(batch, PackedBatch):
            if name not in self._asked:
                self._asked.add(name)
                return _by_pyarrow(batch.column(name))
            read = _reader(batch.column(name))
        else:
            read = batch.reader(name)
        self._opened[name] = read
        return read


def _reader(array: pa.Array) -> Read:
    kind = array.type
    if array.null_count or not len(array):
        return _by_pyarrow(array)
    if kind in _FORMATS:
        return _numbers(array, _FORMATS[kind])
    if pa.types.is_string(kind):
        return _strings(array)
    if pa.types.is_list(kind):
        return _lists(array)
    if pa.types.is_struct(kind):
        return _structs(array)
    return _by_pyarrow(array)


def _by_pyarrow(array: pa.Array) -> Read:
    return lambda row: array[row].as_py()


def _view(array: pa.Array, buffer: int, number_format: Any, count: int) -> memoryview:
    """So many numbers of a buffer, from the first row of the array on."""
    whole = memoryview(array.buffers()[buffer])
    width = calcsize(number_format)
    return whole[array.offset * width : (array.offset + count) * width].cast(number_format)


def _numbers(array: pa.Array, number_format: Any) -> Read:
    return _view(array, 1, number_format, len(array)).__getitem__


def _strings(array: pa.Array) -> Read:
    offsets = _view(array, 1, "i", len(array) + 1)
    text = array.buffers()[2]
    raw = memoryview(b"" if text is None else text)
    return lambda row: str(raw[offsets[row] : offsets[row + 1]], "utf-8")


def _lists(array: pa.Array) -> Read:
    offsets, item = _view(array, 1, "i", len(array) + 1), _reader(array.values)
    return lambda row: [item(place) for place in range(offsets[row], offsets[row + 1])]


def _structs(array: pa.Array) -> Read:
    fields = [(field.name, _reader(child)) for field, child in zip(array.type, array.flatten(), strict=True)]
    return lambda row: {name: read(row) for name, read in fields}
