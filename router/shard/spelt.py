"""Texts to numbers by their normal form: as they stand where a table has them so, else by how they are spelt."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.string_table import StringTable
from router.ids import given

I32 = npt.NDArray[np.int32]

ABSENT, UNKNOWN = -2, -1


class Spelt:
    """Looks texts up; only those in another spelling than the table's cost Python, each once a batch."""

    def __init__(self, exact: StringTable, by_form: Mapping[str, int], form: Callable[[str], str]) -> None:
        self._exact = exact
        self._by_form = {**by_form, "": ABSENT}
        self._form = form

    def find(self, column: pa.StringArray) -> I32:
        """The number of each text; UNKNOWN, or ABSENT where it is empty or blank."""
        found = self._exact.find(column)
        if not (found < 0).any():
            return found
        is_given = given(column)
        found[~is_given] = ABSENT
        missed = np.flatnonzero((found < 0) & is_given)
        if len(missed):
            spellings = column.take(pa.array(missed)).dictionary_encode()
            numbers = [self._by_form.get(self._form(text), UNKNOWN) for text in spellings.dictionary.to_pylist()]
            found[missed] = np.array(numbers, np.int32)[spellings.indices.to_numpy(zero_copy_only=False)]
        return found


def by_first(values: list[str], form: Callable[[str], str]) -> dict[str, int]:
    """Number of the first text of each form."""
    found: dict[str, int] = {}
    for number, text in enumerate(values):
        found.setdefault(form(text), number)
    return found
