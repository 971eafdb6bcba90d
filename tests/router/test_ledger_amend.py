"""One question that releases and takes, all or nothing; and units that are kept until a deadline."""

from __future__ import annotations

import pyarrow as pa

from router.ledger.amend import untouched
from router.ledger.pending import OVER_KEPT, PendedResult, Reservation
from router.life.states import CellAccount as A
from router.log.columns import PENDING, Amend, AmendResult, PendingStep
from tests.labs.ledger_cases import DAY_MS, NOON_MS, band, node, order, sku, some, world
from tests.labs.ledger_shop import Shop, amendment, amends, reference
from tests.labs.order_lab import OrderLab

ONE = world([sku()], [node(), node()])
HERE = reference(0, 1)
CANCEL = (A.ALLOCATED, A.AVAILABLE)


def test_an_order_moves_to_another_node_and_no_neighbour_wins_in_between():
    shop = Shop(ONE, {(0, 0): 2})
    shop.order(order([(0, 2)]))
    shop.order(order([(0, 1)]), shard=1)  # waits
    shop.receive(0, 1, 3)  # one of them for who waits
    (answer,) = shop.amend(amendment(HERE, [(*CANCEL, 0, 0, 2)], [(0, 0, 2)], without_node=0))
    assert answer["done"] == 1 and answer["lines"] == [
        {"backordered": 0, "allocations": [{"sku": 0, "node": 1, "qty": 2}]}
    ]
    assert shop.engine.cells.units_of("available") == {(0, 0): 2}
    assert shop.engine.conservation() == []


def test_what_cannot_be_had_wholly_changes_nothing():
    shop = Shop(world([sku()], [node(capacity=1), node()]), {(0, 0): 2, (0, 1): 1})
    (decided,) = shop.order(order([(0, 2)]))
    before, day = shop.engine.state_hash(), decided["parcels"][0]["ship_day"]
    (answer,) = shop.amend(amendment(HERE, [(*CANCEL, 0, 0, 2, day)], [(0, 0, 2)], only_node=1))
    assert answer == {
        "done": 0,
        "parcels": [],
        "lines": [{"backordered": 0, "allocations": []}],
    }
    assert shop.engine.state_hash() == before
    assert shop.cut(99).engine.state_hash() == before


def test_what_is_there_is_taken_and_the_rest_waits_where_the_question_says_so():
    shop = Shop(ONE, {(0, 0): 2, (0, 1): 1})
    shop.order(order([(0, 2)]))
    row = amendment(HERE, [(*CANCEL, 0, 0, 2)], [(0, 0, 4)], mode=Amend.WAIT, only_node=1)
    (answer,) = shop.amend(row)
    assert answer["lines"][0] == {"backordered": 3, "allocations": [{"sku": 0, "node": 1, "qty": 1}]}
    assert shop.all_grants(0) == [(1 << 16, 0, 2)]  # what it waits for may come from any node, also what it gave back
    assert [row["qty"] for row in shop.state["waiting"]] == [1]


def test_of_a_short_pick_the_missing_units_are_written_off_and_found_elsewhere():
    shop = Shop(ONE, {(0, 0): 5, (0, 1): 5})
    shop.order(order([(0, 5)]))
    (answer,) = shop.amend(
        amendment(HERE, [(A.ALLOCATED, A.GONE, 0, 0, 2)], [(0, 0, 2)], mode=Amend.WAIT, without_node=0)
    )
    assert answer["done"] and some(shop.engine.totals()) == {"available": 3, "allocated": 5, "received": 8}


def test_an_amendment_is_planned_with_days_and_freight_like_an_order():
    given = world([sku()], [node(capacity=1), node()], {(0, 1): [band(100)], (1, 1): [band(900)]})
    shop = Shop(given, {(0, 0): 9, (0, 1): 9})
    (first,) = shop.order(order([(0, 1)]))
    day = first["parcels"][0]["ship_day"]
    (answer,) = shop.amend(amendment(HERE, [(*CANCEL, 0, 0, 1, day)], [(0, 0, 2)], placed_at_ms=NOON_MS))
    assert answer["parcels"] == first["parcels"]  # the day that it gave back is free for it again
    (second,) = shop.order(order([(0, 1)]))
    assert second["parcels"][0]["ship_day"] == day + 1
    plan = shop.ledger.amend(
        shop.question(now_ms=NOON_MS + 3 * DAY_MS)._replace(sequence=77), amends([amendment(HERE, [], [(0, 0, 1)])])
    ).to_pylist()
    assert plan[0]["parcels"][0]["ship_day"] == day + 3  # not before it was asked for


