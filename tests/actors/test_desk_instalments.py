"""What the desk asks for by itself when payments fail, and debts that are paid in instalments."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from router.config import Policy
from router.life.instalments import Instalment
from tests.labs.calling_lab import LOST, Died
from tests.labs.pay_lab import PayLab

DAY_MS = 86_400_000
HALVES = [(50, Instalment(0)), (50, Instalment(0, "after_shipping", 14))]
CHAIRS = 300
STEPS = 30  # more than two failures and what follows from them have


def made(folder: pathlib.Path, **terms: object) -> PayLab:
    given: dict[str, object] = {"pay_again": True, "instalments_from": {"EUR": 10_000}}
    return PayLab(folder / "desk", policy=Policy(unpaid="hold"), **(given | terms))


@pytest.fixture
def one(tmp_path: pathlib.Path) -> Iterator[PayLab]:
    lab = made(tmp_path)
    yield lab
    lab.desk.database.close()


def failed(lab: PayLab, payment_id: str) -> None:
    lab.tells("payment_failed", payment_id=payment_id)
    lab.work()


def test_after_the_first_failure_the_same_is_asked_for_again(one: PayLab) -> None:
    total = one.ordered()
    failed(one, "card-1")
    found = one.open()
    assert (found["amount"], found["requested_by"]) == (total, "desk") and one.payable == [total]
    assert [item["state"] for item in one.desk.items(kind="payment_failed")] == ["open"]
    one.buys(found["payment_id"])
    one.work()
    assert one.state() == "allocated"
    assert [item["state"] for item in one.desk.items(kind="payment_failed")] == ["resolved"]


def test_without_the_setting_a_failure_is_work_of_people_alone(tmp_path: pathlib.Path) -> None:
    lab = made(tmp_path, pay_again=False, transfer_to="", other_ways_after=0)
    lab.ordered(qty=CHAIRS)
    for name in ("card-1", "card-2", "card-3"):
        failed(lab, name)
    assert lab.requests() == [] and lab.shown()["failures"] == 3
    lab.desk.database.close()


def test_a_small_order_is_offered_a_transfer_after_the_second_failure_and_no_more_after_that(one: PayLab) -> None:
    one.ordered()
    for name in ("card-1", "card-2", "card-3"):
        failed(one, name)
    assert [(each["method"], each["status"]) for each in one.requests()] == [
        ("link", "cancelled"),
        ("bank_transfer", "open"),
    ]
    assert one.payable == []


def test_three_hundred_chairs_with_two_failures_are_paid_in_halves(one: PayLab) -> None:
    """The order is confirmed by the first half; the second is asked for two weeks after the last chair has left."""
    total = one.ordered(qty=CHAIRS)
    one.work()
    assert one.state() == "held"
    failed(one, "card-1")
    failed(one, "card-2")
    first = one.open()
    assert (first["amount"], first["instalment"]) == ((total + 1) // 2, 1) and one.payable == [(total + 1) // 2]
    one.buys(first["payment_id"])
    one.work()
    assert one.state() == "allocated", "confirmed by the first half"
    [released] = [letter for letter in one.desk.sent if '"release"' in letter.event]
    assert '"hold":"review"' in released.event
    half = CHAIRS // 2
    one.tells("ship", lines=[{"line_id": "L1", "qty": half}])
    one.later(30 * DAY_MS)
    assert len(one.requests()) == 2, "a part of it has left: nothing falls due yet"
    one.tells("ship")
    one.later(13 * DAY_MS)
    assert len(one.requests()) == 2
    one.later(DAY_MS + 1_000)
    second = one.open()
    assert (second["amount"], second["instalment"], second["requested_by"]) == (total // 2, 2, "desk")
    one.buys(second["payment_id"])
    one.work()
    assert one.money()["due"] == 0 and one.desk.items(kind="instalment_overdue") == []
    assert [each["left"] for each in one.shown()["plan"]["instalments"]] == [0, 0]


@pytest.mark.parametrize("fault", ["none", "lost"])
@pytest.mark.parametrize("dies_after", range(STEPS))
def test_a_death_at_any_step_asks_for_each_half_once(tmp_path: pathlib.Path, dies_after: int, fault: str) -> None:
    lab = made(tmp_path)
    total = lab.ordered(qty=CHAIRS)
    lab.wire.answers = [LOST] if fault == "lost" else []
    with contextlib.suppress(Died), lab.dying(dies_after):
        failed(lab, "card-1")
        failed(lab, "card-2")
    lab.begin()
    lab.work()
    if lab.shown()["failures"] < 2:
        lab.world.events({"event_id": "again", "order_id": "a", "type": "payment_failed", "payment_id": "card-2"})
        lab.work()
    assert lab.payable == [(total + 1) // 2] and lab.open()["instalment"] == 1
    lab.buys(lab.open()["payment_id"])
    lab.work()
    assert lab.state() == "allocated"
    lab.tells("ship")
    lab.later(14 * DAY_MS + 1_000)
    assert lab.payable == [total // 2]
    lab.desk.database.close()


def test_an_instalment_that_is_not_paid_is_overdue_until_it_is(one: PayLab) -> None:
    one.ordered(qty=CHAIRS)
    one.ask_for(plan=HALVES)
    one.work()
    one.buys(one.open()["payment_id"])
    one.work()
    one.tells("ship")
    one.later(14 * DAY_MS + 1_000)
    one.later(7 * DAY_MS + 3_000)
    [item] = one.desk.items(kind="instalment_overdue")
    assert item["state"] == "open" and "instalment 2" in item["reason"]
    assert item["deadline_ms"] == item["raised_ms"] + one.desk.pay_terms.answer_ms
    one.ask_for(key="again")
    one.work()
    assert one.open()["instalment"] == 2
    one.buys(one.open()["payment_id"])
    one.work()
    [item] = one.desk.items(kind="instalment_overdue")
    assert (item["state"], item["resolution"]) == ("resolved", "nothing of it is left to be paid")


def test_what_is_cancelled_is_taken_off_the_last_instalment(one: PayLab) -> None:
    total = one.ordered(qty=CHAIRS)
    one.ask_for(plan=HALVES)
    one.work()
    one.buys(one.open()["payment_id"])
    one.work()
    one.tells("cancel", lines=[{"line_id": "L1", "qty": 100}])
    one.work()
    plan = one.shown()["plan"]["instalments"]
    assert plan[0]["left"] == 0 and plan[1]["left"] == one.money()["due"] < total // 2
    assert sum(each["amount"] for each in plan) == one.money()["captured"] + one.money()["due"]
    one.tells("ship")
    one.later(14 * DAY_MS + 1_000)
    assert one.payable == [one.money()["due"]]


def test_an_open_instalment_shrinks_with_the_debt(one: PayLab) -> None:
    one.ordered(qty=10)
    one.ask_for(plan=HALVES)
    one.work()
    one.tells("cancel", lines=[{"line_id": "L1", "qty": 8}])
    one.work()
    assert one.payable == [one.money()["due"]], "less than the first half is left of all"


def test_a_hold_for_another_reason_stays_when_the_first_instalment_comes(one: PayLab) -> None:
    one.ordered(qty=CHAIRS)
    one.tells("hold", hold="address")
    one.ask_for(plan=HALVES)
    one.work()
    one.buys(one.open()["payment_id"])
    one.work()
    assert one.state() == "held"
    one.tells("release", hold="address")
    assert one.state() == "allocated"


def test_a_part_of_the_money_without_a_plan_confirms_nothing(one: PayLab) -> None:
    total = one.ordered(qty=CHAIRS)
    one.ask_for(total // 2)
    one.work()
    one.buys(one.open()["payment_id"])
    one.work()
    assert one.state() == "held"


def test_failures_of_the_past_are_not_asked_for_by_a_desk_that_begins_anew(tmp_path: pathlib.Path) -> None:
    lab = made(tmp_path)
    lab.ordered()
    lab.tells("payment_failed", payment_id="card-1")
    lab.world.now_ms += DAY_MS
    lab.work()
    assert lab.requests() == [] and lab.shown()["failures"] == 1
    lab.desk.database.close()
