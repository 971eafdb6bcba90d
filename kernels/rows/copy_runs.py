"""Copy runs: stretches of a column, one behind the other.

    out = values[first[0] : first[0] + count[0]], values[first[1] : first[1] + count[1]], ...

A column with a few rows left out is a few long runs, one cut by shard is many short ones; either way every row is
moved once. Offsets of strings and lists are moved by what lies before them in the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import (
    IN_I32,
    IN_I64,
    IN_U8,
    IN_U16,
    IN_U32,
    IN_U64,
    OUT_I32,
    OUT_U8,
    OUT_U16,
    OUT_U32,
    OUT_U64,
    VOID,
    inlined_rule,
    kernel,
)

Array = npt.NDArray[Any]
U = np.uint64


@inlined_rule
def copy_runs(first: Array, count: Array, values: Array, out: Array) -> None:
    """The formula of the module. Places are unsigned, so that LLVM copies many values at once."""
    at = U(0)
    for run in range(first.size):
        source, size = U(first[run]), U(count[run])
        for place in range(size):
            out[at + U(place)] = values[source + U(place)]
        at += size


@kernel(VOID, IN_I64, IN_I64, IN_U8, OUT_U8)
def copy_runs_8(first: Array, count: Array, values: Array, out: Array) -> None:
    """Runs of r stretches of values of one byte, or of text.

    first  (r)  i64  first value of each run, inside ``values``                               IN
    count  (r)  i64  values of each run, 0 or more; every run ends inside ``values``          IN
    values (n)  u8                                                                            IN
    out    (sum of count) u8                                                                  OUT

    Cost: a few ns a run, and a copy of what is in it.
    """
    copy_runs(first, count, values, out)


@kernel(VOID, IN_I64, IN_I64, IN_U16, OUT_U16)
def copy_runs_16(first: Array, count: Array, values: Array, out: Array) -> None:
    """As copy_runs_8, for values of two bytes."""
    copy_runs(first, count, values, out)


@kernel(VOID, IN_I64, IN_I64, IN_U32, OUT_U32)
def copy_runs_32(first: Array, count: Array, values: Array, out: Array) -> None:
    """As copy_runs_8, for values of four bytes."""
    copy_runs(first, count, values, out)


@kernel(VOID, IN_I64, IN_I64, IN_U64, OUT_U64)
def copy_runs_64(first: Array, count: Array, values: Array, out: Array) -> None:
    """As copy_runs_8, for values of eight bytes."""
    copy_runs(first, count, values, out)


@kernel(VOID, IN_I64, IN_I64, IN_I32, OUT_I32, OUT_I32)
def copy_offsets(first: Array, count: Array, offsets: Array, out: Array, bounds: Array) -> None:
    """Offsets of the rows in r runs.

    first   (r)  i64  first row of each run                                                   IN
    count   (r)  i64  rows of each run, 0 or more; every run ends inside the column           IN
    offsets (n + 1)  i32  of the column, ascending                                            IN
    out     (sum of count + 1) i32  of the result, from 0                                     OUT
    bounds  (2 r)  i32  where each run's items begin and end in the column; 0, 0 for no rows  OUT

    A run of no rows reads nothing: the one offset of a column without rows may have any value.
    Cost: as copy_runs_32.
    """
    at, moved = U(0), np.int32(0)
    out[0] = 0
    for run in range(first.size):
        source, size = U(first[run]), U(count[run])
        if size == U(0):
            bounds[2 * run], bounds[2 * run + 1] = 0, 0
            continue
        begin, end = offsets[source], offsets[source + size]
        shift = moved - begin
        for place in range(size):
            out[at + U(place) + U(1)] = offsets[source + U(place) + U(1)] + shift
        bounds[2 * run], bounds[2 * run + 1] = begin, end
        moved += end - begin
        at += size
