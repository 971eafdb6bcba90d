"""Small array helpers of the compilers: grown copies, and frozen results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from router.tables.compiled import I32, I64


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array, contiguous and read-only from here on: tables never change after they were built."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def grown(former: npt.NDArray[Any] | None, shape: tuple[int, ...], fill: int, dtype: type[Any]) -> npt.NDArray[Any]:
    """A new array of the shape holding the former one in its corner and ``fill`` elsewhere."""
    array = np.full(shape, fill, dtype)
    if former is not None:
        array[tuple(slice(0, size) for size in former.shape)] = former
    return array


def offsets_of(counts: Sequence[int] | I64) -> I64:
    """Counts per row as offsets (n+1)."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def int64s(values: Iterable[int]) -> I64:
    return np.fromiter(values, np.int64)


def int32s(values: Iterable[int]) -> I32:
    return np.fromiter(values, np.int32)
