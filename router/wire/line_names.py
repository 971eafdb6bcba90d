"""Lines of an order that are called the same: an event could not say which of them it is about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.rows.line_names import FEW, NO_LINE, repeated_names
from router.ids import given_keys, string_parts
from router.wire.texts import taken

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

_ANY_KEY = np.array([0x6F72646572206C69, 0x6E65206E616D6573], np.uint64)  # equal hashes only send one to compare texts


def repeated_lines(row_offsets: I32, line_ids: pa.StringArray) -> dict[int, int]:
    """Row -> number among all lines of the first of its lines that has the line_id of an earlier one, or else is
    called by the number of one that has none."""
    offsets, text = string_parts(line_ids)
    if offsets[-1] == offsets[0]:
        return {}
    found = np.empty(len(row_offsets) - 1, np.int32)
    repeated_names(row_offsets, offsets, text, found)
    lines = {int(row): int(found[row]) for row in np.flatnonzero(found != NO_LINE)}
    for row in _long_rows_to_compare(row_offsets, line_ids):
        first, last = int(row_offsets[row]), int(row_offsets[row + 1])
        again = _repeated(line_ids.slice(first, last - first))
        if again is not None:
            lines[row] = first + again
    return lines


def with_equal_keys(rows: I64, keys: U64) -> I64:
    """Of lines, by the rows that have them, those with the key of another one of their row but for the last such."""
    order = np.lexsort((keys, rows))
    rows, keys = rows[order], keys[order]
    return np.asarray(order[:-1][(rows[1:] == rows[:-1]) & (keys[1:] == keys[:-1])])


def _long_rows_to_compare(row_offsets: I32, line_ids: pa.StringArray) -> list[int]:
    """Rows of more than FEW lines in which two hashes are equal: all of them at once, a call a row costs more."""
    counts = np.diff(row_offsets)
    lines = np.flatnonzero(np.repeat(counts > FEW, counts))
    if not len(lines):
        return []
    keys = given_keys(_ANY_KEY, taken(line_ids, lines))
    named = keys != 0
    rows = np.repeat(np.arange(len(counts)), counts)[lines[named]]
    found: list[int] = np.unique(rows[with_equal_keys(rows, keys[named])]).tolist()
    return found


def _repeated(line_ids: pa.StringArray) -> int | None:
    """Place of the first that was there before."""
    seen: set[str] = set()
    for place, name in enumerate(line_ids.to_pylist()):
        if name and name in seen:
            return place
        seen.add(name)
    return None
