"""A cancelled order gives back all that it was given: the ledger is what it was, whatever became of the order."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from router.life.states import CellAccount as A
from router.log.columns import GIVEN_BACK
from router.ports import NOTHING_NUMBERED
from router.tables.compiled import UnknownTables
from tests.labs.ledger_cases import (
    NOON_MS,
    build_tables,
    claims,
    engine_of,
    move,
    moves,
    node,
    order,
    promotion,
    question,
    random_order,
    random_stock,
    random_world,
    sku,
    some,
    withdrawals,
    world,
)
from tests.labs.ledger_shop import reference

MEASURED = ("channels", "windows")  # of what was sent: the usual value, when generations began


def facts(engine):
    """The dump without what measures that something was sent."""
    kept = {name: array.tolist() for name, array in engine.dump().items() if name not in MEASURED}
    kept["customers"] = [row[:3] for row in kept["customers"] if row[2]]  # an entry's value is its velocity
    cells = (kept.pop("cell_sku"), kept.pop("cell_node"), kept.pop("cell_units"))
    kept["cells"] = {(s, n): units for s, n, units in zip(*cells, strict=True)}
    return kept | {"waits_from": [], "grants_seen": []}


def given_back(rows, version=1):
    names = ("order", "customer", "basket", "promotions")
    return pa.RecordBatch.from_pylist(
        [{name: row[name] for name in names} | {"tables_version": version} for row in rows], schema=GIVEN_BACK
    )


def cancel(engine, shard, sequence, batch, decided, held_at=A.HELD, allocated_at=A.ALLOCATED):
    """Everything of a batch that was not rejected goes back, from wherever its units are by now."""
    units, waits, back = [], [], []
    for row, (asked, answer) in enumerate(zip(batch, decided, strict=True)):
        if answer["status"] == 4:
            continue
        place = reference(shard, sequence, row)
        back.append(asked | {"order": place, "promotions": answer["granted"]})
        days = {parcel["node"]: parcel["ship_day"] for parcel in answer["parcels"]}
        account = held_at if answer["status"] == 3 else allocated_at
        for number, line in enumerate(answer["lines"]):
            if line["backordered"]:
                waits.append((place, number, line["backordered"]))
            for part in line["allocations"]:
                day = days.pop(part["node"], -1)
                units.append((int(account), int(A.AVAILABLE), part["sku"], part["node"], part["qty"], day))
    rows = pa.Table.from_batches([moves(units), withdrawals(waits)]).combine_chunks().to_batches()
    batch = rows[0] if rows else moves([])
    engine.move(question(shard, sequence + 500), batch, given_back(back), NOTHING_NUMBERED, 900 + sequence)


@pytest.mark.parametrize("seed", range(12))
def test_deciding_and_cancelling_everything_changes_nothing(seed):
    """Held, allocated, backordered, bundles, coupons, baskets, full days: whatever random orders meet."""
    rng, compared = random.Random(seed), 0
    forever = {"duplicate_basket_window_ms": 10**12, "velocity_window_ms": 10**12}
    while compared < 10:
        given = random_world(rng)
        engine = engine_of(given, random_stock(rng, given), risk_reject_at=90, **forever)
        earlier = [random_order(rng, given, placed_at_ms=NOON_MS) for _ in range(rng.randint(0, 4))]
        engine.decide(question(0, 1), claims(earlier))
        before = facts(engine)
        if before["waiting"]:
            continue  # who waits would be served by what goes back
        compared += 1
        batch = [random_order(rng, given, placed_at_ms=NOON_MS) for _ in range(rng.randint(1, 6))]
        baskets = {asked["basket"] for asked in earlier}  # which would name the later order from now on
        batch = [asked | {"basket": 0 if asked["basket"] in baskets else asked["basket"]} for asked in batch]
        cancel(engine, 1, 1, batch, engine.decide(question(1, 1), claims(batch)).to_pylist())
        assert facts(engine) == before
        assert engine.conservation() == []


@pytest.mark.parametrize(
    ("steps", "held_at", "allocated_at"),
    [
        ([], A.HELD, A.ALLOCATED),
        ([(A.HELD, A.ALLOCATED)], A.ALLOCATED, A.ALLOCATED),  # released
        ([(A.HELD, A.ALLOCATED), (A.ALLOCATED, A.SHIPPED)], A.SHIPPED, A.SHIPPED),  # picked and sent, all came back
        ([(A.ALLOCATED, A.SHIPPED), (A.SHIPPED, A.INSPECTION)], A.HELD, A.INSPECTION),
    ],
)
def test_units_go_back_from_wherever_they_are(steps, held_at, allocated_at):
    engine = engine_of(world([sku()], [node(capacity=1)]), {(0, 0): 9})
    before = facts(engine)
    batch = [order([(0, 2)], customer=7, basket=8), order([(0, 3)], admission=1), order([(0, 6)])]
    decided = engine.decide(question(1, 1), claims(batch)).to_pylist()
    for number, (source, target) in enumerate(steps):
        units = {A.HELD: 3, A.ALLOCATED: 9 if held_at != A.HELD else 6, A.SHIPPED: 6}[source]
        move(engine, [(int(source), int(target), 0, 0, units, -1)], 50 + number, 50 + number)
    cancel(engine, 1, 1, batch, decided, held_at, allocated_at)
    assert facts(engine) == before


def test_what_was_granted_meanwhile_goes_back_too():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 3})
    batch = [order([(0, 8)])]
    before = facts(engine)
    decided = engine.decide(question(1, 1), claims(batch)).to_pylist()
    other = engine.decide(question(2, 1), claims([order([(0, 1)])])).to_pylist()
    assert other[0]["lines"][0]["backordered"] == 1
    cancel(engine, 1, 1, batch, decided)
    assert some(engine.totals()) == {"available": 2, "allocated": 1, "received": 3}  # who waited next was given one
    cancel(engine, 2, 1, [order([(0, 1)])], other)
    left = facts(engine)
    assert left.pop("granted") and not before.pop("granted") and left == before


def test_a_customer_whose_orders_were_all_cancelled_has_no_first_order_behind_him():
    given = world([sku()], [node()], promotions=[promotion("HELLO", first_order=True)])
    engine = engine_of(given, {(0, 0): 9})
    batch = [order([(0, 1)], customer=5, promotions=[0])]
    decided = engine.decide(question(0, 1), claims(batch)).to_pylist()
    again = engine.decide(question(0, 2), claims(batch)).to_pylist()
    assert (decided[0]["granted"], again[0]["granted"]) == ([0], [])
    for sequence, answers in ((1, decided), (2, again)):
        cancel(engine, 0, sequence, batch, answers)
    assert engine.decide(question(0, 3), claims(batch)).to_pylist()[0]["granted"] == [0]


def test_uses_are_given_back_by_code_when_the_promotions_were_renumbered():
    given = world([sku()], [node()], promotions=[promotion("B", limit=1, per_customer=1)])
    engine = engine_of(given, {(0, 0): 9})
    batch = [order([(0, 1)], customer=5, promotions=[0])]
    decided = engine.decide(question(0, 1), claims(batch)).to_pylist()
    later = world([sku()], [node()], promotions=[promotion("A"), promotion("B", limit=1, per_customer=1)])
    engine.use_tables(build_tables(later, 2))
    cancel(engine, 0, 1, batch, decided)
    row = order([(0, 1)], customer=5, promotions=[1])
    assert engine.decide(question(0, 2, version=2), claims([row])).to_pylist()[0]["granted"] == [1]


def test_tables_of_an_old_order_are_asked_for_before_anything_is_changed():
    given = world([sku()], [node()], promotions=[promotion("B")])
    old, new = engine_of(given, {(0, 0): 9}), engine_of(given, {(0, 0): 9}, version=2)
    batch = [order([(0, 1)], customer=5, promotions=[0])]
    basis = old.basis(question(0, 1))
    new._promotions[1] = new._promotions[2]
    new.apply_decision(0, 1, 1, claims(batch), old.decide(question(0, 1), claims(batch)), basis, 0)
    del new._promotions[1]
    before = new.state_hash()
    back = given_back([{"order": reference(0, 1), "customer": 5, "basket": 0, "promotions": [0]}])
    with pytest.raises(UnknownTables):
        new.move(question(0, 2), moves([(int(A.ALLOCATED), int(A.AVAILABLE), 0, 0, 1, -1)]), back, NOTHING_NUMBERED, 3)
    assert new.state_hash() == before
    new.use_tables(build_tables(given, 1))
    new.move(question(0, 2), moves([(int(A.ALLOCATED), int(A.AVAILABLE), 0, 0, 1, -1)]), back, NOTHING_NUMBERED, 3)


def test_the_basket_of_a_later_order_stays():
    engine = engine_of(world([sku()], [node()]), {(0, 0): 9})
    batch = [order([(0, 1)], basket=4)]
    first = engine.decide(question(0, 1), claims(batch)).to_pylist()
    engine.decide(question(0, 2), claims([order([(0, 1)], basket=4, placed_at_ms=NOON_MS + 1)]))
    cancel(engine, 0, 1, batch, first)
    third = engine.decide(question(0, 3), claims([order([(0, 1)], basket=4, placed_at_ms=NOON_MS + 2)])).to_pylist()
    assert third[0]["twin"] == reference(0, 2)


def test_more_than_was_counted_cannot_be_given_back():
    engine = engine_of(world([sku()], [node()], promotions=[promotion("B", per_customer=3)]), {(0, 0): 9})
    nobody = {"order": 1, "customer": 77, "basket": 0, "promotions": []}
    with pytest.raises(AssertionError, match="a customer who has none"):
        engine.move(question(0, 1), moves([]), given_back([nobody]), NOTHING_NUMBERED, 1)
    engine.decide(question(0, 2), claims([order([(0, 1)], customer=77)]))
    with pytest.raises(AssertionError, match="more uses of a promotion"):
        engine.move(question(0, 3), moves([]), given_back([nobody | {"promotions": [0]}]), NOTHING_NUMBERED, 2)
