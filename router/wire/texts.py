"""String columns of one height, as the kernels take them: offsets side by side, bytes column by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.rows.gather_text import BEHIND, gather_text, measure_text, take_text
from router.ids import string_parts

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]


class Texts:
    """Column f holds row r at ``text[f][offsets[f, r]:offsets[f, r + 1]]``; Arrow arrays are made when asked for."""

    __slots__ = ("_array_of", "offsets", "sizes", "text")

    def __init__(self, offsets: I32, text: Sequence[U8], array_of: Callable[[int], pa.StringArray]) -> None:
        assert len(offsets) == len(text), "offsets of each column"
        assert all(row[0] >= 0 and row[-1] <= column.size for row, column in zip(offsets, text, strict=True))
        self.offsets = offsets
        self.text = text
        self.sizes: I32 = offsets[:, 1:] - offsets[:, :-1]  # bytes of each text
        self._array_of = array_of

    @classmethod
    def of_arrays(cls, arrays: Sequence[pa.StringArray]) -> Texts:
        """Columns that exist as Arrow arrays, without nulls and of one length."""
        parts = [string_parts(array) for array in arrays]
        return cls(np.stack([offsets for offsets, _ in parts]), [text for _, text in parts], arrays.__getitem__)

    def with_columns(self, changed: Mapping[int, pa.StringArray]) -> Texts:
        """The same with other texts in some columns."""
        offsets, text = self.offsets.copy(), list(self.text)
        for column, array in changed.items():
            offsets[column], text[column] = string_parts(array)
        kept = self._array_of
        return Texts(offsets, text, lambda column: changed[column] if column in changed else kept(column))

    @property
    def rows(self) -> int:
        return int(self.sizes.shape[1])

    def array(self, column: int = 0) -> pa.StringArray:
        return self._array_of(column)


def gather(text: U8, start: I32, length: I32, rows: int) -> Texts:
    """String columns of the pieces, one a row of ``start``; the kernel's bounds are asserted here."""
    start, length = np.ascontiguousarray(start), np.ascontiguousarray(length)
    sizes = length[:, :rows].sum(axis=1, dtype=np.int64)
    assert start.shape == length.shape and rows <= start.shape[1]
    base = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes + 7 & ~7, out=base[1:])
    out = np.empty(int(base[-1]) + BEHIND, np.uint8)
    offsets = np.empty((len(sizes), rows + 1), np.int32)
    gather_text(text, start, length, base[:-1], offsets, out)
    columns = [out[first : first + size] for first, size in zip(base.tolist(), sizes.tolist(), strict=False)]
    return Texts(
        offsets,
        columns,
        lambda column: pa.StringArray.from_buffers(rows, pa.py_buffer(offsets[column]), pa.py_buffer(columns[column])),
    )


def taken(values: pa.StringArray, at: npt.NDArray[np.integer]) -> pa.StringArray:
    """``values.take`` without nulls, by the kernel that cuts JSON: three times as fast on short strings."""
    table, text = string_parts(values)
    assert not len(at) or (at.min() >= 0 and at.max() < len(values)), "a number outside its table"
    numbers, offsets = at.astype(np.int32, copy=False), np.empty(len(at) + 1, np.int32)
    size = measure_text(numbers, table, offsets)
    assert size >= 0, "the strings of a batch take less than 2 GiB"
    out = np.empty(size + 8, np.uint8)
    take_text(numbers, table, np.concatenate([text[: table[-1]], np.zeros(8, np.uint8)]), offsets, out)
    return pa.StringArray.from_buffers(len(at), pa.py_buffer(offsets), pa.py_buffer(out[:size]))
