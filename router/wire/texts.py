"""String columns of one height, as the kernels take them: offsets side by side, bytes column by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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

    @property
    def rows(self) -> int:
        return int(self.sizes.shape[1])

    def array(self, column: int = 0) -> pa.StringArray:
        return self._array_of(column)
