"""The lines of an order that are called the same.

name(line) = its line_id, or its number from 1 where it has none
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import IN_I32, IN_U8, OUT_I32, VOID, kernel, rule
from kernels.rows.lookup import same_string
from kernels.rows.text_keys import plain_number

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py

NO_LINE = -1
FEW = 16  # lines of an order up to which each is compared with each; nothing may be quadratic in more


@rule
def _is_of_another(offsets: Array, text: Array, first: Int, last: Int, line: Int) -> bool:
    """Whether a line_id is the number of another line, which has none."""
    number = plain_number(text, np.uint64(offsets[line]), np.uint64(offsets[line + 1]))
    owner = first + number - 1
    return bool(0 < number <= last - first and offsets[owner + 1] == offsets[owner])


@rule
def _repeated(offsets: Array, text: Array, first: Int, last: Int) -> Int:
    for line in range(first + 1, last):
        for earlier in range(first, line):
            if offsets[line + 1] > offsets[line] and same_string(offsets, text, line, offsets, text, earlier):
                return line
    return NO_LINE


@kernel(VOID, IN_I32, IN_I32, IN_U8, OUT_I32)
def repeated_names(row_offsets: Array, offsets: Array, text: Array, out: Array) -> None:
    """out = a line of each order whose line_id is another line's name too, NO_LINE where there is none.

    row_offsets (n + 1) int32 where each order's lines start, ascending  IN
    offsets     (m + 1) int32 byte where each line_id starts, ascending   IN
    text        (any)   uint8 UTF-8 of all line_ids                      IN
    out         (n)     int32 number of a line among all m, NO_LINE       OUT

    Invariant: out[row] is the first line with the line_id of an earlier one, else the first that is called by the
    number of another without one. Of an order of more than FEW lines equal line_ids are not looked for here.
    """
    for row in range(out.size):
        first, last = row_offsets[row], row_offsets[row + 1]
        found = NO_LINE
        if offsets[last] > offsets[first] and last > first + 1:
            if last - first <= FEW:
                found = _repeated(offsets, text, first, last)
            for line in range(first, last):
                if found == NO_LINE and _is_of_another(offsets, text, first, last, line):
                    found = line
        out[row] = found
