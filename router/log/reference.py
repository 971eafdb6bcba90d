"""References: the place of one row in a log, ``sequence << 16 | row``; before it the shard where several are meant."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
Number = TypeVar("Number", int, npt.NDArray[np.int64], npt.NDArray[np.uint64])

ROW_BITS = 16
SHARD_BITS = 48  # of a reference without its shard
NONE = -1
_ROW_MASK = (1 << ROW_BITS) - 1
_LOCAL_MASK = (1 << SHARD_BITS) - 1


def reference(sequence: int, row: int) -> int:
    return sequence << ROW_BITS | row


def references(sequence: int, count: int) -> U64:
    """Of all rows of a record."""
    return np.uint64(sequence << ROW_BITS) | np.arange(count, dtype=np.uint64)


def sequence_of(place: Number) -> Number:
    """Of a reference, or of an array of them."""
    found: Number = place >> _like(place, ROW_BITS)
    return found


def row_of(place: Number) -> Number:
    found: Number = place & _like(place, _ROW_MASK)
    return found


def in_shard(shard: int, place: int) -> int:
    """A reference as others than its shard name it."""
    assert 0 <= shard < 1 << 15 and 0 <= place < 1 << SHARD_BITS
    return shard << SHARD_BITS | place


def shard_part(place: int) -> int:
    return place >> SHARD_BITS


def local_part(place: int) -> int:
    return place & _LOCAL_MASK


def _like(place: Any, number: int) -> Any:
    return place.dtype.type(number) if isinstance(place, np.ndarray) else number
