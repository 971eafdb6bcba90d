"""Units that become free go to who waits, in the record that freed them, once, in the order of the policy."""

from __future__ import annotations

import random
import time

import numpy as np
import pyarrow as pa
import pytest

from bench.trials.simulation.twin import Twin
from router.config import Policy
from router.ledger import serving
from router.ledger.waiting import Waiting
from router.life.states import CellAccount as A
from router.log.columns import CLAIMS
from router.log.records import DamagedRecord
from router.tables.stock_rows import MovementKind as K
from tests.labs.ledger_cases import (
    NOON_MS,
    band,
    build_tables,
    claims,
    engine_of,
    movement,
    movements,
    node,
    order,
    question,
    sku,
    some,
    world,
)
from tests.labs.ledger_shop import Shop, amendment, reference
from tests.labs.ledger_twin import state_of

ONE = world([sku()], [node()])


def queue_up(shop, *wanted):
    """Orders of one line that wait, from four shards in turn; each a little later than the one before."""
    for place, units in enumerate(wanted):
        shop.order(order([(0, units)], placed_at_ms=NOON_MS + place), shard=place % 4)


def test_a_receipt_serves_who_waited_first_and_a_new_order_passes_nobody():
    shop = Shop(ONE)
    queue_up(shop, 8, 3, 9, 5, 7, 6, 4, 9, 2, 8)  # 61 units
    shop.receive(0, 0, 50)
    (late,) = shop.order(order([(0, 1)], placed_at_ms=NOON_MS + 99), shard=1)
    assert late["lines"][0]["backordered"] == 1
    told = sorted((line, shard) for shard in range(4) for line in shop.all_grants(shard))
    served = {(shard, where >> 16): units for (where, _, units), shard in told}
    first_of = {(place % 4, place // 4 + 1): units for place, units in enumerate([8, 3, 9, 5, 7, 6, 4, 8])}
    assert served == first_of  # the eighth has 8 of 9, the last two wait
    assert some(shop.engine.totals()) == {"allocated": 50, "received": 50}


@pytest.mark.parametrize("grant_order", ["fifo", "whole_orders"])
def test_what_is_too_much_for_one_record_is_granted_by_the_next_to_the_same(grant_order, monkeypatch):
    given = world([sku(), sku(0, 0, [(0, 2)])], [node(), node()])

    def shared_out():
        shop, rng = Shop(given, grant_order=grant_order), random.Random(7)
        for at in range(20):
            lines = [(rng.choice((0, 0, 1)), rng.randint(1, 4)) for _ in range(rng.randint(1, 3))]
            shop.order(order(lines, placed_at_ms=NOON_MS + at))
        shop.receive(0, 0, 60)
        return shop.all_grants(0), shop.path.sequence, shop.engine.totals()

    granted, records, totals = shared_out()
    monkeypatch.setattr(serving, "GRANT_ROWS_MAX", 2)
    in_parts, more_records, totals_in_parts = shared_out()
    assert (in_parts, totals_in_parts) == (granted, totals) and totals["available"] == 0
    assert more_records > records + 5


def test_nothing_is_granted_twice_wherever_the_ledger_dies():
    """The log ends behind any record; what comes again is answered as before, and everybody is served once."""
    shop, states = Shop(ONE), []
    queue_up(shop, 8, 3, 9, 5, 7, 6, 4, 9, 2, 8)
    shop.receive(0, 0, 50)
    shop.order(order([(0, 2)], placed_at_ms=NOON_MS + 99), shard=1)
    shop.give_up((reference(3, 1), 0, 2), shard=3)
    shop.receive(0, 0, 30)
    for last in range(len(shop.log.appended) + 1):
        states.append(shop.cut(last))
        assert states[-1].engine.conservation() == []
    for last, cut in enumerate(states):
        queue_up_again(cut, last)
        assert cut.state == shop.state, f"cut behind record {last}"
        assert [cut.all_grants(shard) for shard in range(4)] == [shop.all_grants(shard) for shard in range(4)]
        assert cut.engine.state_hash() == shop.engine.state_hash()


def queue_up_again(shop, last):
    """Everybody asks again what had no answer, in the same order."""
    shop.asked, shop.number = {}, 0
    queue_up(shop, 8, 3, 9, 5, 7, 6, 4, 9, 2, 8)
    for number, what in enumerate(("receipt", "order", "give up", "receipt"), 11):
        if what == "receipt" and number > last:
            shop.receive(0, 0, 50 if number == 11 else 30)
        elif what == "receipt":
            shop.number += 1
        elif what == "order":
            shop.order(order([(0, 2)], placed_at_ms=NOON_MS + 99), shard=1)
        else:
            shop.give_up((reference(3, 1), 0, 2), shard=3)


def test_units_granted_without_the_shards_knowledge_are_given_up_and_go_to_the_next():
    shop = Shop(ONE)
    queue_up(shop, 5, 4)
    shop.receive(0, 0, 5)
    shop.give_up((reference(0, 1), 0, 2), shard=0)  # nothing seen: all five were granted
    assert shop.all_grants(1) == [(1 << 16, 0, 2)]
    assert shop.state["granted"][0] | {"record": 0} == {
        "record": 0, "order": reference(0, 1), "line": 0, "sku": 0, "node": 0, "qty": 3, "line_qty": 3,
    }  # fmt: skip
    shop.order(order([(0, 1)]), shard=0, seen=shop.grants(0)[0])
    with pytest.raises(AssertionError, match="gives up 1 units too many"):
        shop.give_up((reference(0, 1), 0, 1), shard=0, seen=shop.grants(1)[0])


def test_of_a_grant_from_several_nodes_the_last_units_go_back():
    shop = Shop(world([sku()], [node(), node(), node()]))
    shop.order(order([(0, 6)]))
    shop.ledger.stock(movements([movement(50 + n, K.RECEIPT, 0, n, units) for n, units in enumerate((3, 2, 1))]), 0)
    shop.give_up((reference(0, 1), 0, 2))
    assert shop.engine.cells.units_of("allocated") == {(0, 0): 3, (0, 1): 1}
    assert [row["qty"] for row in shop.state["granted"]] == [3, 1, 0]


def test_what_waits_still_is_given_up_first():
    shop = Shop(ONE)
    queue_up(shop, 5)
    shop.receive(0, 0, 3)
    shop.give_up((reference(0, 1), 0, 3), shard=0)
    assert shop.engine.totals()["allocated"] == 2 and shop.engine.totals()["available"] == 1
    assert not shop.state["waiting"]


def test_a_count_that_leaves_too_little_grants_nothing():
    shop = Shop(ONE, {(0, 0): 9})
    shop.order(order([(0, 9)]), order([(0, 2)]))
    shop.stock(K.COUNT, 0, 0, 4)
    assert shop.engine.totals()["available"] == -5
    shop.stock(K.COUNT, 0, 0, 8)  # more than before, and still too little
    assert shop.grants(0) == (0, [])
    shop.stock(K.COUNT, 0, 0, 10)
    assert shop.all_grants(0) == [(1 << 16 | 1, 0, 1)]


@pytest.mark.parametrize(
    ("act", "free"),
    [
        (lambda shop: shop.receive(0, 0, 2), 2),
        (lambda shop: shop.stock(K.COUNT, 0, 0, 11), 2),
        (lambda shop: shop.stock(K.PUT_BACK, 0, 0, 1, state=int(A.BLOCKED)), 1),
        (lambda shop: shop.stock(K.TRANSFER, 0, 1, 2, to_node=0), 2),
        (lambda shop: (shop.stock(K.DISPATCH, 0, 1, 2, to_node=0), shop.stock(K.ARRIVE, 0, 0, 2)), 2),
        (lambda shop: shop.move((A.ALLOCATED, A.AVAILABLE, 0, 0, 2, -1)), 2),
        (lambda shop: shop.move((A.ALLOCATED, A.SHIPPED, 0, 0, 2, -1), (A.SHIPPED, A.AVAILABLE, 0, 0, 1, -1)), 1),
        (lambda shop: shop.amend(amendment(reference(0, 1), [(A.ALLOCATED, A.AVAILABLE, 0, 0, 1)])), 1),
    ],
)
def test_whatever_makes_units_free_grants_them(act, free):
    given = world([sku()], [node(), node(channels=[False, False])])
    shop = Shop(given, {(0, 0): 10, (0, 1): 5})
    shop.stock(K.SET_ASIDE, 0, 0, 1, state=int(A.BLOCKED))
    shop.order(order([(0, 9)]), order([(0, 4)]))
    act(shop)
    assert shop.all_grants(0) == [(1 << 16 | 1, 0, free)]
    assert shop.engine.conservation() == []


def test_a_bundle_waits_for_whole_bundles_of_all_its_parts():
    given = world([sku(), sku(), sku(0, 0, [(0, 2), (1, 1)])], [node(), node()])
    shop = Shop(given)
    shop.order(order([(2, 3)]))
    shop.receive(0, 0, 5)
    assert shop.grants(0) == (0, [])
    shop.receive(1, 1, 1)
    _, rows = shop.grants(0)
    assert [(row["sku"], row["node"], row["qty"], row["line_qty"]) for row in rows] == [(0, 0, 2, 1), (1, 1, 1, 0)]
    shop.receive(1, 1, 5)
    assert shop.all_grants(0) == [(1 << 16, 0, 1), (1 << 16, 0, 1)]  # of the first part 5 are there: two bundles
    shop.give_up((reference(0, 1), 0, 2))  # one waits, and one that was granted goes back
    assert some(shop.engine.totals()) == {"available": 8, "allocated": 3, "received": 11}
    assert shop.engine.cells.units_of("available") == {(0, 0): 3, (1, 1): 5}


def test_plain_lines_and_bundles_of_a_sku_wait_in_one_queue():
    given = world([sku(), sku(0, 0, [(0, 2)])], [node()])
    shop = Shop(given)
    for place, wanted in enumerate([(1, 1), (0, 1), (1, 1)]):
        shop.order(order([wanted], placed_at_ms=NOON_MS + place))
    shop.receive(0, 0, 1)
    assert shop.all_grants(0) == [(2 << 16, 0, 1)]  # one unit is no bundle
    shop.receive(0, 0, 3)
    assert shop.all_grants(0)[1:] == [(1 << 16, 0, 1)]


def test_the_highest_priority_is_served_first_where_the_policy_says_so():
    for policy, served in (("priority", [3, 4, 1]), ("fifo", [1, 2, 3])):
        shop = Shop(ONE, grant_order=policy)
        for place, priority in enumerate((0, -2, 7, 7)):
            shop.order(order([(0, 2)], priority=priority, placed_at_ms=NOON_MS + place))
        shop.receive(0, 0, 5)
        assert shop.all_grants(0) == [(first << 16, 0, units) for first, units in zip(served, (2, 2, 1), strict=True)]


def test_who_placed_the_order_first_is_first_whenever_it_arrived():
    shop = Shop(ONE)
    for placed_at_ms in (5, 3, 9, 3):
        shop.order(order([(0, 1)], placed_at_ms=placed_at_ms))
    shop.receive(0, 0, 1)
    shop.order(order([(0, 1)], placed_at_ms=4))  # merged into a queue that was served before
    for _ in range(4):
        shop.receive(0, 0, 1)
    assert [where >> 16 for where, _, _ in shop.all_grants(0)] == [2, 4, 5, 1, 3]


def test_orders_that_can_have_everything_are_served_first_where_the_policy_says_so():
    given = world([sku(), sku()], [node()])
    shop = Shop(given, grant_order="whole_orders")
    for place, lines in enumerate([[(0, 4)], [(0, 1), (1, 1)], [(0, 2)]]):
        shop.order(order(lines, placed_at_ms=NOON_MS + place))
    shop.receive(0, 0, 3)
    assert shop.all_grants(0) == [(3 << 16, 0, 2), (1 << 16, 0, 1)]  # the second lacks another SKU
    shop.receive(1, 0, 1)
    shop.receive(0, 0, 1)  # now the second is whole before the first
    assert shop.all_grants(0)[2:] == [(2 << 16, 1, 1), (2 << 16, 0, 1)]


@pytest.mark.parametrize(
    ("change", "order_change"),
    [
        ({"active": False}, {}),
        ({"channels": [False, True]}, {}),
        ({"zones": [True, False, True]}, {}),
        ({"goods": [False, True]}, {}),
        ({"safety": 5}, {}),
        ({}, {"service": 1}),
    ],
)
def test_only_nodes_that_may_ship_to_an_order_are_given_to_it(change, order_change):
    given = world([sku()], [node(), node(**change)], {(n, z): [band(5)] for n in (0, 1) for z in (1, 2)})
    given["lanes"][0, 1].append(band(9, service=1))
    shop = Shop(given)
    shop.order(order([(0, 3)], **order_change))
    shop.receive(0, 1, 5)
    assert shop.grants(0) == (0, [])
    shop.receive(0, 0, 2)
    assert [(row["node"], row["qty"]) for row in shop.grants(0)[1]] == [(0, 2)]


def test_of_several_nodes_one_that_has_all_is_taken():
    given = world([sku()], [node(), node(), node()])
    shop = Shop(given)
    shop.order(order([(0, 4)]), order([(0, 4)]), order([(0, 4)]))
    rows = [movement(50 + n, K.RECEIPT, 0, n, units) for n, units in enumerate((3, 5, 2))]
    shop.ledger.stock(movements(rows), 0)
    _, rows = shop.grants(0)
    assert [(row["order"] & 3, row["node"], row["qty"]) for row in rows] == [
        (0, 1, 4), (1, 0, 3), (1, 1, 1), (2, 2, 2)
    ]  # fmt: skip


def test_a_channel_that_is_named_later_does_not_change_who_an_order_is():
    """The last column of the channel masks is every other channel; with a new one named it is another column."""
    engine = engine_of(world([sku()], [node(channels=[True, True])]), {})
    engine.decide(question(0, 1), claims([order([(0, 1)], channel_index=1)]))  # from a channel nobody named
    named = world([sku()], [node(channels=[True, False, True])])
    engine.use_tables(build_tables(named, 2))
    _, grants, _ = engine.stock(movements([movement(1, K.RECEIPT, 0, 0, 1)]), 2, 0)
    assert grants.num_rows == 1


def test_a_bundle_that_gets_other_parts_waits_for_these():
    parts = [[(0, 1)], [(1, 2)]]
    first, second = (world([sku(), sku(), sku(0, 0, bundle)], [node()]) for bundle in parts)
    engine = engine_of(first, {})
    engine.decide(question(0, 1), claims([order([(2, 1)]), order([(1, 3)])]))
    engine.stock(movements([movement(1, K.RECEIPT, 1, 0, 1)]), 2, 0)  # the queue of this SKU was looked at
    engine.use_tables(build_tables(second, 2))
    _, grants, _ = engine.stock(movements([movement(2, K.RECEIPT, 1, 0, 2)]), 3, 0)
    assert [(row["order"] & 1, row["sku"], row["qty"]) for row in grants.to_pylist()] == [(0, 1, 2)]


def test_shards_read_their_grants_one_record_after_another_also_after_a_restart():
    shop = Shop(ONE)
    queue_up(shop, 1, 1, 1)
    assert shop.grants(0) == (0, [])
    for _ in range(3):
        shop.receive(0, 0, 1)
    for _ in range(2):
        assert [shop.grants(shard)[0] for shard in range(4)] == [4, 5, 6, 0]
        assert shop.grants(0, 4) == (4, [])
        shop.open()
    shop.order(order([(0, 1)]), shard=0, seen=4)
    for _ in range(2):
        assert shop.grants(0, 4) == (4, [])
        with pytest.raises(DamagedRecord, match="said record 4 before: the end of its log is missing"):
            shop.grants(0, 3)
        shop.open()


def test_an_order_from_before_lines_waited_here_gives_up_nothing():
    """A folder that an older version wrote: its backordered lines wait in the shard's books alone."""
    engine = engine_of(ONE, {})
    batch = claims([order([(0, 5)])])
    decision = engine_of(ONE, {}).decide(question(2, 7), batch)
    engine.apply_decision(2, 7, 1, batch, decision, None, 0)
    assert not len(engine.state.waiting)
    shop = Shop(ONE)
    shop.path.engine.state.restore(engine.dump())
    shop.give_up((reference(2, 7), 0, 5), shard=2)
    shop.asked[2] = 8
    shop.order(order([(0, 5)]), shard=2)
    shop.give_up((reference(2, 7), 0, 5), shard=2)
    with pytest.raises(AssertionError, match="gives up 1 units too many"):
        shop.give_up((reference(2, 9), 0, 6), shard=2)


def test_memory_is_bounded_by_what_waits():
    waiting, rng = Waiting(), random.Random(3)
    engine = engine_of(ONE, {})
    for sequence in range(1, 60):
        engine.decide(question(0, sequence), claims([order([(0, 1)], placed_at_ms=rng.randint(0, 9))] * 4_000))
        engine.stock(movements([movement(sequence, K.RECEIPT, 0, 0, 4_000 - (sequence % 5 == 0))]), sequence, 0)
    assert len(engine.state.waiting) == 11 and int(engine.state.waiting.rows.counts["places"][0]) < 8_100
    assert len(waiting) == 0


def test_a_hundred_thousand_waiting_lines_do_not_slow_a_receipt_down():
    engine = engine_of(world([sku()], [node(), node(zones=[True, False, True])]), {})
    rows = np.arange(25_000)
    for sequence in range(1, 5):
        batch = pa.RecordBatch.from_pylist([order([(0, 1)], placed_at_ms=NOON_MS + int(row)) for row in rows], CLAIMS)
        engine.decide(question(sequence % 4, sequence), batch)
    took = []
    for number in range(40):  # every other one lies where nobody may be sent it from
        began = time.thread_time()
        engine.stock(movements([movement(number, K.RECEIPT, 0, number % 2, 50)]), 10 + number, 0)
        took.append(time.thread_time() - began)
    assert len(engine.state.waiting) == 100_000 - 20 * 50
    assert sorted(took)[len(took) // 2] < 0.02, "some milliseconds, with room for a slow machine and bounds checks"


def test_the_simulations_ledger_of_records_agrees():
    """Every record followed in plain Python gives the same units, after each of them."""
    given = world([sku(), sku(), sku(0, 0, [(0, 1), (1, 2)])], [node(), node()])
    shop, rng = Shop(given, {(0, 0): 3, (1, 1): 4}), random.Random(12)
    for step in range(120):
        shard, first = step % 3, len(shop.log.appended) + 1
        what = rng.randrange(5)
        if what < 2:
            shop.order(*(order([(rng.randrange(3), rng.randint(1, 3))]) for _ in range(3)), shard=shard)
        elif what == 2:
            shop.receive(rng.randrange(2), rng.randrange(2), rng.randint(1, 4))
        elif what == 3:
            waiting = [row for row in shop.state["waiting"] if row["order"] >> 48 == shard]
            shop.give_up(*((row["order"], row["line"], 1) for row in waiting[:2]), shard=shard)
        else:
            shop.stock(rng.randint(0, 3), rng.randrange(2), 0, rng.randint(0, 3), to_node=1)
        assert len(shop.log.appended) <= first
    twin = Twin(lambda version: Policy())
    for _, _, record in shop.log.iterate(1):
        twin.follow(record)
        assert list(twin.unbalanced()) == [] and twin.faults == []
    for account, units in twin.units.items():
        assert shop.engine.cells.units_of(account) == {cell: count for cell, count in units.items() if count}
    waits = {(row["order"], row["line"]): row["qty"] for row in state_of(shop.engine)["waiting"]}
    assert waits == {line: units for line, units in twin.waiting.units.items() if units}