def test_units_that_move_to_a_node_with_a_parcel_of_their_order_take_no_second_place_on_its_days():
    lab = OrderLab(A_N1=2, B_N2=2)
    engine = lab.router.ledger.path.engine

    def places():
        """By node, parcels counted on ship days."""
        return engine.memory.capacity["parcels"].sum(axis=1)[:3].tolist()

    lab.order("o", [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 2}])
    assert places() == [1, 1, 0]
    lab.stock(A_N2=2)
    lab.done("o", "move", to_node="N2", node="N1", lines=[{"line_id": "1", "qty": 1}])
    assert places() == [1, 1, 0]  # something still leaves N1
    lab.done("o", "move", to_node="N2", node="N1")
    assert places() == [0, 1, 0]
    lab.done("o", "cancel", lines=[{"line_id": "2"}])
    assert places() == [0, 1, 0]
    lab.done("o", "cancel")
    assert places() == [0, 0, 0] and some(engine.totals()).keys() == {"available", "received"}


def test_later_rows_take_nothing_that_an_earlier_one_gave_up_before_those_who_wait():
    shop = Shop(ONE, {(0, 0): 3})
    shop.order(order([(0, 3)]), order([(0, 2)], placed_at_ms=NOON_MS + 1))
    shop.order(order([(0, 1)], placed_at_ms=NOON_MS + 2), shard=1)
    gives, wants = reference(0, 1, 0), reference(0, 1, 1)
    answers = shop.amend(
        amendment(gives, [(*CANCEL, 0, 0, 3)]),
        amendment(wants, [], [(1, 0, 3)], mode=Amend.WAIT, placed_at_ms=NOON_MS + 9),
    )
    assert [answer["lines"] for answer in answers] == [[], [{"backordered": 3, "allocations": []}]]
    assert shop.all_grants(0) == [(1 << 16 | 1, 0, 2)] and shop.all_grants(1) == [(1 << 16, 0, 1)]


def test_an_order_with_units_on_their_way_to_it_is_amended_behind_them():
    shop = Shop(ONE)
    shop.order(order([(0, 4), (0, 2)]))
    shop.receive(0, 0, 5)  # four of line 0, one of line 1; the shard has not heard of it
    before = shop.engine.state_hash()
    (answer,) = shop.amend(amendment(HERE, [], [(0, 0, 3)], mode=Amend.WAIT))
    assert answer["done"] == AmendResult.LATER and answer["lines"] == [{"backordered": 0, "allocations": []}]
    assert shop.engine.state_hash() == before


def test_a_grant_on_its_way_of_which_all_was_taken_back_is_waited_for_too():
    """The shard takes it over for whatever the line waits for by then, which may be something new."""
    shop = Shop(ONE)
    shop.order(order([(0, 4)]))
    shop.receive(0, 0, 4)
    shop.give_up((HERE, 0, 4))
    again = amendment(HERE, [], [(0, 0, 9)], mode=Amend.WAIT)
    (answer,) = shop.amend(again)
    assert answer["done"] == AmendResult.LATER and some(shop.engine.totals()) == {"available": 4, "received": 4}
    (answer,) = shop.amend(again, seen=shop.grants(0)[0])
    assert answer["done"] == AmendResult.DONE and answer["lines"][0]["backordered"] == 5


def test_an_address_that_no_node_reaches_leaves_everything_waiting():
    shop = Shop(ONE, {(0, 0): 3})
    shop.order(order([(0, 3)]))
    (answer,) = shop.amend(amendment(HERE, [(*CANCEL, 0, 0, 3)], [(0, 0, 3)], mode=Amend.WAIT, zone=2))
    assert answer["done"] and answer["lines"][0]["backordered"] == 3
    assert some(shop.engine.totals()) == {"available": 3, "received": 3}


def test_an_order_of_a_channel_without_a_number_is_planned_and_waits_as_one():
    given = world([sku()], [node(channels=[True, False, False]), node(channels=[False, True, False])])
    given["nodes"].append(node(channels=[True, False, True]))
    given["lanes"][2, 1] = [band(500)]
    shop = Shop(given, {(0, 0): 1, (0, 1): 3, (0, 2): 1})
    (answer,) = shop.amend(amendment(HERE, [], [(0, 0, 2)], mode=Amend.WAIT, channel_index=-1))
    assert answer["lines"][0] == {"backordered": 1, "allocations": [{"sku": 0, "node": 2, "qty": 1}]}
    shop.receive(0, 1, 1)
    assert shop.grants(0) == (0, [])
    shop.receive(0, 2, 1)
    assert shop.all_grants(0) == [(1 << 16, 0, 1)]


def test_units_may_be_taken_into_a_hold_and_a_bundle_is_planned_by_its_parts():
    given = world([sku(), sku(0, 0, [(0, 2)])], [node()])
    shop = Shop(given, {(0, 0): 5})
    shop.order(order([(1, 1)]))
    (answer,) = shop.amend(amendment(HERE, [], [(0, 1, 3)], mode=Amend.WAIT, account=int(A.HELD)))
    assert answer["lines"][0] == {"backordered": 2, "allocations": [{"sku": 0, "node": 0, "qty": 2}]}
    assert some(shop.engine.totals()) == {"available": 1, "held": 2, "allocated": 2, "received": 5}


