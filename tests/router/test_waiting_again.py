"""Who waits again after a short pick or a refusal keeps its place, and is not sent to where it was just turned away."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from router.ledger.amend import amendments_of
from router.life.states import CellAccount as A
from router.log.columns import Amend
from router.log.kinds import Kind, form, widened
from router.tables.stock_rows import MovementKind as K
from tests.labs.ledger_cases import NOON_MS, node, order, sku, world
from tests.labs.ledger_shop import Shop, amendment, amends, reference
from tests.labs.order_checks import check
from tests.labs.order_lab import OrderLab

HERE = reference(0, 1)
BACK, MISSED = (A.ALLOCATED, A.AVAILABLE), (A.ALLOCATED, A.BLOCKED)


def where(lab, order_id):
    """Units of the first line by node, and those that wait."""
    line = lab.view(order_id)["lines"][0]
    return {part["node"]: part["qty"] for part in line["allocations"]}, line["backordered"]


# --- refusals ---------------------------------------------------------------------------------------


def test_a_node_that_refused_gets_the_line_neither_by_a_grant_nor_by_a_plan():
    lab = OrderLab(A_N1=5)
    lab.order("o", [{"sku": "A", "qty": 2}])
    lab.done("o", "refuse")
    assert where(lab, "o") == ({}, 2)
    lab.stock(A_N1=7)  # new units there are none for this order
    assert where(lab, "o") == ({}, 2)
    lab.order("next", [{"sku": "A", "qty": 7}])
    assert where(lab, "next") == ({"N1": 7}, 0)
    lab.done("next", "cancel")
    assert where(lab, "o") == ({}, 2)
    lab.stock(A_N2=2)
    assert where(lab, "o") == ({"N2": 2}, 0)
    lab.done("o", "refuse", node="N2")  # and the first node is no way out of the second refusal
    assert where(lab, "o") == ({}, 2)
    lab.stock(A_N3=1)
    assert where(lab, "o") == ({"N3": 1}, 1)
    lab.done("o", "short_pick")
    assert where(lab, "o") == ({}, 2)


def test_what_a_person_wishes_is_done():
    lab = OrderLab(A_N1=2, A_N2=2)
    lab.order("o", [{"sku": "A", "qty": 2}])
    ((first, _),) = where(lab, "o")[0].items()
    lab.done("o", "refuse")
    lab.done("o", "move", to_node=first)
    assert where(lab, "o") == ({first: 2}, 0)


def test_another_line_of_the_order_may_still_come_from_there():
    lab = OrderLab(A_N1=1, B_N1=2, B_N2=1)
    lab.order("o", [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 1}])
    lab.done("o", "refuse", lines=[{"line_id": "1"}])
    lab.done("o", "move", lines=[{"line_id": "2"}], to_node="N2")
    lab.done("o", "refuse", lines=[{"line_id": "2"}])
    assert [line["allocations"] for line in lab.view("o")["lines"]] == [[], [{"node": "N1", "qty": 1}]]


def test_units_of_the_line_that_wait_already_come_from_there_no_more_either():
    lab = OrderLab(A_N1=1, A_N2=1)
    lab.order("o", [{"sku": "A", "qty": 3}])
    lab.done("o", "refuse", node="N1")
    assert where(lab, "o") == ({"N2": 1}, 2)
    lab.stock(A_N1=5)
    assert where(lab, "o") == ({"N2": 1}, 2)
    lab.stock(A_N3=5)
    assert where(lab, "o") == ({"N2": 1, "N3": 2}, 0)


# --- short picks ------------------------------------------------------------------------------------


def test_what_was_not_found_is_not_given_again_before_somebody_counted_there():
    lab = OrderLab(A_N1=5)
    lab.order("o", [{"sku": "A", "qty": 3}])
    lab.order("other", [{"sku": "A", "qty": 1}])
    lab.done("o", "short_pick")
    lab.done("other", "cancel")  # free on paper only
    assert where(lab, "o") == ({}, 3)
    lab.stock(A_N2=1)
    assert where(lab, "o") == ({"N2": 1}, 2)
    lab.stock(A_N1=2)  # counted, and as many as the books say: nothing grew, and still it is given
    assert where(lab, "o") == ({"N1": 2, "N2": 1}, 0)


@pytest.mark.parametrize(
    ("kind", "state", "is_given"),
    [(K.RECEIPT, -1, 3), (K.PUT_BACK, int(A.BLOCKED), 3), (K.COUNT, -1, 1), (K.SET_ASIDE, int(A.DAMAGED), 0)],
)
def test_the_shelf_tells(kind, state, is_given):
    shop = Shop(world([sku()], [node(), node()]), {(0, 0): 4})
    shop.order(order([(0, 3)]))
    row = amendment(HERE, [(*MISSED, 0, 0, 3, -1, 0)], [(0, 0, 3)], mode=Amend.WAIT, without_node=0, short_at=0)
    shop.amend(row)
    assert shop.state["barred"] == [(HERE, 0, 0, 0)] and shop.grants(0) == (0, [])
    shop.stock(kind, 0, 0, 1 if kind in (K.COUNT, K.SET_ASIDE) else 2, state=state)
    assert sum(units for _, _, units in shop.all_grants(0)) == is_given
    assert bool(shop.state["barred"]) == (kind == K.SET_ASIDE)
    assert shop.cut(99).engine.state_hash() == shop.engine.state_hash()


def test_of_a_bundle_only_the_component_that_was_missed_is_sought_elsewhere():
    lab = OrderLab(A_N1=4, B_N1=2)
    lab.order("s", [{"sku": "SET", "qty": 1}])
    lab.done("s", "short_pick")
    lab.stock(A_N2=2)
    assert lab.view("s")["state"] == "backordered"  # B was missed too
    lab.stock(B_N1=2)
    assert lab.view("s")["state"] == "allocated"


# --- who is first -----------------------------------------------------------------------------------


def test_who_waits_again_is_where_its_order_was():
    lab = OrderLab(shards=1, A_N1=2)
    for name in ("first", "second", "third"):  # all of the same moment
        lab.order(name)
    lab.done("first", "short_pick")
    lab.stock(A_N2=1)
    assert [lab.view(name)["state"] for name in ("first", "second", "third")] == [
        "allocated",
        "allocated",
        "backordered",
    ]


@pytest.mark.parametrize("grant_order", ["fifo", "whole_orders", "priority"])
def test_of_orders_of_one_moment_the_one_accepted_first_is_first_whatever_its_shard(grant_order):
    shop = Shop(world([sku()], [node(), node()]), {(0, 0): 1}, grant_order=grant_order)
    shop.order(order([(0, 1)]), shard=3, now_ms=5)
    shop.order(order([(0, 1)]), shard=1, now_ms=7)
    shop.order(order([(0, 1)]), shard=0, now_ms=6)
    lost = amendment(
        reference(3, 1), [(*MISSED, 0, 0, 1, -1, 0)], [(0, 0, 1)], mode=Amend.WAIT, placed_at_ms=NOON_MS, accepted_ms=5,
        without_node=0, short_at=0,
    )  # fmt: skip
    shop.amend(lost, shard=3)
    served = []
    for _ in range(3):
        before = {shard: len(shop.all_grants(shard)) for shard in range(4)}
        shop.receive(0, 1, 1)
        served += [shard for shard in range(4) if len(shop.all_grants(shard)) > before[shard]]
    assert served == [3, 0, 1]


# --- what the log keeps -----------------------------------------------------------------------------


def test_what_lines_are_barred_from_outlives_a_crash_and_a_checkpoint():
    shop = Shop(world([sku(), sku()], [node(), node(), node()]), {(0, 0): 2, (1, 1): 2})
    shop.order(order([(0, 2), (1, 2)]))
    refused = amendment(HERE, [(*BACK, 0, 0, 2)], [(0, 0, 2)], mode=Amend.WAIT, without_node=0, refused_by=[0, 2])
    missed = amendment(HERE, [(*MISSED, 1, 1, 2, -1, 1)], [(1, 1, 2)], mode=Amend.WAIT, without_node=1, short_at=1)
    shop.amend(refused, missed)
    assert shop.state["barred"] == [(HERE, 0, 0, -1), (HERE, 0, 2, -1), (HERE, 1, 1, 1)]
    before, kept = shop.engine.state_hash(), shop.engine.snapshot()
    shop.engine.restore(kept)
    assert shop.engine.state_hash() == before == shop.cut(99).engine.state_hash()
    for cell in ((0, 0), (0, 2), (1, 1)):
        shop.receive(*cell, 2)
    assert shop.all_grants(0) == [(1 << 16, 1, 2)]
    shop.give_up((HERE, 0, 2), seen=shop.grants(0)[0])
    assert shop.state["barred"] == [] == shop.state["waiting"]


def test_what_left_the_queue_is_no_reason_to_serve_anybody():
    """Else what is granted would depend on who waited before, which a checkpoint does not know."""
    shop = Shop(world([sku()], [node()]), {(0, 0): 1})
    shop.order(order([(0, 1)]))
    lost = amendment(HERE, [(*MISSED, 0, 0, 1, -1, 0)], [(0, 0, 1)], mode=Amend.WAIT, without_node=0, short_at=0)
    shop.amend(lost)
    shop.give_up((HERE, 0, 1))
    lifted = shop.engine.state.waiting.lift(np.array([0]), np.array([0]))
    assert lifted == [] and not shop.state["barred"]


def test_a_line_that_is_missed_again_and_again_keeps_one_bar():
    shop = Shop(world([sku()], [node(), node()]), {(0, 0): 9})
    shop.order(order([(0, 9)]))
    for units in range(5):
        lost = amendment(HERE, [(*MISSED, 0, 0, 1, -1, 0)], [(0, 0, 1)], mode=Amend.WAIT, without_node=0, short_at=0)
        shop.amend(lost)
        shop.stock(K.COUNT, 0, 0, 8 - units)  # as many as the books say
    assert len(shop.state["waiting"]) == 1 and not shop.state["barred"]
    assert int(shop.engine.state.waiting.rows.counts["barred_places"][0]) == 1


def test_places_of_bars_are_used_again():
    shop = Shop(world([sku()], [node(), node()]))
    for sequence in range(1, 40):
        shop.order(order([(0, 1)]))
        gone = reference(0, 2 * sequence - 1 + sequence - 1)
        shop.amend(amendment(gone, [], [(0, 0, 1)], mode=Amend.WAIT, refused_by=[0, 1]))
        shop.give_up((gone, 0, 2))
    assert int(shop.engine.state.waiting.rows.counts["barred_places"][0]) == 2 and not shop.state["barred"]


def test_a_record_from_before_refusals_were_remembered_bars_nothing():
    row = amends([amendment(HERE, [(*BACK, 0, 0, 2)], [(0, 0, 2)], without_node=1)])
    old = pa.RecordBatch.from_arrays(
        [row.column(name) for name in form(Kind.AMENDS, 0, 2).names], schema=form(Kind.AMENDS, 0, 2)
    )
    (asked,) = amendments_of(widened(old, row.schema), 0)
    assert len(asked.bars.line) == 0 and asked.accepted_ms == 0 and list(asked.request.without_nodes) == [1]


# --- what is said -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["short_pick", "refuse"])
def test_where_all_units_wait_there_is_nothing_to_pick_or_to_refuse(kind):
    lab = OrderLab()
    lab.order("o")
    answer = lab.event("o", kind)
    assert (answer["status"], answer["reason"]) == ("refused", "transition_not_allowed")
    assert answer["detail"].startswith(f"the order is backordered, and {kind} is about units in the stages allocated")


def test_the_moves_of_a_bundle_that_waits_add_up_unit_by_unit():
    lab = OrderLab(A_N1=4, B_N1=2)
    lab.order("s", [{"sku": "SET", "qty": 3}])
    lab.done("s", "short_pick", lines=[{"line_id": "1", "qty": 1}])
    lab.stock(A_N2=4, B_N2=2)
    lab.done("s", "refuse", node="N1")
    check(lab, "s")
    units = Counter()
    for entry in lab.timeline("s")["entries"]:
        for move in entry["moved"]["units"]:
            units[move["sku"], move["from"]] -= move["qty"]
            units[move["sku"], move["to"]] += move["qty"]
            assert move["from"] is None or units[move["sku"], move["from"]] >= 0
    now = {key: count for key, count in units.items() if key[1] and count}
    assert now == {("A", "allocated"): 4, ("B", "allocated"): 2, ("SET", "backordered"): 1}
