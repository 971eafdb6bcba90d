"""What GET of the table ``stock`` gives and PUT takes back changes nothing, whatever is too old in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from router.arrow.arena import PrivateArena
from router.config import Config
from router.ledger.lots import AWAY_DAYS_MAX, ToldLots
from router.ledger.shown_lots import ShownLots, StockReader, by_cell, rows_shown
from router.local import LocalRouter
from router.queries.on_hand import OnHand
from tests.labs.lot_lab import LotLab, day
from tests.labs.order_lab import KEY
from tests.labs.table_cases import NOW_MS

OLD = {"on_hand": 5, "lot": "L1", "expires_on": day(-9)}
SOON = {"on_hand": 5, "lot": "L1", "expires_on": day(4)}
GOOD = {"on_hand": 5, "lot": "L2", "expires_on": day(20)}
LAST = {"on_hand": 5, "lot": "L3", "expires_on": day(300)}


def lying(lab: LotLab) -> list[tuple[str | None, int, str | None]]:
    return [(row.get("lot"), row["on_hand"], row.get("expires_on")) for row in lab.table()]


def put_again(lab: LotLab) -> None:
    """GET and PUT, without effect."""
    table, shelf = lab.table(), lab.shelf()
    lab.put(*table)
    assert (lab.table(), lab.shelf()) == (table, shelf)


def test_an_old_lot_is_a_row_of_its_own_and_put_again_it_is_as_old() -> None:
    lab = LotLab()
    lab.put(OLD, GOOD)
    assert lying(lab) == [("L1", 5, day(-9)), ("L2", 5, day(20))]
    for _ in range(3):
        put_again(lab)
    assert lab.units() == {"available": 5, "blocked": 5, "received": 10}


def test_two_old_lots_of_one_day_and_one_without_a_name() -> None:
    lab = LotLab()
    lab.put(OLD, OLD | {"lot": "L0"}, {"on_hand": 2, "expires_on": day(-9)}, {"on_hand": 1, "lot": "L3"})
    assert sorted(lying(lab), key=str) == [("L0", 5, day(-9)), ("L1", 5, day(-9)), ("L3", 1, None), (None, 2, day(-9))]
    put_again(lab)
    assert lab.units() == {"available": 1, "blocked": 12, "received": 13}


def test_what_was_promised_since_a_lot_is_too_old_is_not_taken_for_the_old_one_when_it_is_counted_again() -> None:
    lab = LotLab()
    lab.put(SOON, GOOD, LAST)
    assert lab.given(3) == 3  # of L1
    lab.later(5)
    assert lab.given(4) == 4  # of L2, for what is left of L1 is blocked
    assert lying(lab) == [("L1", 5, day(4)), ("L2", 5, day(20)), ("L3", 5, day(300))]
    put_again(lab)
    lab.done(f"o{NOW_MS + 1}", "ship")
    assert lying(lab)[0] == ("L1", 2, day(4))
    put_again(lab)
    assert lab.given(20) == 6


def test_units_of_a_good_lot_that_left_are_not_taken_from_the_blocked_one() -> None:
    lab = LotLab()
    lab.put(OLD, GOOD, LAST)
    order_id = f"o{lab.now_ms}"
    assert lab.given(3) == 3
    lab.done(order_id, "ship")
    assert lying(lab) == [("L1", 5, day(-9)), ("L2", 2, day(20)), ("L3", 5, day(300))]
    put_again(lab)


def test_a_lot_that_grows_too_old_between_get_and_put_is_blocked_as_if_nothing_was_put() -> None:
    found = []
    for puts in (False, True):
        for judged in (False, True):
            lab = LotLab()
            lab.put(SOON, GOOD)
            lab.given(3)
            table = lab.table()
            lab.later(5)
            if judged:
                lab.judge()
            if puts:
                lab.put(*table)
            lab.judge()
            found.append((lab.table(), lab.shelf()))
    assert all(each == found[0] for each in found) and found[0][1]["blocked"] == 2


def test_lots_of_receipts_and_of_shelf_life_are_called_by_their_day_and_keep_it() -> None:
    lab = LotLab()
    lab.put({"on_hand": 1})
    lab.came("m1", qty=4, expires_on=day(3))
    lab.came("m2", qty=2)
    lab.came("m3", qty=6, expires_on=day(3))
    lab.put({"on_hand": 5}, sku="MILK")
    lab.came("m4", sku="MILK", qty=3, expires_on=day(9))
    shown = [(day(3), 10, day(3)), (None, 3, None), (None, 3, day(9)), (day(30), 5, day(30))]
    assert lying(lab) == shown
    lab.later(15)
    lab.judge()
    assert lying(lab) == shown and lab.units()["blocked"] == 13
    put_again(lab)
    lab.later(40)
    lab.judge()
    put_again(lab)
    assert lab.units() == {"available": 3, "blocked": 18, "received": 21}


def test_what_comes_after_a_count_with_old_lots_is_good() -> None:
    lab = LotLab()
    lab.put(OLD, GOOD)
    put_again(lab)
    lab.came("m", qty=3)
    assert lab.units() == {"available": 8, "blocked": 5, "received": 13}
    assert lying(lab)[-1] == (None, 3, None)


def test_old_units_that_are_scrapped_are_gone_and_others_that_are_blocked_stay_aside() -> None:
    lab = LotLab()
    lab.put(OLD, GOOD)
    assert lab.move("scrap", 5, state="blocked") == "applied"
    assert lying(lab) == [("L1", 0, day(-9)), ("L2", 5, day(20))]
    assert lab.move("set_aside", 2, state="blocked") == "applied"  # for another reason
    assert lying(lab) == [("L1", 0, day(-9)), ("L2", 3, day(20))]
    put_again(lab)
    assert lab.units() == {"available": 3, "blocked": 2, "received": 5}


def test_a_patch_of_one_row_leaves_the_old_ones_where_they_are() -> None:
    lab = LotLab()
    lab.put(OLD, GOOD)
    changes = lab.patch({"sku": "A", "node": "N1", "lot": "L2", "on_hand": 7})
    assert tuple(changes) == (0, 1, 0)
    assert lab.units() == {"available": 7, "blocked": 5, "received": 12}
    lab.patch({"sku": "A", "node": "N1", "lot": "L1", "on_hand": 1})
    assert lab.units() == {"available": 7, "blocked": 1, "received": 8}
    lab.patch({"sku": "A", "node": "N1", "lot": "L1", "remove": True})
    assert lab.units() == {"available": 7, "blocked": 0, "received": 7}


# --- what is not there ---------------------------------------------------------------------------------------


def set_aside(state: str) -> Callable[[LotLab], Any]:
    return lambda lab: lab.move("set_aside", 2, state=state)


def put_back(state: str) -> Callable[[LotLab], Any]:
    return lambda lab: lab.move("put_back", 2, state=state)


def picked_short(lab: LotLab) -> None:
    lab.order("away", [{"sku": "A", "qty": 2}], placed_at="2025-11-21T12:00:00Z")
    lab.event("away", "short_pick")
    lab.event("away", "cancel")


def shipped(lab: LotLab) -> None:
    lab.order("away", [{"sku": "A", "qty": 2}], placed_at="2025-11-21T12:00:00Z")
    lab.event("away", "ship")


def returned(lab: LotLab) -> None:
    lab.event("away", "return", disposition="restock")


AWAY: dict[str, tuple[Callable[[LotLab], Any], Callable[[LotLab], Any]]] = {
    "damaged": (set_aside("damaged"), put_back("damaged")),
    "blocked": (set_aside("blocked"), put_back("blocked")),
    "picked short": (picked_short, put_back("blocked")),
    "shipped": (shipped, returned),
}


@pytest.mark.parametrize(("leave", "come_back"), AWAY.values(), ids=AWAY)
@pytest.mark.parametrize("puts", [0, 1, 2])
def test_what_was_not_there_when_the_cell_was_put_again_is_as_good_as_its_lot_when_it_is_back(
    leave: Step, come_back: Step, puts: int
) -> None:
    lab = LotLab()
    lab.put(OLD, GOOD)
    leave(lab)
    for _ in range(puts):
        put_again(lab)
    come_back(lab)
    lab.judge()
    assert lab.units() == {"available": 5, "blocked": 5, "received": 10}
    assert lying(lab) == [("L1", 5, day(-9)), ("L2", 5, day(20))]
    lab.later(21)
    lab.judge()
    assert lab.units() == {"available": 0, "blocked": 10, "received": 10}


@pytest.mark.parametrize(("leave", "come_back"), AWAY.values(), ids=AWAY)
@pytest.mark.parametrize("listed", [0, 3, 5, 9])
def test_of_a_lot_that_is_counted_otherwise_what_was_not_there_is_more(
    leave: Step, come_back: Step, listed: int
) -> None:
    """A table of before the units left lists them, too: on hand is as counted."""
    lab = LotLab()
    lab.put(OLD, GOOD)
    leave(lab)
    lab.put(OLD, GOOD | {"on_hand": listed}, LAST)
    assert lying(lab) == [("L1", 5, day(-9)), ("L2", listed, day(20)), ("L3", 5, day(300))]
    come_back(lab)
    lab.judge()
    assert lab.units()["available"] == listed + 2 + 5
    lab.later(21)
    lab.judge()
    assert lab.units()["available"] == 5


@pytest.mark.parametrize(("leave", "come_back"), AWAY.values(), ids=AWAY)
def test_a_lot_that_no_row_lists_any_more_is_still_that_of_its_units(leave: Step, come_back: Step) -> None:
    lab = LotLab()
    lab.put(GOOD)
    leave(lab)
    lab.put({"on_hand": 4})
    lab.later(21)
    come_back(lab)
    lab.judge()
    assert lab.units() == {"available": 4, "blocked": 2, "received": 6}


@pytest.mark.parametrize(("leave", "come_back"), AWAY.values(), ids=AWAY)
def test_units_of_no_lot_that_were_not_there_stay_good_beside_lots(leave: Step, come_back: Step) -> None:
    lab = LotLab()
    lab.put({"on_hand": 9})
    leave(lab)
    lab.put(OLD, GOOD)
    come_back(lab)
    lab.judge()
    assert lab.units() == {"available": 7, "blocked": 5, "received": 12}
    lab.later(30)
    lab.judge()
    assert lab.units()["available"] == 2


def test_units_on_their_way_when_the_cell_is_counted_are_good_when_they_arrive() -> None:
    lab = LotLab(("N1", "N2"))
    lab.put(OLD, GOOD)
    lab.put({"on_hand": 3, "node": "N2"})
    assert lab.move("dispatch", 3, node="N2", to_node="N1") == "applied"
    lab.put(OLD, GOOD)
    assert lab.move("arrive", 3) == "applied"
    lab.judge()
    assert lab.units()["available"] == 8


def test_too_old_units_that_are_put_back_do_not_take_the_place_of_what_left() -> None:
    lab = LotLab()
    lab.put(OLD, GOOD)
    shipped(lab)
    put_again(lab)
    assert lab.move("put_back", 2, state="blocked") == "applied"  # of L1
    lab.judge()
    assert lab.units() == {"available": 3, "blocked": 5, "received": 10}


@pytest.mark.parametrize("fields", [{"disposition": "scrap"}, {"disposition": "restock", "node": "N2"}])
def test_what_comes_after_units_that_never_come_back_is_not_taken_for_them(fields: dict[str, str]) -> None:
    lab = LotLab(("N1", "N2"))
    lab.put(OLD, GOOD)
    shipped(lab)
    put_again(lab)
    lab.done("away", "return", **fields)
    lab.came("m", qty=2)
    lab.judge()
    (here,) = [row for row in lab.router.ledger.path.engine.cells.units_of("available").items() if row[0] == (0, 0)]
    assert here == ((0, 0), 5) and lab.units()["blocked"] == 5


def test_days_of_what_is_not_there_are_bounded() -> None:
    lab = LotLab()
    for at in range(AWAY_DAYS_MAX + 20):
        lab.put({"on_hand": 1, "lot": "L1", "expires_on": day(30 + at)}, LAST)
        lab.move("set_aside", 1, state="damaged")
    lab.put(LAST)
    (away,) = [known.away for known in lab.router.ledger.path.engine.state.lots._cells.values()]
    assert len(away) == AWAY_DAYS_MAX + 1 and sum(units for _, units in away) == AWAY_DAYS_MAX + 20
    assert away[0][0] == min(days for days, _ in away)


def test_a_count_of_before_units_were_away_is_read_by_its_rule() -> None:
    """As a record of the older version says it: what was set aside was of no lot."""
    lab = LotLab()
    lab.put(OLD, GOOD)
    lab.move("set_aside", 2, state="damaged")
    lab.put(*lab.table(), by_older_rule=True)
    lab.move("put_back", 2, state="damaged")
    lab.judge()
    assert lab.units() == {"available": 3, "blocked": 7, "received": 10}


def test_a_ledger_that_is_read_again_shows_the_same_rows() -> None:
    lab = LotLab()
    lab.put(OLD, SOON | {"lot": "L0"}, GOOD)
    lab.given(2)
    lab.move("scrap", 2, state="blocked")
    put_again(lab)
    lab.later(5)
    lab.judge()
    arena = PrivateArena()
    again = LocalRouter(
        Config(shards=2), KEY, lambda name, _: lab.logs[name], lambda _: lab.tables,
        lambda name: arena if name == "ledger" else PrivateArena(),
    )  # fmt: skip
    again.recover()
    assert again.state_hashes() == lab.router.state_hashes()
    rows = OnHand(StockReader(arena), lab.tables).page(0, {})
    assert [(row.expires_on and row.expires_on.isoformat(), row.on_hand) for row in rows] == [
        (expires, on_hand) for _, on_hand, expires in lying(lab)
    ]


def test_lots_that_are_not_durable_yet_are_not_shown() -> None:
    lab = LotLab()
    lab.put(GOOD)
    engine, sequence = lab.router.ledger.path.engine, lab.router.ledger.path.sequence
    before = lab.table()
    engine.state.lots.block((0, 0), 1)
    changed = engine.take_touched()
    assert lab.table() == before
    engine.publish(changed, sequence + 1)
    assert len(changed.lots) == 1


# --- drawn at random -----------------------------------------------------------------------------------------


Step = Callable[[LotLab], Any]
KINDS = (
    "put", "order", "order", "order", "ship", "ship", "cancel", "came", "later", "scrap", "set_aside", "set_aside",
    "put_back", "put_back", "short_pick", "return", "return",
)  # fmt: skip


def _drawn(dice: random.Random, number: int, seen: list[str]) -> Step:
    """One thing that happens, to any lab alike."""
    qty, kind = dice.randint(1, 6), dice.choice(KINDS)
    expires = day(
        dice.randint(100, 130)
    )  # later than all that left: lots are reckoned as if they had always lain there
    if kind == "put":
        names = dice.sample(("L1", "L2", "L3", "L4"), dice.randint(1, 4))
        rows = [{"on_hand": dice.randint(0, 6), "lot": name, "expires_on": day(dice.randint(-5, 30))} for name in names]
        return lambda lab: lab.put({"on_hand": 40, "lot": "last", "expires_on": day(90)}, *rows)
    if kind == "order":
        seen.append(f"o{number}")
        return lambda lab: lab.order(f"o{number}", [{"sku": "A", "qty": qty}], placed_at="2025-11-21T12:00:00Z")
    if kind in ("ship", "cancel", "return") and seen:
        order_id, fields = dice.choice(seen), {"disposition": "restock"} if kind == "return" else {}
        return lambda lab: lab.event(order_id, kind, **fields)
    if kind == "short_pick" and seen:
        order_id = dice.choice(seen)
        return lambda lab: [lab.event(order_id, each) for each in (kind, "cancel")]  # a count lets it be found again
    if kind in ("set_aside", "put_back"):
        state = dice.choice(("damaged", "blocked"))
        return lambda lab: _aside(lab, kind, state, qty)
    if kind == "came":
        fields = {"expires_on": expires} if dice.random() < 0.7 else {}
        return lambda lab: lab.came(f"m{number}", qty=qty, **fields)
    if kind == "scrap":
        return lambda lab: lab.move("scrap", 1, state="blocked", reason=f"{number}")
    days = dice.randint(1, 4)

    def later(lab: LotLab) -> None:
        lab.now_ms += days * 86_400_000
        lab.judge()

    return later


def _aside(lab: LotLab, kind: str, state: str, qty: int) -> None:
    """Of what is blocked never what is too old: as if it were counted again, which only the table does."""
    if (kind, state) == ("put_back", "blocked"):
        ledger = lab.router.ledger.path.engine.state
        aside = ledger.aside_blocked((0, 0))
        qty = min(qty, aside - ledger.lots.blocked((0, 0), aside))
    if qty:
        lab.move(kind, qty, state=state)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_putting_it_again_changes_nothing_then_and_later(seed: int) -> None:
    dice, seen = random.Random(seed), list[str]()
    plain, again = LotLab(), LotLab()
    steps = [_drawn(dice, number, seen) for number in range(30)]
    for step in steps:
        for lab in (plain, again):
            step(lab)
            lab.judge()
        assert again.shelf() == plain.shelf()
        put_again(again)
        plain.now_ms = again.now_ms
    again_hashes = LocalRouter(Config(shards=2), KEY, lambda name, _: again.logs[name], lambda _: again.tables)
    again_hashes.recover()
    assert again_hashes.state_hashes() == again.router.state_hashes()
    assert plain.router.ledger.path.engine.conservation() == again.router.ledger.path.engine.conservation() == []


def test_rows_of_cells_are_used_again_and_memory_grows_where_they_do_not_suffice() -> None:
    dice, arena = random.Random(5), PrivateArena()
    shown, twin = ShownLots(arena), dict[tuple[int, int], tuple[list[tuple[int, int]], int]]()
    for _ in range(400):
        cell = dice.randrange(40), dice.randrange(4)
        lots = [(dice.randint(-9, 9), dice.randint(0, 9)) for _ in range(dice.randrange(7))]
        twin[cell] = lots, dice.randint(0, 3) if lots else 0
        shown.show([ToldLots(cell, *twin[cell])])
        if dice.random() < 0.01:
            shown.forget()
            twin.clear()
        first = dice.randrange(40)
        found = by_cell(rows_shown(arena, first, first + 9))
        assert found == {key: told for key, told in twin.items() if first <= key[0] < first + 9 and told[0]}
