"""Numbered strings: SKUs, nodes, channels and other codes, in the order in which they were first seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.rows.lookup import fill_slots, find_strings
from router.ids import string_parts

_SLOTS_MIN = 8


class StringTable:
    """Distinct strings with fixed numbers. Never changes; :meth:`extended` makes a longer one."""

    __slots__ = ("_array", "_numbers", "_offsets", "_slots", "_text", "values")

    def __init__(self, values: Sequence[str] = ()) -> None:
        self.values = list(values)
        self._numbers = {text: number for number, text in enumerate(self.values)}
        assert len(self._numbers) == len(self.values), "the strings of a table are distinct"
        self._array = pa.array(self.values, pa.string())
        self._offsets, self._text = string_parts(self._array)
        self._slots = np.zeros(max(_SLOTS_MIN, 1 << (2 * len(self.values)).bit_length()), np.uint64)
        fill_slots(self._offsets, self._text, self._slots)

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, text: object) -> bool:
        return text in self._numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StringTable) and self.values == other.values

    def __hash__(self) -> int:
        return hash(tuple(self.values))

    def __repr__(self) -> str:
        return f"StringTable({self.values[:4]}{', ...' if len(self) > 4 else ''} {len(self)} strings)"

    def index(self, text: str) -> int:
        """The number of a string, -1 when it is not in the table."""
        return self._numbers.get(text, -1)

    def text(self, index: int) -> str:
        """The string with a number."""
        assert index >= 0, f"no string has the number {index}"
        return self.values[index]

    def extended(self, more: Iterable[str]) -> StringTable:
        """This table with the strings of ``more`` that it lacks at its end; every number stays what it is."""
        fresh = [text for text in dict.fromkeys(more) if text not in self._numbers]
        return StringTable(self.values + fresh) if fresh else self

    def find(self, array: pa.StringArray) -> npt.NDArray[np.int32]:
        """The number of every string of a column, -1 where it is not in the table."""
        offsets, text = string_parts(array)
        assert offsets[0] >= 0 and offsets[-1] <= text.size, "string offsets lie outside their text"
        found = np.empty(len(array), np.int32)
        find_strings(offsets, text, self._slots, self._offsets, self._text, found)
        return found

    def to_arrow(self) -> pa.StringArray:
        """The strings as a column; row number = number."""
        return self._array

    @classmethod
    def from_arrow(cls, array: pa.StringArray) -> StringTable:
        """The table that :meth:`to_arrow` wrote."""
        return cls(array.to_pylist())
