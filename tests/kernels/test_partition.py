"""A batch splits by shard without losing, doubling or reordering rows of one shard."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from router.log.columns import WIRE
from router.shard.partition import shard_of, split, take_wire
from tests.reference.rows import partition as twin


def test_shards_and_order_equal_the_twin_on_random_batches():
    rng = random.Random(17)
    for _ in range(2_000):
        shards = rng.choice((1, 2, 3, 4, 7, 256, 4096))
        lo = [rng.getrandbits(64) for _ in range(rng.choice((0, 1, 2, 9, 40)))]
        numbers = shard_of(np.array(lo, np.uint64), shards)
        assert numbers.tolist() == twin.shards_of(lo, shards)
        order, offsets = split(numbers, shards)
        assert (order.tolist(), offsets.tolist()) == twin.sort_by_shard(numbers.tolist(), shards)
        assert sorted(order.tolist()) == list(range(len(lo)))


@pytest.mark.parametrize("shards", [1, 2, 3, 5, 256])
def test_every_shard_has_its_share_of_the_slots(shards):
    owned = np.bincount(shard_of(np.arange(4096, dtype=np.uint64), shards), minlength=shards)
    assert owned.max() - owned.min() <= 1


def test_a_shard_that_does_not_exist_is_refused():
    with pytest.raises(AssertionError):
        split(np.array([2], np.int32), 2)


def _wire(rows: int) -> pa.RecordBatch:
    line = {"sku_code": 3, "qty": 2, "unit_price_minor": 100, "line_key": 0}
    row = {
        field.name: [] if pa.types.is_list(field.type) else "" if pa.types.is_string(field.type) else 0
        for field in WIRE
    }
    return pa.RecordBatch.from_pylist(
        [{**row, "order_id": f"O-{at}", "lines": [line] * at, "coupons": ["C"] * (at % 2)} for at in range(rows)], WIRE
    )


def test_rows_taken_hold_what_they_held():
    batch = _wire(5)
    taken = take_wire(batch, np.array([1, 4], np.int64))
    assert taken.schema == WIRE and taken.to_pylist() == [batch.to_pylist()[1], batch.to_pylist()[4]]
    assert take_wire(batch, np.array([], np.int64)).num_rows == 0


def test_a_single_shard_copies_nothing():
    batch = _wire(3)
    order, offsets = split(shard_of(np.arange(3, dtype=np.uint64), 1), 1)
    assert take_wire(batch, order[offsets[0] : offsets[1]]) is batch
