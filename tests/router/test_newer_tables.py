"""What newer tables free goes to who waits, before anything else can take it, in records that a replay does again."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from router.arrow.arena import PrivateArena
from router.config import Policy
from router.ledger import serving
from router.ledger.engine import LedgerEngine
from router.ledger.freed import freed_nodes, freed_skus
from router.life.states import CellAccount as A
from router.log.columns import PENDING
from tests.labs.ledger_cases import (
    NOON_MS,
    band,
    build_tables,
    changed_world,
    engine_of,
    node,
    order,
    promotion,
    random_order,
    random_stock,
    random_world,
    sku,
    world,
)
from tests.labs.ledger_shop import Shop, amendment, reference
from tests.reference.claim import freed as twin
from tests.reference.claim.serve import supply

WAITS = order([(0, 4)], placed_at_ms=NOON_MS)
LATER = order([(0, 4)], placed_at_ms=NOON_MS - 1)  # was placed before, and comes when the other has waited


def stocked(change=None, lanes=None, **of_sku):
    """A node without units, and one that has five and says ``change``."""
    return world([sku(**of_sku)], [node(), node(**change or {})], lanes)


def waiting_at(given, units=5, **policy):
    shop = Shop(given, **policy)
    shop.order(WAITS)
    shop.receive(0, 1, units)
    return shop


LANE = {(0, 1): [band(500)]}
FREES = {
    "active again": (stocked({"active": False}), stocked()),
    "a channel": (stocked({"channels": [False, True]}), stocked()),
    "a zone": (stocked({"zones": [True, False, True]}), stocked()),
    "goods": (stocked({"goods": [False, True]}), stocked()),
    "no safety stock": (stocked({"safety": 5}), stocked()),
    "parcels": (stocked({"capacity": 0}), stocked({"capacity": 1})),
    "parcels without a limit": (stocked({"capacity": 0}), stocked()),
    "a lane": (stocked(lanes=LANE), stocked()),
    "a heavier band": (
        stocked(weight_g=700, lanes=LANE | {(1, 1): [band(500, max_g=600)]}),
        stocked(weight_g=700, lanes=LANE | {(1, 1): [band(500, max_g=700)]}),
    ),
    "a lighter unit": (
        stocked(weight_g=700, lanes=LANE | {(1, 1): [band(500, max_g=600)]}),
        stocked(weight_g=600, lanes=LANE | {(1, 1): [band(500, max_g=600)]}),
    ),
    "other goods": (stocked({"goods": [False, True]}), stocked({"goods": [False, True]}, goods=1)),
    "no rates": (stocked(lanes=LANE), stocked(lanes=LANE) | {"rates_loaded": False}),
}


@pytest.mark.parametrize(("was", "now"), FREES.values(), ids=FREES)
def test_what_newer_tables_free_is_granted_before_the_next_order(was, now):
    shop = waiting_at(was)
    assert shop.grants(0) == (0, [])
    shop.use(now)
    (decided,) = shop.order(LATER, shard=1)
    assert shop.all_grants(0) == [(1 << 16, 0, 4)]
    assert [line["backordered"] for line in decided["lines"]] == [3]
    assert shop.cut(len(shop.log.appended)).engine.state_hash() == shop.engine.state_hash()


@pytest.mark.parametrize(("was", "now"), FREES.values(), ids=FREES)
def test_the_owner_grants_it_without_a_question_once(was, now):
    shop = waiting_at(was)
    shop.use(now)
    for _ in range(2):
        shop.ledger.keep_up(0)
        assert shop.all_grants(0) == [(1 << 16, 0, 4)] and shop.path.sequence == 3
    assert shop.engine.conservation() == []


def test_a_lower_safety_stock_frees_as_much_as_it_is_lower():
    shop = waiting_at(stocked({"safety": 5}))
    for safety, granted in ((6, 0), (3, 2), (4, 2), (3, 2), (2, 3)):
        shop.use(stocked({"safety": safety}))
        shop.ledger.keep_up(0)
        assert sum(units for _, _, units in shop.all_grants(0)) == granted


@pytest.mark.parametrize("act", ["move", "amend", "stock", "pending"])
def test_it_is_granted_before_whatever_comes_next(act):
    shop = waiting_at(stocked({"safety": 5}))
    shop.use(stocked())
    if act == "stock":
        shop.stock(2, 0, 1, 5)  # five are gone, says somebody; there is one
    elif act == "move":
        shop.move((A.AVAILABLE, A.DAMAGED, 0, 1, 1, -1))
    elif act == "amend":
        shop.amend(amendment(reference(1, 1), wanted=[(0, 0, 5)]))
    else:
        shop.ledger.pending(reservation(), 0)
    assert shop.all_grants(0) == [(1 << 16, 0, 4)]
    assert shop.engine.totals()["allocated"] >= 4 and shop.engine.conservation() == []


def reservation():
    row = {"key_hi": 1, "key_lo": 2, "step": 0, "deadline_ms": 9, "channel_index": 0, "zone": 1}
    return pa.RecordBatch.from_pylist([row | {"wanted": [{"line": 0, "sku": 0, "qty": 5}]}], schema=PENDING)


def test_tables_that_free_nothing_write_nothing_and_give_nobody_what_he_was_passed_over_with():
    plain = stocked()
    shop = Shop(plain, {(0, 1): 3}, short_stock="backorder")
    shop.order(order([(0, 5)]))  # waits for all five beside three
    before = shop.path.sequence
    for given in (
        plain | {"promotions": [promotion("P")]}, stocked({"safety": 1}), stocked({"safety": 1, "handling": 9}),
        stocked({"safety": 2, "cutoff_min": 600}), stocked({"safety": 2}, LANE | {(1, 1): [band(1, days=9)]}),
    ):  # fmt: skip
        shop.use(given)
        shop.ledger.keep_up(0)
        shop.open().ledger.keep_up(0)
        assert (shop.path.sequence, shop.grants(0)) == (before, (0, []))


def test_tables_that_came_before_a_crash_free_what_they_free_after_it():
    shop = waiting_at(stocked({"safety": 5}))
    shop.use(stocked({"safety": 4}))
    shop.use(stocked({"safety": 3}))
    shop.open()
    assert shop.grants(0) == (0, []), "nothing is decided while the log is read"
    shop.order(LATER, shard=1)
    assert shop.all_grants(0) == [(1 << 16, 0, 2)] and shop.grants(1) == (0, [])


@pytest.mark.parametrize("act", ["order", "amend"])
@pytest.mark.parametrize("dies", [False, True])
def test_who_begins_to_wait_by_older_tables_is_served_by_the_newer_ones_first(act, dies):
    """A shard hears of a version later than the ledger."""
    shop = Shop(stocked({"safety": 5}), {(0, 1): 5})
    shop.use(stocked())
    shop.ledger.keep_up(0)
    if act == "order":
        assert shop.order(WAITS, version=1)[0]["lines"][0]["backordered"] == 4
    else:
        asked = amendment(reference(0, 1), wanted=[(0, 0, 4)], mode=1)
        assert shop.amend(asked, version=1)[0]["lines"][0]["backordered"] == 4
    if dies:
        shop.open()
    assert shop.order(LATER, shard=1)[0]["lines"][0]["backordered"] == 3
    assert shop.all_grants(0) == [(1 << 16, 0, 4)]


def test_a_ledger_without_anybody_who_waits_needs_no_older_tables():
    shop = Shop(stocked({"safety": 5}), {(0, 1): 5})
    shop.use(stocked())
    del shop.versions[1]
    shop.open()
    assert shop.order(WAITS)[0]["lines"][0]["backordered"] == 0


@pytest.mark.parametrize("rows_max", [1, 2, 5])
def test_a_ledger_that_dies_between_the_records_of_such_grants_goes_on_with_them(monkeypatch, rows_max):
    monkeypatch.setattr(serving, "GRANT_ROWS_MAX", rows_max)
    shop = Shop(stocked({"safety": 9}), {(0, 1): 9})
    for number in range(4):
        shop.order(order([(0, 2), (0, 1)], placed_at_ms=NOON_MS - number), shard=number)
    shop.use(stocked({"safety": 4}))
    shop.ledger.keep_up(0)
    shop.use(stocked())
    shop.ledger.keep_up(0)
    assert shop.engine.totals()["available"] == 0
    for last in range(6, len(shop.log.appended) + 1):
        cut = shop.cut(last)
        cut.ledger.keep_up(0)
        assert cut.state | {"granted": 0} == shop.state | {"granted": 0}, f"cut behind record {last}"


def test_a_log_that_was_written_when_tables_granted_nothing_is_read_as_it_was_written():
    """An order passed one that waited: it keeps what it got, and from the next newer tables on nobody passes."""
    shop = waiting_at(stocked({"safety": 5}))
    shop.use(stocked({"safety": 3}))
    shop.engine.granted_by = shop.newest  # as if by the older rule
    assert shop.order(LATER, shard=1)[0]["lines"][0]["backordered"] == 2
    again = shop.cut(len(shop.log.appended))
    again.ledger.keep_up(0)
    assert again.engine.state_hash() == shop.engine.state_hash() and again.path.sequence == shop.path.sequence
    again.use(stocked())
    again.ledger.keep_up(0)
    assert again.all_grants(1) == [(1 << 16, 0, 2)] and again.all_grants(0) == [(1 << 16, 0, 1)]


# --- what is freed -------------------------------------------------------------------------------------------


def test_the_kernels_view_of_nodes_is_the_twins():
    rng = random.Random(11)
    for _ in range(400):
        before = random_world(rng, nodes=rng.choice([1, 4, 34]))
        now = changed_world(rng, before)
        engine = engine_of(now, random_stock(rng, now))
        tables = [engine.laid_out(build_tables(given)).rows for given in (before, now)]
        nodes = [number for number in range(len(now["nodes"])) if twin.is_freed(before, now, number)]
        assert np.flatnonzero(freed_nodes(*tables)).tolist() == nodes
        available = engine.cells.units_of("available")
        assert freed_skus(*tables, engine.cells).tolist() == twin.freed_skus(available, before, now)


def test_whoever_could_be_given_more_by_the_newer_tables_is_found():
    rng, found = random.Random(12), 0
    for _ in range(3_000):
        before = random_world(rng, skus=2, nodes=3)
        now = changed_world(rng, before)
        ledger = Units(random_stock(rng, now))
        asked = random_order(rng, now)
        claim = asked | {"channel": asked["channel_index"], "node": -1, "barred": set()}
        for number, row in enumerate(now["skus"]):
            if row["bundle"]:
                continue
            was, is_now = (supply(ledger, given, claim, number) for given in (before, now))
            if any(units > was.get(place, 0) for place, units in is_now.items()):
                found += 1
                assert number in twin.freed_skus(ledger.available, before, now)
    assert found > 300


class Units:
    def __init__(self, available):
        self.available = available


def test_without_earlier_tables_all_is_freed():
    engine = LedgerEngine(Policy(), PrivateArena())
    assert not engine.is_behind
    given = stocked({"safety": 2})
    full = engine_of(given, {(0, 1): 3})
    assert freed_skus(None, full.newest_tables.rows, full.cells).tolist() == [0]
    assert freed_skus(None, engine_of(given, {(0, 1): 2}).newest_tables.rows, full.cells).tolist() == [0]
