"""The ledger as a whole: nothing is oversold or lost, and a replay gives the same state."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from router.arrow.arena import PrivateArena
from router.config import Policy
from router.errors import Misconfigured
from router.ledger.engine import TABLES_KEPT, LedgerEngine
from router.life.states import Move
from router.log.columns import MOVEMENTS, MOVES
from router.tables.compiled import UnknownTables
from router.tables.stock_rows import MovementKind
from tests.labs.ledger_cases import (
    build_tables,
    claims,
    engine_of,
    movement,
    node,
    order,
    promotion,
    random_order,
    random_stock,
    random_world,
    sku,
    world,
)


def moves(rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"kind": k, "sku": s, "node": n, "qty": q, "ship_day": d} for k, s, n, q, d in rows], schema=MOVES
    )


def _atp(engine, given):
    """Units per SKU beyond safety stock."""
    safety = np.array([place["safety"] for place in given["nodes"]])
    nodes, skus = len(given["nodes"]), len(given["skus"])
    return np.maximum(engine.cells.available[:skus, :nodes] - safety, 0).sum(axis=1)


def _decide_step(rng, engine, copy, given, sequence, open_units):
    batch = claims([random_order(rng, given) for _ in range(rng.randint(1, 6))])
    atp, before = _atp(engine, given), engine.cells.available.copy()
    decision = engine.decide(1, sequence, 1, batch, 0)
    copy.apply_decision(1, sequence, 1, batch, decision)
    takes = Counter()
    for row in decision.to_pylist():
        account = "held" if row["status"] == 3 else "allocated"
        for line in row["lines"]:
            for unit in line["allocations"]:
                takes[unit["sku"]] += unit["qty"]
                open_units.append((account, unit["sku"], unit["node"], unit["qty"]))
    assert all(units <= atp[s] for s, units in takes.items())
    fell = before > engine.cells.available
    assert (engine.cells.available[fell] >= 0).all(), "a decision took more than there was"


def _move_step(rng, engine, copy, open_units):
    account, s, n, qty = open_units.pop(rng.randrange(len(open_units)))
    if account == "held":
        kind = rng.choice([Move.CONFIRM, Move.RELEASE])
        if kind is Move.CONFIRM:
            open_units.append(("allocated", s, n, qty))
    else:
        kind = rng.choice([Move.CANCEL, Move.SHIP])
    batch = moves([(kind, s, n, qty, -1)])
    for ledger in (engine, copy):
        ledger.move(batch)


def _stock_step(rng, engine, copy, given, number):
    plain = [s for s, row in enumerate(given["skus"]) if not row["bundle"]]
    kind = rng.choice([0, 0, 1, 2, 3])
    n = rng.randrange(len(given["nodes"]))
    to_node = (n + 1) % len(given["nodes"]) if kind == MovementKind.TRANSFER else -1
    row = movement(number, kind, rng.choice(plain), n, rng.randint(0, 5), to_node)
    batch = pa.RecordBatch.from_pylist([row], schema=MOVEMENTS)
    assert engine.stock(batch).equals(copy.stock(batch))


@pytest.mark.parametrize("seed", range(10))
def test_random_walks_keep_every_cell_and_replay_to_the_same_state(seed):
    rng = random.Random(seed)
    given = random_world(rng, skus=4, nodes=4)
    stock = random_stock(rng, given)
    engine, copy = engine_of(given, stock), engine_of(given, stock)
    open_units: list[tuple[str, int, int, int]] = []
    for step in range(1, 120):
        what = rng.random()
        if what < 0.5:
            _decide_step(rng, engine, copy, given, step, open_units)
        elif what < 0.8 and open_units:
            _move_step(rng, engine, copy, open_units)
        else:
            _stock_step(rng, engine, copy, given, 10_000 + rng.randint(step - 3, step))
        assert engine.conservation() == []
        if step % 20 == 0:
            assert engine.state_hash() == copy.state_hash()
            restored = LedgerEngine(Policy(), PrivateArena())
            restored.use_tables(build_tables(given))
            restored.restore(engine.snapshot())
            assert restored.state_hash() == engine.state_hash()
            assert np.array_equal(restored.cells.stocked, engine.cells.stocked[: len(restored.cells.stocked)])
            engine = restored if step % 40 == 0 else engine  # go on from a checkpoint now and then


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
        decision = engine.decide(shard, sequences[shard], 1, batch, 0)
        statuses.update(decision.column("status").to_pylist())
        assert engine.conservation() == []
    assert statuses == {0: units, 2: orders - units}
    assert engine.totals() == {"available": 0, "held": 0, "allocated": units, "shipped": 0, "received": units}


def test_a_repeated_movement_changes_nothing_and_a_short_one_is_refused():
    engine = engine_of(world([sku()], [node()]), {})
    rows = [movement(1, 0, 0, 0, 5), movement(1, 0, 0, 0, 5), movement(2, 2, 0, 0, 6), movement(2, 2, 0, 0, 4)]
    results = engine.stock(pa.RecordBatch.from_pylist(rows, schema=MOVEMENTS))
    assert results.column("result").to_pylist() == [0, 1, 2, 0]
    assert engine.totals()["available"] == 1


def test_a_count_below_what_is_promised_makes_available_negative_and_nothing_more_is_sold():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 5})
    engine.decide(0, 1, 1, claims([order([(0, 4)])]), 0)
    engine.stock(pa.RecordBatch.from_pylist([movement(50, MovementKind.COUNT, 0, 0, 2)], schema=MOVEMENTS))
    assert engine.totals() == {"available": -2, "held": 0, "allocated": 4, "shipped": 0, "received": 2}
    assert engine.conservation() == []
    assert engine.decide(0, 2, 1, claims([order([(0, 1)])]), 0).column("status").to_pylist() == [2]
    engine.move(moves([(Move.CANCEL, 0, 0, 4, -1)]))
    assert engine.totals()["available"] == 2


def test_a_cancelled_parcel_gives_its_day_back():
    engine = engine_of(world([sku()], [node(capacity=1)]), {(0, 0): 9})
    day = engine.decide(0, 1, 1, claims([order([(0, 1)])]), 0).to_pylist()[0]["parcels"][0]["ship_day"]
    engine.move(moves([(Move.CANCEL, 0, 0, 1, day)]))
    again = engine.decide(0, 2, 1, claims([order([(0, 1)])]), 0).to_pylist()[0]
    assert again["parcels"][0]["ship_day"] == day


def test_a_move_of_units_that_are_not_there_is_a_bug_and_stops():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 1})
    with pytest.raises(AssertionError, match="move 0 takes more units"):
        engine.move(moves([(Move.SHIP, 0, 0, 1, -1)]))


def test_claims_of_a_version_that_is_gone_are_asked_for_and_then_decided():
    given = world([sku()], [node()])
    engine = engine_of(given, {(0, 0): 9}, version=1)
    for version in range(2, TABLES_KEPT + 3):
        engine.use_tables(build_tables(given, version))
    with pytest.raises(UnknownTables) as missing:
        engine.decide(0, 1, 1, claims([order([(0, 1)])]), 0)
    assert missing.value.version == 1
    engine.add_tables(build_tables(given, 1))
    assert engine.decide(0, 1, 1, claims([order([(0, 1)])]), 0).column("status").to_pylist() == [0]


def test_promotion_uses_survive_a_version_that_renumbers_them():
    given = world([sku()], [node()], promotions=[promotion("B", limit=1)])
    engine = engine_of(given, {(0, 0): 9})
    engine.decide(0, 1, 1, claims([order([(0, 1)], promotions=[0])]), 0)
    later = world([sku()], [node()], promotions=[promotion("A"), promotion("B", limit=1)])
    engine.use_tables(build_tables(later, 2))
    row = engine.decide(0, 2, 2, claims([order([(0, 1)], promotions=[0, 1])]), 0).to_pylist()[0]
    assert row["granted"] == [0]


def test_new_skus_and_nodes_keep_the_cells_of_the_old_ones():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 3})
    larger = world([sku() for _ in range(100)], [node() for _ in range(9)])
    engine.use_tables(build_tables(larger, 2))
    row = engine.decide(0, 1, 2, claims([order([(0, 3)])]), 0).to_pylist()[0]
    assert row["status"] == 0 and engine.cells.shape == (128, 16)


def test_a_batch_of_one_keeps_its_decision_when_the_next_is_decided():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 3})
    first = engine.decide(0, 1, 1, claims([order([(0, 3)])]), 0)
    before = first.to_pylist()
    engine.decide(0, 2, 1, claims([order([(0, 1)], admission=2)]), 0)
    assert first.to_pylist() == before


def test_growing_memory_forgets_no_customer_and_no_basket():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 10**6})
    rows = [order([(0, 1)], customer=1 + k, basket=(1 + k) << 32) for k in range(5_000)]
    for sequence in range(10):
        engine.decide(0, sequence, 1, claims(rows[sequence * 500 : sequence * 500 + 500]), 0)
    assert len(engine.dump()["customers"]) == len(engine.dump()["baskets"]) == 5_000
    again = engine.decide(0, 99, 1, claims(rows[:3]), 0)
    assert again.column("twin").to_pylist() == [0, 1, 2]


def test_more_parcels_than_the_ledger_plans_are_refused_in_words():
    engine = LedgerEngine(Policy(parcels_max=9), PrivateArena())
    with pytest.raises(Misconfigured, match="parcels_max is 9; set it to a number from 1 to 8"):
        engine.use_tables(build_tables(world([sku()], [node()])))
