"""Units that would be too old when they arrive are sold to nobody, and counted again with their cell."""

from __future__ import annotations

import datetime

import pytest

from router.config import Config
from router.local import LocalRouter
from router.tables.arrivals import Arrivals
from router.tables.stock_rows import parse_movements
from tests.labs import table_cases
from tests.labs.lot_lab import DAILY, DAY_MS, TODAY, LotLab, day
from tests.labs.order_lab import KEY
from tests.labs.table_cases import GOOD, NODE, NOW_MS, ndjson, tables_of


@pytest.mark.parametrize(("expires", "given"), [(-300, 0), (-1, 0), (0, 0), (1, 0), (2, 3), (3, 3), (400, 3)])
def test_a_lot_is_sold_while_it_is_good_on_the_day_it_arrives(expires: int, given: int) -> None:
    lab = LotLab()
    lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(expires)})
    assert lab.given(3) == given
    assert lab.units()["blocked"] == (0 if given else 5)


def test_of_several_lots_the_good_ones_are_sold() -> None:
    lab = LotLab()
    lab.put(
        {"on_hand": 5, "lot": "L1", "expires_on": day(-9)},
        {"on_hand": 2, "lot": "L2", "expires_on": day(300)},
        {"on_hand": 1, "lot": "L3"},
    )
    assert lab.units() == {"available": 3, "blocked": 5, "received": 8}
    assert lab.given(10) == 3


def test_what_is_sold_first_is_what_expires_first() -> None:
    lab = LotLab()
    lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(4)}, {"on_hand": 5, "lot": "L2", "expires_on": day(300)})
    assert lab.given(3) == 3  # of L1
    lab.later(3)
    assert lab.given(20) == 5  # two of L1 are left and too old
    assert lab.units()["blocked"] == 2


def test_more_sold_than_the_old_lot_leaves_nothing_to_block() -> None:
    lab = LotLab()
    lab.put({"on_hand": 2, "lot": "L1", "expires_on": day(4)}, {"on_hand": 5, "lot": "L2", "expires_on": day(300)})
    assert lab.given(4) == 4
    lab.later(10)
    assert (lab.given(20), lab.units()["blocked"]) == (3, 0)


def test_units_of_an_old_lot_that_are_given_back_are_not_sold_again() -> None:
    lab = LotLab()
    lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(4)})
    assert lab.given(3) == 3
    first = f"o{NOW_MS + 1}"
    lab.later(8)
    assert lab.given(1) == 0
    lab.done(f"o{NOW_MS + 8 * DAY_MS}", "cancel")  # nobody waits
    lab.done(first, "cancel")
    assert lab.given(3) == 0
    assert lab.units() == {"available": 0, "blocked": 5, "received": 5}


def test_a_count_by_the_table_counts_blocked_units_again() -> None:
    lab = LotLab()
    for _ in range(3):  # tonight's upload, three nights
        lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(-9)}, {"on_hand": 2, "lot": "L2"})
        assert lab.units() == {"available": 2, "blocked": 5, "received": 7}
    lab.put({"on_hand": 4})
    assert lab.units() == {"available": 4, "blocked": 0, "received": 4}


def test_who_waits_is_not_given_what_is_too_old() -> None:
    lab = LotLab()
    assert lab.given(3) == 0
    lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(0)}, {"on_hand": 1, "lot": "L2"})
    assert lab.view(f"o{NOW_MS}")["lines"][0]["units"]["allocated"] == 1


def test_shelf_life_counts_from_when_units_came_where_no_lot_says_more() -> None:
    lab = LotLab()
    lab.put({"on_hand": 5}, sku="MILK")
    lab.later(20)
    assert lab.given(1, "MILK") == 1
    lab.later(40)
    assert (lab.given(4, "MILK"), lab.units()["blocked"]) == (0, 4)


