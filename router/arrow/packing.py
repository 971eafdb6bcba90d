"""A record batch in few bytes: how large batches stand in the log. The layout is written down in docs/log-format.md.

Every column is taken apart into parts: numbers are one part, strings two (lengths, text), lists their lengths and the
parts of their items, structs the parts of their fields. A part holds its integers as differences from the lowest in 0
to 8 bytes each (kernels/rows/pack.py). A reader that wants one column unpacks that column only; one that wants single
rows unpacks lengths only.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.rows import pack as kernels
from router.arrow.arrays import I32, list_parts

Packed = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]
Read = Callable[[int], Any]  # row -> value

MAGIC = b"ORPK"
_HEADER = struct.Struct("<4sIQ")  # magic, parts, rows
_PART = np.dtype([("base", "<i8"), ("items", "<u4"), ("width", "<u4")])
_KINDS: dict[pa.DataType, type[np.integer[Any]]] = {
    pa.int8(): np.int8, pa.int16(): np.int16, pa.int32(): np.int32, pa.int64(): np.int64,
    pa.uint8(): np.uint8, pa.uint16(): np.uint16, pa.uint32(): np.uint32, pa.uint64(): np.uint64,
}  # fmt: skip
_SIGNED = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}
_NARROW = {1: kernels.narrow_8, 2: kernels.narrow_16, 4: kernels.narrow_32, 8: kernels.narrow_64}
_WIDEN = {1: kernels.widen_8, 2: kernels.widen_16, 4: kernels.widen_32, 8: kernels.widen_64}


def pack(batch: pa.RecordBatch) -> Packed:
    """The batch as one packed message, a multiple of 8 bytes long."""
    packer = _Packer(batch)
    for column in batch.columns:
        packer.add(column)
    return packer.message()


def is_packed(message: Any) -> bool:
    return bytes(memoryview(message)[:4]) == MAGIC


def packed_rows(message: Any) -> int | None:
    """Rows of a packed message, None where it is another one."""
    view = memoryview(message)
    return int(_HEADER.unpack_from(view)[2]) if view.nbytes >= _HEADER.size and is_packed(view) else None


@functools.cache
def can_pack(schema: pa.Schema) -> bool:
    """Whether batches of this schema consist of integers, strings, lists and structs that are never null."""
    return all(_packs(field) for field in schema)


def _packs(field: pa.Field) -> bool:
    if field.nullable:
        return False
    if field.type in _KINDS or pa.types.is_string(field.type):
        return True
    if pa.types.is_list(field.type):
        return _packs(field.type.value_field)
    return pa.types.is_struct(field.type) and all(_packs(inner) for inner in field.type)


@functools.cache
def _part_count(kind: pa.DataType) -> int:
    if pa.types.is_list(kind):
        return 1 + _part_count(kind.value_type)
    if pa.types.is_struct(kind):
        return sum(_part_count(field.type) for field in kind)
    return 2 if pa.types.is_string(kind) else 1


class _Packer:
    """Packs column after column into room that is large enough for all of them unpacked."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        parts = sum(_part_count(field.type) for field in batch.schema)
        self._table = _HEADER.size + parts * _PART.itemsize
        room = np.empty((self._table + batch.nbytes + 16 * parts + 8) // 8, np.uint64)
        self._room = (room.view(np.uint8), room.view(np.uint16), room.view(np.uint32), room)
        _HEADER.pack_into(room.data, 0, MAGIC, parts, batch.num_rows)
        self._parts = self._room[0][_HEADER.size : self._table].view(_PART)
        self._base = np.zeros(1, np.int64)
        self._count = 0
        self._end = self._table

    def message(self) -> Packed:
        assert self._count == len(self._parts), "a part was left out"
        return self._room[0][: self._end]

    def add(self, array: pa.Array) -> None:
        kind = array.type
        if kind in _KINDS:
            self._numbers(array.to_numpy(zero_copy_only=True))
        elif pa.types.is_string(kind):
            self._strings(array)
        elif pa.types.is_list(kind):
            offsets, items = list_parts(array)
            self._lengths(offsets)
            self.add(items)
        else:
            for number in range(kind.num_fields):
                child = array.field(number)  # not sliced by Arrow when the struct is
                self.add(child if len(child) == len(array) else child.slice(array.offset, len(array)))

    def _numbers(self, values: Numbers) -> None:
        size = values.dtype.itemsize
        width = _NARROW[size](values.view(_SIGNED[size]), self._base, self._end, *self._room)
        self._close(int(self._base[0]), values.size, width)

    def _lengths(self, offsets: I32) -> None:
        lengths = np.empty(max(offsets.size - 1, 0), np.int32)
        if lengths.size:
            kernels.lengths_of(offsets, lengths)
        self._numbers(lengths)

    def _strings(self, array: pa.Array) -> None:
        _, offsets, text = array.buffers()
        places = np.zeros(1, np.int32)
        if offsets is not None and len(array):
            places = np.frombuffer(offsets, np.int32, len(array) + 1, 4 * array.offset)
        self._lengths(places)
        first, size = int(places[0]), int(places[-1] - places[0])
        if size:
            self._room[0][self._end : self._end + size] = np.frombuffer(text, np.uint8, size, first)
        self._close(0, size, 1)

    def _close(self, base: int, items: int, width: int) -> None:
        self._parts[self._count] = (base, items, width)
        self._count += 1
        end = self._end + items * width
        self._end = -(-end // 8) * 8
        self._room[0][end : self._end] = 0


class PackedBatch:
    """A packed message as a batch whose columns are unpacked when they are asked for."""

    def __init__(self, message: Any, schema: pa.Schema) -> None:
        raw = np.frombuffer(message, np.uint8)
        if not raw[:8].view(np.uint64).flags.aligned:
            raw = raw.copy()
        _, parts, self.num_rows = _HEADER.unpack_from(raw.data)
        self.schema = schema
        self._room = (raw, raw.view(np.uint16), raw.view(np.uint32), raw.view(np.uint64))
        self._parts = raw[_HEADER.size : _HEADER.size + parts * _PART.itemsize].view(_PART).tolist()
        self._starts = self._places(_HEADER.size + parts * _PART.itemsize)
        counts = [_part_count(field.type) for field in schema]
        assert sum(counts) == parts, "a packed message holds the columns of its schema"
        self._first = dict(zip(schema.names, np.cumsum([0, *counts[:-1]]).tolist(), strict=True))

    def column(self, name: str) -> pa.Array:
        return self._array(self.schema.field(name).type, self._first[name], self.num_rows)[0]

    def reader(self, name: str) -> Read:
        """Reads single rows of a column where they lie; what is no row raises IndexError."""
        return self._reader(self.schema.field(name).type, self._first[name])[0]

    def whole(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([self.column(name) for name in self.schema.names], schema=self.schema)

    def _places(self, start: int) -> list[int]:
        """Where each part begins."""
        places = []
        for _, items, width in self._parts:
            places.append(start)
            start += -(-items * width // 8) * 8
        assert start == self._room[0].size, "a packed message ends with its last part"
        return places

    def _array(self, kind: pa.DataType, part: int, count: int) -> tuple[pa.Array, int]:
        """A column from its first part on, and the part after it."""
        if kind in _KINDS:
            return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(self._values(part, _KINDS[kind]))]), part + 1
        if pa.types.is_string(kind):
            offsets = pa.py_buffer(self._offsets(part))
            text = self._room[0][self._starts[part + 1] :][: self._parts[part + 1][1]]
            return pa.Array.from_buffers(kind, count, [None, offsets, pa.py_buffer(text)]), part + 2
        if pa.types.is_list(kind):
            offsets = self._offsets(part)
            items, after = self._array(kind.value_type, part + 1, int(offsets[-1]))
            return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(offsets)], children=[items]), after
        children, after = [], part
        for field in kind:
            child, after = self._array(field.type, after, count)
            children.append(child)
        return pa.Array.from_buffers(kind, count, [None], children=children), after

    def _reader(self, kind: pa.DataType, part: int) -> tuple[Read, int]:
        """A reader of a column from its first part on, and the part after it."""
        if kind in _KINDS:
            return self._number_reader(part, _KINDS[kind]), part + 1
        if pa.types.is_struct(kind):
            children, after = [], part
            for field in kind:
                child, after = self._reader(field.type, after)
                children.append((field.name, child))
            return lambda row: {name: read(row) for name, read in children}, after
        offsets = self._offsets(part).data
        if pa.types.is_string(kind):
            text = self._room[0][self._starts[part + 1] :].data
            return lambda row: str(text[offsets[row] : offsets[row + 1]], "utf-8"), part + 2
        item, after = self._reader(kind.value_type, part + 1)
        return lambda row: [item(place) for place in range(offsets[row], offsets[row + 1])], after

    def _number_reader(self, part: int, dtype: type[np.integer[Any]]) -> Read:
        base, items, width = self._parts[part]
        numbers: memoryview | bytes = bytes(items)
        if width:
            numbers = self._room[width.bit_length() - 1][self._starts[part] // width :][:items].data
        mask = np.iinfo(dtype).max if np.issubdtype(dtype, np.unsignedinteger) else -1
        return lambda row: base + numbers[row] & mask

    def _values(self, part: int, dtype: npt.DTypeLike) -> Numbers:
        base, items, width = self._parts[part]
        values = np.empty(items, dtype)
        size = values.dtype.itemsize
        _WIDEN[size](width, base, self._starts[part], *self._room, values.view(_SIGNED[size]))
        return values

    def _offsets(self, part: int) -> I32:
        lengths = self._values(part, np.int32)
        offsets = np.empty(lengths.size + 1, np.int32)
        kernels.offsets_of(lengths, offsets)
        return offsets
