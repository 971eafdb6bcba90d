"""Which shard an id belongs to, and rows in order of their shard.

    slot = lo mod 4096,  shard = floor(slot x shards / 4096)

Slots are fixed for ever; shards are runs of neighbouring slots, so every shard has within one the same number.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_U64, OUT_I32, OUT_I64, VOID, kernel

U64Array = npt.NDArray[np.uint64]
I32Array = npt.NDArray[np.int32]
I64Array = npt.NDArray[np.int64]

_SLOT_BITS = 12


@kernel(VOID, IN_U64, I64, OUT_I32)
def shards_of(lo: U64Array, shards: int, shard: I32Array) -> None:
    """shard = the shard of every id.

    lo (n) uint64 lower half of the id's hash IN
    shards int64 shards in all, 1 to 4096 IN
    shard (n) int32 shard number OUT

    Invariant: 0 <= shard < shards, and depends on lo and shards only. Cost: below 1 ns an id.
    """
    for row in range(lo.size):
        slot = np.int64(lo[row] & np.uint64((1 << _SLOT_BITS) - 1))
        shard[row] = np.int32((slot * shards) >> _SLOT_BITS)


@kernel(VOID, IN_I32, OUT_I64, OUT_I64, OUT_I64)
def sort_by_shard(shard: I32Array, offsets: I64Array, place: I64Array, order: I64Array) -> None:
    """order = row numbers, shard by shard, rows of one shard as they came.

    shard (n) int32 shard number of every row IN
    offsets (shards+1) int64 where each shard's rows start in order OUT
    place (shards) int64 scratch
    order (n) int64 row numbers OUT

    Invariant: order is a permutation, ascending inside each shard. Cost: two passes, about 3 ns a row.
    """
    for number in range(offsets.size):
        offsets[number] = 0
    for row in range(shard.size):
        offsets[shard[row] + 1] += 1
    for number in range(place.size):
        offsets[number + 1] += offsets[number]
        place[number] = offsets[number]
    for row in range(shard.size):
        order[place[shard[row]]] = row
        place[shard[row]] += 1
