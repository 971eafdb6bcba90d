"""What a batch of orders takes to its shards beside its rows: the keys of the lines' ids."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from router.arrow.arrays import from_message
from router.config import Limits
from router.ids import hash_key, key64
from router.log.columns import WIRE
from router.shard.split_batch import split_batch
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_bodies
from tests.labs.wire_cases import plain_order

KEY = hash_key(bytes(range(16)))


def decoded(*line_ids: list[str | None]) -> WireBatch:
    """An order of such lines each."""
    orders: list[dict[str, Any]] = []
    for number, ids in enumerate(line_ids):
        lines = [{"sku": "A", "qty": 1} | ({} if name is None else {"line_id": name}) for name in ids]
        orders.append({**plain_order(number), "lines": lines})
    return decode_bodies([json.dumps(order).encode() for order in orders], Limits())


def keys(wire: WireBatch, shards: int) -> dict[str, list[int]]:
    found = {}
    for part in split_batch(wire, KEY, shards):
        for row in from_message(part.orders, WIRE).to_pylist():
            found[row["order_id"]] = [line["line_key"] for line in row["lines"]]
    return found


@pytest.mark.parametrize("shards", [1, 4])
def test_lines_carry_the_key_of_an_id_that_is_not_their_number(shards: int) -> None:
    named, second = key64(KEY, pa.array(["L-9", "2"])).tolist()
    wire = decoded(["1", "2"], [None, "L-9"], ["2", "L-9", "3"], [None], ["1", "", "L-9"])
    assert list(keys(wire, shards).values()) and keys(wire, shards) == {
        "ORD-000000": [0, 0],
        "ORD-000001": [0, named],
        "ORD-000002": [second, named, 0],
        "ORD-000003": [0],
        "ORD-000004": [0, 0, named],
    }


def test_a_batch_without_ids_of_lines_is_sent_as_it_was_decoded() -> None:
    wire = decoded([None, None], ["", None])
    (part,) = split_batch(wire, KEY, 1)
    assert from_message(part.orders, WIRE).equals(wire.orders)
