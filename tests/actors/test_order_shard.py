"""The process of a shard: what it keeps of a batch, by one that lives in this process."""

from __future__ import annotations

import gc
import json
import pathlib
import weakref
from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from actors.owners.order_shard import OrderShard
from actors.store.data_folder import DataFolder
from router.arrow.arrays import from_message
from router.config import Config, Limits
from router.log.columns import ACK, EVENT_ACK, WIRE
from router.shard.order_lane import OrderBatch
from router.shard.split_batch import split_batch
from router.shard.split_events import split_events
from router.tables.compile import empty_tables
from router.wire.event_batch import EventBatch
from router.wire.ndjson import decode_bodies
from tests.labs.table_cases import NOW_MS
from tests.labs.telling import decoded, event_terms
from tests.labs.wire_cases import plain_order

ROWS = 3


@pytest.fixture
def data(tmp_path: pathlib.Path) -> DataFolder:
    made = DataFolder(tmp_path)
    made.create(Config())
    return made


@pytest.fixture
def shard(data: DataFolder) -> Iterator[OrderShard]:
    made = OrderShard(str(data.path), 0, msgspec.json.encode(Config()))
    yield made
    made.drain()


def stored(message: object) -> npt.NDArray[np.uint8]:
    """As Ray hands bytes over: what it keeps for as long as anybody looks at it."""
    return np.frombuffer(bytearray(message), np.uint8)  # type: ignore[call-overload]


def test_nothing_that_is_recalled_of_a_batch_keeps_it_in_the_store(data: DataFolder, shard: OrderShard) -> None:
    """A view of its orders would keep the documents beside them there, too."""
    wire = decode_bodies([json.dumps(plain_order(number)).encode() for number in range(ROWS)], Limits())
    (part,) = split_batch(wire, data.key(), 1)
    orders = OrderBatch((1, 1), stored(part.orders), stored(part.skus), stored(part.documents), NOW_MS)
    left = [weakref.ref(each) for each in (orders.orders, orders.skus, orders.documents)]
    assert from_message(shard.submit(orders), ACK).num_rows == ROWS
    ids = [order["order_id"] for order in from_message(part.orders, WIRE).to_pylist()]
    notes = [{"event_id": "n", "order_id": order_id, "type": "note", "text": "x"} for order_id in ids]
    ((told,),) = split_events(decoded(notes, event_terms(empty_tables(NOW_MS), data.key(), NOW_MS)), 1)
    assert told.documents is not None
    events = EventBatch((1, 2), stored(told.events), stored(told.payload), stored(told.documents), NOW_MS)
    left += [weakref.ref(each) for each in (events.events, events.payload, events.documents)]
    assert from_message(shard.submit_events(events), EVENT_ACK).num_rows == ROWS
    del orders, events
    gc.collect()
    assert [each() is None for each in left] == [True] * 6, "orders, SKUs, documents, events, payload, documents"
