"""Split lines: how far does a batch of whole lines reach?

cut   = behind the newline number ``lines_max``, or behind the last newline where there are fewer
lines = newlines before the cut
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_U8, OUT_I64, VOID, kernel, rule

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/json_text.py

NEWLINE = 0x0A
STRIDE = 64
CUT, LINES = 0, 1


@rule
def newlines(text: Array, begin: Int, end: Int) -> Int:
    count: Int = 0
    for place in range(begin, end):
        count += np.int64(text[np.uint64(place)] == NEWLINE)
    return count


@kernel(I64, IN_U8, I64, I64)
def count_lines(text: Array, begin: Int, end: Int) -> Int:
    """Newlines in ``text[begin:end]``.

    text       (any) uint8 any bytes                              IN
    begin, end       int64 first byte, byte behind the last       IN

    Cost: about 0.05 ns a byte.
    """
    return newlines(text, begin, end)


@kernel(VOID, IN_U8, I64, I64, I64, OUT_I64)
def split_lines(text: Array, begin: Int, end: Int, lines_max: Int, split: Array) -> None:
    """Find the end of at most ``lines_max`` whole lines from ``begin``.

    text       (any) uint8 any bytes                                                        IN
    begin, end       int64 first byte, byte behind the last                                 IN
    lines_max        int64 at least 1                                                       IN
    split      (2)   int64 CUT: byte behind the last whole line, begin = none; LINES: how many   OUT

    Invariant: CUT is begin or stands behind a newline. Cost: about 0.1 ns a byte.
    """
    split[CUT], split[LINES] = begin, 0
    position = begin
    while position < end and split[LINES] < lines_max:
        behind = min(position + STRIDE, end)
        if newlines(text, position, behind) > 0:
            for place in range(position, behind):
                if text[place] == NEWLINE and split[LINES] < lines_max:
                    split[CUT] = place + 1
                    split[LINES] += 1
        position = behind