# --- reservations -----------------------------------------------------------------------------------


def pend(shop, *steps, now_ms=NOON_MS):
    """(key, step, deadline, SKU and units); results and, of the first line, units."""
    rows = [
        {
            "key_hi": 1 << 63, "key_lo": key, "step": step, "deadline_ms": deadline_ms, "channel_index": 0, "zone": 1,
            "wanted": [{"line": n, "sku": s, "qty": qty} for n, (s, qty) in enumerate(wanted)],
        }
        for key, step, deadline_ms, wanted in steps
    ]  # fmt: skip
    answers = shop.ledger.pending(pa.RecordBatch.from_pylist(rows, schema=PENDING), now_ms).to_pylist()
    return [
        (row["result"], sum(part["qty"] for line in row["lines"] for part in line["allocations"])) for row in answers
    ]


R, P = PendedResult, PendingStep


def test_a_reservation_holds_units_until_it_is_posted():
    shop = Shop(ONE, {(0, 0): 3})
    assert pend(shop, (1, P.RESERVE, 50, [(0, 2)]), (2, P.RESERVE, 50, [(0, 2)])) == [(R.DONE, 2), (R.SHORT, 0)]
    assert shop.order(order([(0, 2)]))[0]["lines"][0]["backordered"] == 1
    shop.open()
    assert pend(shop, (1, P.RESERVE, 50, [(0, 2)])) == [(R.REPEATED, 2)]
    assert pend(shop, (1, P.POST, 0, []), (1, P.POST, 0, []), (1, P.VOID, 0, [])) == [
        (R.DONE, 2), (R.REPEATED, 0), (R.UNKNOWN, 0),
    ]  # fmt: skip
    assert some(shop.engine.totals()) == {"allocated": 3, "received": 3}


def test_a_reservation_expires_when_a_record_says_so_and_is_then_refused():
    shop = Shop(ONE, {(0, 0): 3})
    pend(shop, (1, P.RESERVE, 50, [(0, 2)]), (2, P.RESERVE, 90, [(0, 1)]))
    shop.order(order([(0, 1)]))  # waits
    assert [shop.engine.due(now_ms).num_rows for now_ms in (49, 50, 50, 89, 90)] == [0, 1, 1, 1, 2]
    assert shop.ledger.expire(49) == 0
    shop.open()
    assert shop.ledger.expire(60) == 1
    assert shop.all_grants(0) == [(1 << 16, 0, 1)]  # who waited has one of the two
    assert pend(shop, (1, P.POST, 0, []), (1, P.VOID, 0, []), (1, P.RESERVE, 99, [(0, 1)]), (7, P.POST, 0, [])) == [
        (R.UNKNOWN, 0), (R.REPEATED, 0), (R.UNKNOWN, 0), (R.UNKNOWN, 0),
    ]  # fmt: skip
    assert shop.ledger.expire(60) == 0 and shop.ledger.expire(90) == 1
    assert some(shop.engine.totals()) == {"available": 2, "allocated": 1, "received": 3}
    assert shop.cut(99).engine.state_hash() == shop.engine.state_hash()


def test_a_voided_reservation_serves_who_waits_before_the_next_reservation():
    shop = Shop(ONE, {(0, 0): 2})
    pend(shop, (1, P.RESERVE, 50, [(0, 2)]))
    shop.order(order([(0, 1)]))
    assert pend(shop, (1, P.VOID, 0, []), (2, P.RESERVE, 50, [(0, 2)])) == [(R.DONE, 2), (R.SHORT, 0)]
    assert shop.all_grants(0) == [(1 << 16, 0, 1)]


def test_a_reservation_of_several_lines_comes_back_line_by_line_from_a_checkpoint():
    given = world([sku(), sku(), sku(0, 0, [(0, 1), (1, 2)])], [node(), node()])
    shop = Shop(given, {(0, 0): 2, (0, 1): 2, (1, 1): 9})
    lines = [(0, 3), (2, 1), (1, 2)]
    pend(shop, (5, P.RESERVE, 70, lines))
    kept = shop.engine.state.reservations.find((1 << 63, 5)).lines
    before = shop.engine.state_hash()
    shop.engine.restore(shop.engine.snapshot())
    again = shop.engine.state.reservations.find((1 << 63, 5)).lines
    assert again.line_end.tolist() == kept.line_end.tolist() and again.cells == kept.cells
    assert shop.engine.state_hash() == before and shop.engine.due(70).num_rows == 1


def test_only_the_newest_keys_that_are_over_are_remembered():
    shop = Shop(ONE)
    reservations = shop.engine.state.reservations
    for key in range(OVER_KEPT + 3):
        reservations.keep((0, key), Reservation(0, untouched(0)))
        reservations.end((0, key), P.VOID)
    assert reservations.refusal((0, 2), P.RESERVE) is None
    assert reservations.refusal((0, 3), P.RESERVE) == R.UNKNOWN
