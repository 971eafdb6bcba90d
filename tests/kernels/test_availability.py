"""Availability promises what an allocation would take: same masks, same safety stock, bundles as whole bundles."""

from __future__ import annotations

import random

import numpy as np
import pytest

from router.arrow.arena import BlockBusy, PrivateArena
from router.config import Policy
from router.ledger.engine import LedgerEngine
from router.ledger.shown_cells import CellsReader
from router.queries.availability import available
from tests.labs.cells import columns, put_available
from tests.labs.ledger_cases import build_tables, claims, order, question, random_stock, random_world, receipts
from tests.reference.plan import available as twin


def _seen(reader):
    """The sequence that a reader sees, and what is available by cell."""
    cells, sequence = reader.all_cells(), reader.read(lambda _: None)
    rows = zip(cells.sku.tolist(), cells.node.tolist(), cells.available.tolist(), strict=True)
    return sequence, {(sku, node): units for sku, node, units in rows if units}


def _published(given, stock, **policy):
    arena = PrivateArena()
    engine = LedgerEngine(Policy(**policy), arena)
    engine.use_tables(build_tables(given))
    engine.stock(receipts(stock), 1, 0)
    engine.publish(engine.take_touched(), 7)
    return engine, CellsReader(arena)


def test_availability_equals_the_twin_on_random_worlds():
    rng, asked = random.Random(8), 0
    while asked < 2_000:
        given = random_world(rng, skus=4, nodes=rng.choice([1, 4, 40]))
        stock = random_stock(rng, given)
        engine, reader = _published(given, stock)
        for _ in range(6):
            skus = [rng.randrange(len(given["skus"])) for _ in range(rng.randint(0, 5))]
            channel, zone = rng.choice([None, 0, 1]), rng.choice([None, 0, 1, 2])
            found = available(
                reader, engine.tables(1), np.array(skus, np.int32),
                -1 if channel is None else channel, -1 if zone is None else zone,
            )  # fmt: skip
            expected = twin.available(given, stock, skus, channel, zone)
            assert list(zip(found.total.tolist(), found.per_node.tolist(), strict=True)) == expected
            assert found.sequence == 7
            asked += len(skus)


def test_what_is_available_can_be_ordered_and_not_one_unit_more():
    rng, tried = random.Random(9), 0
    while tried < 150:
        given = random_world(rng, skus=3, nodes=4, bundles=False)
        for place in given["nodes"]:
            place["capacity"] = None
        for bands in given["lanes"].values():
            for band in bands:
                band |= {"min_g": 0, "max_g": 1 << 62, "service": 0}
        stock = random_stock(rng, given)
        engine, reader = _published(given, stock, parcels_max=8, short_stock="reject")
        sku = rng.randrange(3)
        units = int(available(reader, engine.tables(1), np.array([sku], np.int32), 0, 1).total[0])
        wanted = [order([(sku, units + 1)]), order([(sku, max(units, 1))])]
        statuses = engine.decide(question(), claims(wanted)).column("status").to_pylist()
        assert statuses == ([4, 0] if units else [4, 4])
        tried += units > 0


def test_readers_see_a_record_only_after_it_was_published():
    given = random_world(random.Random(3), skus=2, nodes=2, bundles=False)
    engine, reader = _published(given, {(0, 0): 5})
    put_available(engine.cells, {(0, 0): -4})  # as a later batch does that is not durable yet
    assert _seen(reader) == (7, {(0, 0): 5})


def test_cells_touched_twice_show_what_each_durable_record_left():
    engine = LedgerEngine(Policy(), arena := PrivateArena())
    reader = CellsReader(arena)
    put_available(engine.cells, {(3, 1): 10})
    first = engine.cells.touched(*columns([(3, 1)]))
    put_available(engine.cells, {(3, 1): -6, (3, 0): 2, (3, 5): 3, (3, 99): 4})  # and the cell moves elsewhere
    second = engine.cells.touched(*columns([(3, 1)]))
    for sequence, touched, units in ((1, first, 10), (2, second, 4)):
        engine.cells.publish(touched, sequence)
        assert _seen(reader) == (sequence, {(3, 1): units})


def test_cells_grow_under_a_reader_and_keep_what_they_hold():
    engine = LedgerEngine(Policy(), arena := PrivateArena())
    reader = CellsReader(arena)
    put_available(engine.cells, {(5, 2): 10})
    engine.publish(None, 1)
    assert _seen(reader) == (1, {(5, 2): 10})
    engine.cells.reserve(1_000, 40)
    engine.cells.open(*columns([(sku, node) for sku in range(900) for node in range(1, 40, 5)]))
    assert _seen(reader) == (1, {(5, 2): 10})
    put_available(engine.cells, {(899, 36): 3})
    engine.publish(None, 2)
    assert _seen(reader) == (2, {(5, 2): 10, (899, 36): 3})


def test_a_reader_is_told_to_come_back_while_nothing_was_published_or_a_write_is_open():
    engine = LedgerEngine(Policy(), arena := PrivateArena())
    with pytest.raises(BlockBusy, match="ask again"):
        CellsReader(arena).read(lambda *_: None)
    engine.publish(None, 1)
    engine.cells._lock.begin_write()
    with pytest.raises(BlockBusy, match="ask again"):
        CellsReader(arena).read(lambda *_: None)
