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
Int = Any  # int64, see kernels/text/json_text.py

NEWLINE = 0x0A
STRIDE = 4096  # bytes that are counted before it is asked whether the batch is full
FEW = 224  # places whose newlines one byte can count: below 256, and whole registers of 32
CUT, LINES = 0, 1


@rule
def newlines(text: Array, begin: Int, end: Int) -> Int:
    """Counted in bytes, as many at a time as a byte can hold: so a vector register counts 32 places at once."""
    count: Int = 0
    for first in range(begin, end, FEW):
        few = np.uint8(0)
        for place in range(first, min(first + FEW, end)):
            few = np.uint8(few + np.uint8(text[np.uint64(place)] == NEWLINE))
        count += np.int64(few)
    return count


@kernel(I64, IN_U8, I64, I64)
def count_lines(text: Array, begin: Int, end: Int) -> Int:
    """Newlines in ``text[begin:end]``.

    text       (any) uint8 any bytes                              IN
    begin, end       int64 first byte, byte behind the last       IN

    Cost: about 0.04 ns a byte.
    """
    return newlines(text, begin, end)


@kernel(VOID, IN_U8, I64, I64, I64, OUT_I64)
def split_lines(text: Array, begin: Int, end: Int, lines_max: Int, split: Array) -> None:
    """Find the end of at most ``lines_max`` whole lines from ``begin``.

    text       (any) uint8 any bytes                                                        IN
    begin, end       int64 first byte, byte behind the last                                 IN
    lines_max        int64 at least 1                                                       IN
    split      (2)   int64 CUT: byte behind the last whole line, begin = none; LINES: how many   OUT

    Invariant: CUT is begin or stands behind a newline. Cost: about 0.04 ns a byte.
    """
    lines: Int = 0
    position = begin
    while position < end and lines < lines_max:
        behind = min(position + STRIDE, end)
        more = newlines(text, position, behind)
        if lines + more > lines_max:
            break
        lines += more
        position = behind
    while position < end and lines < lines_max:  # the last lines, one by one
        lines += np.int64(text[np.uint64(position)] == NEWLINE)
        position += 1
    while position > begin and text[np.uint64(position - 1)] != NEWLINE:
        position -= 1
    split[CUT], split[LINES] = position, lines
