"""The ledger as a whole: nothing is oversold or lost, and what it answers to single questions."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from router.arrow.arena import PrivateArena
from router.config import Policy
from router.errors import Misconfigured
from router.ledger.engine import TABLES_KEPT, LedgerEngine
from router.life.states import CellAccount as A
from router.tables.compiled import UnknownTables
from router.tables.stock_rows import MovementKind
from tests.labs.ledger_cases import (
    build_tables,
    claims,
    engine_of,
    move,
    movement,
    movements,
    node,
    order,
    promotion,
    question,
    sku,
    some,
    world,
)


def test_flash_sale_sells_every_unit_once_and_no_more():
    units, orders, rows = 10_000, 50_000, 1_250
    given = world([sku()], [node() for _ in range(4)])
    engine = engine_of(given, {(0, n): units // 4 for n in range(4)}, velocity_window_ms=0)
    statuses = Counter()
    sequences = Counter()
    rng = random.Random(6)
    for _ in range(orders // rows):
        shard = rng.randrange(4)
        sequences[shard] += 1
        batch = claims([order([(0, 1)], customer=rng.getrandbits(64)) for _ in range(rows)])
        decision = engine.decide(question(shard, sequences[shard]), batch)
        statuses.update(decision.column("status").to_pylist())
        assert engine.conservation() == []
    assert statuses == {0: units, 2: orders - units}
    assert some(engine.totals()) == {"allocated": units, "received": units}
    assert len(engine.state.waiting) == orders - units


def test_a_repeated_movement_changes_nothing_and_a_short_one_is_refused():
    engine = engine_of(world([sku()], [node()]), {})
    rows = [movement(1, 0, 0, 0, 5), movement(1, 0, 0, 0, 5), movement(2, 2, 0, 0, 6), movement(2, 2, 0, 0, 4)]
    results, *_ = engine.stock(movements(rows), 1, 0)
    assert results.column("result").to_pylist() == [0, 1, 2, 0]
    assert engine.totals()["available"] == 1


def test_a_count_below_what_is_promised_makes_available_negative_and_nothing_more_is_sold():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 5})
    engine.decide(question(0, 1, 1), claims([order([(0, 4)])]))
    engine.stock(movements([movement(50, MovementKind.COUNT, 0, 0, 2)]), 1, 0)
    assert some(engine.totals()) == {"available": -2, "allocated": 4, "received": 2}
    assert engine.conservation() == []
    assert engine.decide(question(0, 2, 1), claims([order([(0, 1)])])).column("status").to_pylist() == [2]
    grants = move(engine, [(A.ALLOCATED, A.AVAILABLE, 0, 0, 4, -1)])
    assert engine.totals()["available"] == 1 and grants[0]["qty"] == 1


def test_a_cancelled_parcel_gives_its_day_back():
    engine = engine_of(world([sku()], [node(capacity=1)]), {(0, 0): 9})
    day = engine.decide(question(0, 1, 1), claims([order([(0, 1)])])).to_pylist()[0]["parcels"][0]["ship_day"]
    move(engine, [(A.ALLOCATED, A.AVAILABLE, 0, 0, 1, day)])
    again = engine.decide(question(0, 2, 1), claims([order([(0, 1)])])).to_pylist()[0]
    assert again["parcels"][0]["ship_day"] == day


def test_a_move_of_units_that_are_not_there_is_a_bug_and_stops():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 1})
    with pytest.raises(AssertionError, match="move 0 takes more units"):
        move(engine, [(A.ALLOCATED, A.SHIPPED, 0, 0, 1, -1)])


def test_claims_of_a_version_that_is_gone_are_asked_for_and_then_decided():
    given = world([sku()], [node()])
    engine = engine_of(given, {(0, 0): 9}, version=1)
    for version in range(2, TABLES_KEPT + 3):
        engine.use_tables(build_tables(given, version))
    with pytest.raises(UnknownTables) as missing:
        engine.decide(question(0, 1, 1), claims([order([(0, 1)])]))
    assert missing.value.version == 1
    engine.use_tables(build_tables(given, 1))
    assert engine.decide(question(0, 1, 1), claims([order([(0, 1)])])).column("status").to_pylist() == [0]


def test_promotion_uses_survive_a_version_that_renumbers_them():
    given = world([sku()], [node()], promotions=[promotion("B", limit=1)])
    engine = engine_of(given, {(0, 0): 9})
    engine.decide(question(0, 1, 1), claims([order([(0, 1)], promotions=[0])]))
    later = world([sku()], [node()], promotions=[promotion("A"), promotion("B", limit=1)])
    engine.use_tables(build_tables(later, 2))
    row = engine.decide(question(0, 2, 2), claims([order([(0, 1)], promotions=[0, 1])])).to_pylist()[0]
    assert row["granted"] == [0]


def test_new_skus_and_nodes_keep_the_cells_of_the_old_ones():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 3})
    larger = world([sku() for _ in range(100)], [node() for _ in range(9)])
    engine.use_tables(build_tables(larger, 2))
    row = engine.decide(question(0, 1, 2), claims([order([(0, 3)])])).to_pylist()[0]
    assert row["status"] == 0 and engine.cells.skus >= 100 and engine.cells.nodes == 9


def test_a_batch_of_one_keeps_its_decision_when_the_next_is_decided():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 3})
    first = engine.decide(question(0, 1, 1), claims([order([(0, 3)])]))
    before = first.to_pylist()
    engine.decide(question(0, 2, 1), claims([order([(0, 1)], admission=2)]))
    assert first.to_pylist() == before


def test_growing_memory_forgets_no_customer_and_no_basket():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 10**6})
    rows = [order([(0, 1)], customer=1 + k, basket=(1 + k) << 32) for k in range(5_000)]
    for sequence in range(10):
        engine.decide(question(0, sequence, 1), claims(rows[sequence * 500 : sequence * 500 + 500]))
    assert len(engine.dump()["customers"]) == len(engine.dump()["baskets"]) == 5_000
    again = engine.decide(question(0, 99, 1), claims(rows[:3]))
    assert again.column("twin").to_pylist() == [0, 1, 2]


def test_what_an_owner_was_started_with_is_no_part_of_its_state_before_it_decides():
    """A checkpoint of then, and a replay under a configuration that was changed since, are the same ledger."""
    started, other = (LedgerEngine(Policy(velocity_window_ms=ms), PrivateArena()) for ms in (1_000, 5_000))
    assert started.state_hash() == other.state_hash()
    other.restore(started.snapshot())
    assert started.state_hash() == other.state_hash()


def test_more_parcels_than_the_ledger_plans_are_refused_in_words():
    engine = LedgerEngine(Policy(parcels_max=9), PrivateArena())
    with pytest.raises(Misconfigured, match="parcels_max is 9; set it to a number from 1 to 8"):
        engine.use_tables(build_tables(world([sku()], [node()])))
