"""Split a batch by shard: order id hash -> slot -> shard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.rows.partition import shards_of, sort_by_shard
from router.arrow.selection import select
from router.config import SLOTS

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


def shard_of(lo: U64, shards: int) -> I32:
    """The shard of every id, from the lower half of its hash."""
    assert 1 <= shards <= SLOTS
    numbers = np.empty(lo.size, np.int32)
    shards_of(lo, shards, numbers)
    return numbers


def split(shard_numbers: I32, shards: int) -> tuple[I64, I64]:
    """(order, offsets): rows of shard s, as they came, are ``order[offsets[s]:offsets[s + 1]]``."""
    assert shard_numbers.size == 0 or 0 <= shard_numbers.min() <= shard_numbers.max() < shards
    order, offsets = np.empty(shard_numbers.size, np.int64), np.empty(shards + 1, np.int64)
    sort_by_shard(shard_numbers, offsets, np.empty(shards, np.int64), order)
    return order, offsets


def take_wire(batch: pa.RecordBatch, rows: I64) -> pa.RecordBatch:
    """The rows of one shard, in their order; the batch itself when that is all of it."""
    assert rows.size == 0 or (rows[0] >= 0 and rows[-1] < batch.num_rows)
    if rows.size == batch.num_rows:  # ascending and distinct, see split
        return batch
    return select(batch, rows)
