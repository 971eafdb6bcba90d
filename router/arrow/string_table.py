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
    """Distinct strings with fixed numbers. Never changes; :meth:`extended` makes a longer one.

    The strings lie in one Arrow column. As Python objects a million of them take 150 MB and half a second of the
    interpreter, so a process has those, and numbers by them, from the first time on that it asks: shards and the ledger
    look up columns and never do.
    """

    __slots__ = ("_array", "_number_of", "_offsets", "_slots", "_text", "_values")

    def __init__(self, values: Sequence[str] = ()) -> None:
        self._become(pa.array(values, pa.string()))

    def _become(self, array: pa.StringArray) -> None:
        self._array = array
        self._values: list[str] | None = None
        self._number_of: dict[str, int] | None = None
        self._offsets, self._text = string_parts(array)
        self._slots = np.zeros(max(_SLOTS_MIN, 1 << (2 * len(array)).bit_length()), np.uint64)
        fill_slots(self._offsets, self._text, self._slots)
        assert (self.find(array) == np.arange(len(array))).all(), "the strings of a table are distinct"

    @property
    def values(self) -> list[str]:
        """The strings as Python objects, made when they are asked for."""
        if self._values is None:
            self._values = self._array.to_pylist()
        return self._values

    def __len__(self) -> int:
        return len(self._array)

    def __contains__(self, text: object) -> bool:
        return text in self._numbers()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StringTable) and bool(self._array.equals(other._array))

    def __hash__(self) -> int:
        return hash(tuple(self.values))

    def __repr__(self) -> str:
        return f"StringTable({self._array[:4].to_pylist()}{', ...' if len(self) > 4 else ''} {len(self)} strings)"

    def index(self, text: str) -> int:
        """The number of a string, -1 when it is not in the table."""
        return self._numbers().get(text, -1)

    def _numbers(self) -> dict[str, int]:
        if self._number_of is None:
            self._number_of = {text: number for number, text in enumerate(self.values)}
        return self._number_of

    def text(self, index: int) -> str:
        """The string with a number."""
        assert index >= 0, f"no string has the number {index}"
        return str(self._array[index].as_py())

    def extended(self, more: Iterable[str]) -> StringTable:
        """This table with the strings of ``more`` that it lacks at its end; every number stays what it is."""
        named = pa.array(dict.fromkeys(more), pa.string())
        fresh = named.filter(pa.array(self.find(named) < 0))
        return self.from_arrow(pa.concat_arrays([self._array, fresh])) if len(fresh) else self

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
        table = cls.__new__(cls)
        table._become(array)
        return table
