"""Pack: integers of a column in as few bytes as their range in the batch takes, and back.

    stored = value - lowest, in 0, 1, 2, 4 or 8 bytes; 0 bytes where all values are the same

Most columns of a batch are constant or small numbers stored wide, so packed they take half of the bytes or less.
Unsigned columns are handed over as the signed numbers of the same bits: differences wrap and wrap back.
``room`` is one block of memory seen at four widths; ``at`` is where the column begins in it, in bytes, a multiple of 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import (
    I64,
    IN_I8,
    IN_I16,
    IN_I32,
    IN_I64,
    IN_U8,
    IN_U16,
    IN_U32,
    IN_U64,
    OUT_I8,
    OUT_I16,
    OUT_I32,
    OUT_I64,
    OUT_U8,
    OUT_U16,
    OUT_U32,
    OUT_U64,
    VOID,
    inlined_rule,
    kernel,
)

Array = npt.NDArray[Any]


@inlined_rule
def width_of(lowest: Any, highest: Any) -> int:
    """Bytes that the differences from the lowest take."""
    span = np.uint64(highest) - np.uint64(lowest)
    if span == np.uint64(0):
        return 0
    if span < np.uint64(1 << 8):
        return 1
    if span < np.uint64(1 << 16):
        return 2
    return 4 if span < np.uint64(1 << 32) else 8


@inlined_rule
def narrow(values: Array, base: Array, at: int, room8: Array, room16: Array, room32: Array, room64: Array) -> int:
    """Write the values' differences from the lowest, which goes to base[0]; returns bytes a value."""
    if values.size == 0:
        base[0] = 0
        return 0
    lowest = highest = np.int64(values[0])
    for row in range(values.size):
        value = np.int64(values[row])
        lowest = min(lowest, value)
        highest = max(highest, value)
    base[0] = lowest
    width = width_of(lowest, highest)
    if width == 1:
        for row in range(values.size):
            room8[at + row] = np.uint8(np.int64(values[row]) - lowest)
    elif width == 2:
        start = at >> 1
        for row in range(values.size):
            room16[start + row] = np.uint16(np.int64(values[row]) - lowest)
    elif width == 4:
        start = at >> 2
        for row in range(values.size):
            room32[start + row] = np.uint32(np.int64(values[row]) - lowest)
    elif width == 8:
        start = at >> 3
        for row in range(values.size):
            room64[start + row] = np.uint64(np.int64(values[row]) - lowest)
    return int(width)


@kernel(I64, IN_I64, OUT_I64, I64, OUT_U8, OUT_U16, OUT_U32, OUT_U64)
def narrow_64(values: Array, base: Array, at: int, room8: Array, room16: Array, room32: Array, room64: Array) -> int:
    """Pack a column of 8-byte integers; returns bytes a value.

    values (n) i64                                                                          IN
    base   (1) i64  the lowest value, 0 where there is none                                 OUT
    at     i64      first byte, a multiple of 8
    room8, room16, room32, room64   one block at four widths, at least at + 8 n bytes       OUT

    The same for narrow_32, narrow_16 and narrow_8 with columns of 4, 2 and 1 bytes. Cost: two passes.
    """
    return narrow(values, base, at, room8, room16, room32, room64)


@kernel(I64, IN_I32, OUT_I64, I64, OUT_U8, OUT_U16, OUT_U32, OUT_U64)
def narrow_32(values: Array, base: Array, at: int, room8: Array, room16: Array, room32: Array, room64: Array) -> int:
    """See narrow_64."""
    return narrow(values, base, at, room8, room16, room32, room64)


@kernel(I64, IN_I16, OUT_I64, I64, OUT_U8, OUT_U16, OUT_U32, OUT_U64)
def narrow_16(values: Array, base: Array, at: int, room8: Array, room16: Array, room32: Array, room64: Array) -> int:
    """See narrow_64."""
    return narrow(values, base, at, room8, room16, room32, room64)


@kernel(I64, IN_I8, OUT_I64, I64, OUT_U8, OUT_U16, OUT_U32, OUT_U64)
def narrow_8(values: Array, base: Array, at: int, room8: Array, room16: Array, room32: Array, room64: Array) -> int:
    """See narrow_64."""
    return narrow(values, base, at, room8, room16, room32, room64)


@kernel(VOID, IN_I32, OUT_I32)
def lengths_of(offsets: Array, lengths: Array) -> None:
    """lengths[i] = offsets[i + 1] - offsets[i].

    offsets (n + 1) i32  of lists or strings                                                IN
    lengths (n)     i32                                                                     OUT
    """
    for row in range(lengths.size):
        lengths[row] = offsets[row + 1] - offsets[row]


@kernel(VOID, IN_I32, OUT_I32)
def offsets_of(lengths: Array, offsets: Array) -> None:
    """The inverse of lengths_of, from 0 on.

    lengths (n)     i32                                                                     IN
    offsets (n + 1) i32                                                                     OUT
    """
    end = np.int32(0)
    offsets[0] = end
    for row in range(lengths.size):
        end += lengths[row]
        offsets[row + 1] = end


@inlined_rule
def widen(
    width: int, base: int, at: int, room8: Array, room16: Array, room32: Array, room64: Array, values: Array
) -> None:
    """Undo narrow; what is too wide for the column loses its upper bits, as it had none."""
    if width == 0:
        for row in range(values.size):
            values[row] = base
    elif width == 1:
        for row in range(values.size):
            values[row] = base + np.int64(room8[at + row])
    elif width == 2:
        start = at >> 1
        for row in range(values.size):
            values[row] = base + np.int64(room16[start + row])
    elif width == 4:
        start = at >> 2
        for row in range(values.size):
            values[row] = base + np.int64(room32[start + row])
    else:
        start = at >> 3
        for row in range(values.size):
            values[row] = base + np.int64(room64[start + row])


@kernel(VOID, I64, I64, I64, IN_U8, IN_U16, IN_U32, IN_U64, OUT_I64)
def widen_64(
    width: int, base: int, at: int, room8: Array, room16: Array, room32: Array, room64: Array, values: Array
) -> None:
    """Unpack a column of 8-byte integers.

    width  i64      bytes a value: 0, 1, 2, 4 or 8
    base   i64      the lowest value
    at     i64      first byte, a multiple of 8
    room8, room16, room32, room64   one block at four widths, at least at + width x n bytes IN
    values (n) i64                                                                          OUT

    The same for widen_32, widen_16 and widen_8. Cost: one pass.
    """
    widen(width, base, at, room8, room16, room32, room64, values)


@kernel(VOID, I64, I64, I64, IN_U8, IN_U16, IN_U32, IN_U64, OUT_I32)
def widen_32(
    width: int, base: int, at: int, room8: Array, room16: Array, room32: Array, room64: Array, values: Array
) -> None:
    """See widen_64."""
    widen(width, base, at, room8, room16, room32, room64, values)


@kernel(VOID, I64, I64, I64, IN_U8, IN_U16, IN_U32, IN_U64, OUT_I16)
def widen_16(
    width: int, base: int, at: int, room8: Array, room16: Array, room32: Array, room64: Array, values: Array
) -> None:
    """See widen_64."""
    widen(width, base, at, room8, room16, room32, room64, values)


@kernel(VOID, I64, I64, I64, IN_U8, IN_U16, IN_U32, IN_U64, OUT_I8)
def widen_8(
    width: int, base: int, at: int, room8: Array, room16: Array, room32: Array, room64: Array, values: Array
) -> None:
    """See widen_64."""
    widen(width, base, at, room8, room16, room32, room64, values)