def test_receipts_bring_lots_too() -> None:
    lab = LotLab()
    lab.put({"on_hand": 1})
    assert lab.came("m1", qty=4, expires_on=day(3)) == lab.came("m2", qty=2) == [0]
    lab.later(5)
    assert (lab.given(20), lab.units()["blocked"]) == (3, 4)
    refused = parse_movements(
        ndjson({"movement_id": "m", "kind": "count", "sku": "A", "node": "N1", "qty": 1, "expires_on": day(1)}),
        lab.tables, KEY,
    ).refused  # fmt: skip
    assert refused[1].field == "expires_on"


def test_units_that_belong_to_no_lot_stay_good_when_lots_come_beside_them() -> None:
    lab = LotLab()
    lab.put({"on_hand": 1, "lot": "L1", "expires_on": day(300)})
    lab.came("m1", qty=3)
    rows = [
        {"movement_id": f"r{qty}", "kind": "receipt", "sku": "A", "node": "N1", "qty": qty} | lot
        for qty, lot in ((4, {"expires_on": day(3)}), (2, {}), (6, {"expires_on": day(4)}))
    ]
    lab.router.stock(parse_movements(ndjson(*rows), lab.tables, KEY, lab.now_ms).batch, lab.now_ms)
    lab.came("m2", qty=5)
    lab.later(5)
    lab.judge()
    assert lab.units() == {"available": 11, "blocked": 10, "received": 21}


@pytest.mark.parametrize("leaves", ["scrap", "damage"])
def test_what_comes_after_units_are_gone_is_not_taken_for_them(leaves: str) -> None:
    lab = LotLab()
    lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(4)}, {"on_hand": 5, "lot": "L2", "expires_on": day(300)})
    if leaves == "scrap":
        lab.later(5)
        lab.judge()
    assert lab.move(leaves, 5, **({"state": "blocked"} if leaves == "scrap" else {})) == "applied"
    lab.came("m", qty=4)
    lab.later(6)
    lab.judge()
    assert lab.units() == {"available": 9, "blocked": 0, "received": 9}


def test_a_ledger_that_is_read_again_knows_the_same_lots() -> None:
    lab = LotLab()
    lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(4)}, {"on_hand": 5, "lot": "L2"})
    lab.given(1)
    lab.later(5)
    lab.given(1)
    lab.put({"on_hand": 3, "lot": "L1", "expires_on": day(30)}, {"on_hand": 5, "lot": "L2"})
    again = LocalRouter(Config(shards=2), KEY, lambda name, parts: lab.logs[name], lambda version: lab.tables)
    again.recover()
    assert again.state_hashes() == lab.router.state_hashes()
    engine, copy = lab.router.ledger.path.engine, again.ledger.path.engine
    copy.restore(engine.snapshot())
    assert copy.state_hash() == engine.state_hash() and engine.conservation() == []


def test_a_record_that_scraps_old_units_and_blocks_others_is_read_again_as_it_was_made() -> None:
    lab = LotLab()
    lab.put({"on_hand": 5, "lot": "L1", "expires_on": day(-9)}, {"on_hand": 4, "lot": "L2", "expires_on": day(4)})
    lab.later(5)
    assert lab.move("scrap", 5, state="blocked") == "applied"
    assert lab.units() == {"available": 0, "blocked": 4, "received": 4}
    again = LocalRouter(Config(shards=2), KEY, lambda name, parts: lab.logs[name], lambda version: lab.tables)
    again.recover()
    assert again.state_hashes() == lab.router.state_hashes()


def test_the_earliest_arrival_is_by_the_fastest_band_and_the_calendar() -> None:
    friday = (TODAY - datetime.date(1970, 1, 1)).days
    rates = [GOOD["rates"] | {"to_zone": zone, "days": days} for zone, days in (("DE", 3), ("AT", 1))]
    weekdays = tables_of(nodes=[NODE], rates=rates)
    assert Arrivals(weekdays).earliest(0, NOW_MS) == friday + 3  # ships on Friday, arrives on Monday
    assert Arrivals(tables_of(nodes=[NODE | {"cutoff": "20:00"}], rates=rates)).earliest(0, NOW_MS) == friday + 4
    assert Arrivals(tables_of(nodes=[DAILY])).earliest(0, NOW_MS) == friday + 2
    assert table_cases.NOW_MS == NOW_MS
