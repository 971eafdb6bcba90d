"""Refunds on their way: reserved, sent once, booked once, whatever dies between any two steps."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from adapters._spec import WireRequest, WireResponse
from router.life.refunds import Capture, RefundRefused, Units
from router.work.item import WorkRefused
from router.work.own_item import own_item
from router.work.refund import Refund
from tests.labs.calling_lab import LOST, Died
from tests.labs.desk_databases import KINDS, emptied, server
from tests.labs.refund_lab import RefundLab

STEPS = 32  # more than a refund has
NO_EVENT_OF_IT = {"type": "ship", "lines": [{"line_id": "none"}]}  # that the order refuses


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[RefundLab]:
    url = "" if request.param == "sqlite" else emptied(request.getfixturevalue("postgresql"))
    made = RefundLab(tmp_path / "desk", url)
    yield made
    made.desk.database.close()


@pytest.fixture
def one(tmp_path: pathlib.Path) -> Iterator[RefundLab]:
    made = RefundLab(tmp_path / "desk")
    yield made
    made.desk.database.close()


def test_money_is_reserved_sent_and_booked(lab: RefundLab) -> None:
    total = lab.paid()
    asked = lab.ask([Capture("p1", "pay", total)], 100)
    assert (asked["status"], asked["amount"], asked["parts"][0]["status"]) == ("requested", 100, "requested")
    lab.desk.sender.send()
    assert lab.money()["refunding"] == 100 and lab.seen(asked["refund_id"])["status"] == "sent"
    lab.work()
    done = lab.seen(asked["refund_id"])
    assert (done["status"], done["refunded"]) == ("done", 100)
    assert (lab.money()["refunding"], lab.money()["refunded"]) == (0, 100) and lab.wire.refunded == [100]


@pytest.mark.parametrize("fault", ["none", "lost"])
@pytest.mark.parametrize("dies_after", range(STEPS))
def test_a_death_at_any_step_gives_the_money_back_once(one: RefundLab, dies_after: int, fault: str) -> None:
    """Before and after each transaction and each request; then a new life goes on with what the database has."""
    total = one.paid()
    captures = [Capture("p1", "pay", total)]
    one.wire.answers = [LOST] if fault == "lost" else []
    with contextlib.suppress(Died), one.dying(dies_after):
        one.ask(captures, 100)
        one.work()
    one.begin()
    again = one.ask(captures, 100)  # who heard no answer asks again under the same key
    one.work()
    assert one.wire.refunded == [100], "once"
    assert one.seen(again["refund_id"])["status"] == "done"
    assert (one.money()["refunding"], one.money()["refunded"]) == (0, 100)


def test_a_refund_has_no_more_steps_than_are_tried(one: RefundLab) -> None:
    total, one.wire.answers = one.paid(), [LOST]
    with one.dying(STEPS):
        one.ask([Capture("p1", "pay", total)], 100)
        one.work()


def test_the_same_key_is_the_same_refund_and_another_request_under_it_is_refused(one: RefundLab) -> None:
    total = one.paid()
    captures = [Capture("p1", "pay", total)]
    first = one.ask(captures, 100)
    assert one.ask(captures, 100)["refund_id"] == first["refund_id"]
    with pytest.raises(WorkRefused, match="used for another request"):
        one.ask(captures, 200)
    assert len(one.desk.outbox()) == 1


def test_two_at_once_cannot_give_back_more_than_came(one: RefundLab) -> None:
    """The second is judged before the books have heard of the first."""
    total = one.paid()
    captures = [Capture("p1", "pay", total)]
    one.ask(captures, total - 10)
    with pytest.raises(RefundRefused, match="10 of what came") as refused:
        one.ask(captures, 11, key="other")
    assert (refused.value.code, refused.value.possible_minor) == ("refund_refused", 10)
    one.ask(captures, 10, key="third")
    one.work()
    assert sum(one.wire.refunded) == one.money()["refunded"] == total


def test_what_the_books_refuse_has_failed_and_is_never_sent(one: RefundLab) -> None:
    """The order was looked at before somebody else took the money: the books know better."""
    total = one.paid()
    one.world.events({"event_id": "other", "order_id": "a", "type": "payment_refunded", "payment_id": "p1"})
    asked = one.ask([Capture("p1", "pay", total)], 100)
    one.work()
    failed = one.seen(asked["refund_id"])
    assert failed["status"] == "failed" and "the order did not take it" in failed["parts"][0]["detail"]
    assert one.wire.requests == 0


def test_over_several_captures_the_newest_first_and_each_to_its_partner(one: RefundLab) -> None:
    total = one.paid("a", ("p1", 300, "pay"), ("p2", 200, "pay"))
    assert total >= 500
    asked = one.ask([Capture("p1", "pay", 300), Capture("p2", "pay", 200)], 450)
    assert [(part["payment_id"], part["amount"]) for part in asked["parts"]] == [("p2", 200), ("p1", 250)]
    one.work()
    assert sorted(one.wire.refunded) == [200, 250] and one.seen(asked["refund_id"])["status"] == "done"


def test_a_partner_that_refuses_gives_free_what_was_reserved(one: RefundLab) -> None:
    total, one.wire.declines = one.paid(), True
    asked = one.ask([Capture("p1", "pay", total)], 100)
    one.work()
    failed = one.seen(asked["refund_id"])
    assert failed["status"] == "failed" and "pay refuses (declined)" in failed["parts"][0]["detail"]
    assert (one.money()["refunding"], one.money()["refunded"]) == (0, 0)
    assert [item["state"] for item in one.desk.items(kind="refund_failed")] == ["open"]


def test_a_refusal_in_words_that_no_database_keeps_ends_the_part_all_the_same(
    lab: RefundLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL keeps no NUL: the answer could not be kept, and the partner would be asked for ever."""
    total, lab.wire.declines, exchange = lab.paid(), True, lab.wire.exchange

    async def with_nul(request: WireRequest) -> Any:
        answer = await exchange(request)
        assert isinstance(answer, WireResponse)
        return msgspec.structs.replace(answer, body=answer.body.replace(b'"message":"', b'"message":"\\u0000'))

    monkeypatch.setattr(lab.wire, "exchange", with_nul)
    asked = lab.ask([Capture("p1", "pay", total)], 100)
    lab.work()
    failed = lab.seen(asked["refund_id"])
    assert (
        failed["status"] == "failed" and "pay refuses (declined): \N{SYMBOL FOR NULL}" in failed["parts"][0]["detail"]
    )
    assert lab.money()["refunding"] == 0


def test_an_item_about_a_refund_holds_no_nul() -> None:
    refund = Refund(
        refund_id="r", order_key="k", order_id="a\0", channel="web\0", seller="\0", order_version=1, currency="EUR",
        amount_minor=1, lines="[]", reason="", approval="given", asked_by="ada", asked_ms=1,
    )  # fmt: skip
    item = own_item("refund_by_hand", refund, "c", "payment p\0", 1, 1)
    assert (
        "\0" not in "".join((item.order_id, item.channel, item.seller, item.reason))
        and "p\N{SYMBOL FOR NULL}" in item.reason
    )


def test_without_a_partner_a_person_pays_and_a_report_settles_it(one: RefundLab) -> None:
    total = one.paid("a", ("cash", 400, "till"))
    assert total >= 400
    asked = one.ask([Capture("cash", "till", 400)], 150)
    one.work()
    assert one.seen(asked["refund_id"])["status"] == "approved" and one.wire.requests == 0
    [item] = one.desk.items(kind="refund_by_hand")
    report = {"type": "payment_refunded", "payment_id": "cash", "amount": 150}
    one.desk.act(item["work_id"], "resolve", events=(report,))
    one.work()
    assert one.seen(asked["refund_id"])["status"] == "done" and one.money()["refunded"] == 150


def test_a_report_alone_settles_the_item_too(one: RefundLab) -> None:
    one.paid("a", ("cash", 400, "till"))
    asked = one.ask([Capture("cash", "till", 400)], 150)
    one.work()
    report = {"event_id": "x", "order_id": "a", "type": "payment_refunded", "payment_id": "cash", "amount": 150}
    one.world.events(report)
    one.desk.read()
    assert one.seen(asked["refund_id"])["status"] == "done"
    assert [item["state"] for item in one.desk.items(kind="refund_by_hand")] == ["resolved"]


@pytest.mark.parametrize("approve", [True, False])
def test_more_than_a_role_may_waits_for_another(one: RefundLab, approve: bool) -> None:
    limits = {"ops": 100}
    one.desk.refund_terms = one.desk.refund_terms._replace(limit_of=lambda role, currency: limits.get(role))
    one.begin()
    total = one.paid()
    asked = one.ask([Capture("p1", "pay", total)], 101)
    one.work()
    assert one.seen(asked["refund_id"])["status"] == "requested" and one.money()["refunding"] == 101
    [item] = one.desk.items(kind="refund_to_approve")
    with pytest.raises(WorkRefused, match="approve is needed"):
        one.desk.act(item["work_id"], "resolve", role="admin")
    with pytest.raises(WorkRefused, match="may approve 100 EUR at most"):
        one.desk.act(item["work_id"], "resolve", role="ops", approve=True)
    one.desk.act(item["work_id"], "resolve", role="admin", approve=approve)
    one.work()
    assert one.seen(asked["refund_id"])["status"] == ("done" if approve else "failed")
    assert one.wire.refunded == ([101] if approve else [])
    assert one.money()["refunding"] == 0


def test_what_the_books_refuse_nobody_has_to_approve(one: RefundLab) -> None:
    one.desk.refund_terms = one.desk.refund_terms._replace(limit_of=lambda role, _: {"ops": 100}.get(role))
    one.begin()
    total = one.paid()
    one.world.events({"event_id": "other", "order_id": "a", "type": "payment_refunded", "payment_id": "p1"})
    asked = one.ask([Capture("p1", "pay", total)], 101)
    assert [item["state"] for item in one.desk.items(kind="refund_to_approve")] == ["open"]
    one.work()
    assert one.seen(asked["refund_id"])["status"] == "failed"
    [item] = one.desk.items(kind="refund_to_approve")
    assert (item["state"], item["resolution"]) == ("resolved", "the order did not take the refund")


def test_approve_is_said_of_nothing_else(one: RefundLab) -> None:
    one.paid("a", ("cash", 400, "till"))
    one.ask([Capture("cash", "till", 400)], 150)
    one.work()
    [item] = one.desk.items(kind="refund_by_hand")
    with pytest.raises(WorkRefused, match="leave it out"):
        one.desk.act(item["work_id"], "resolve", approve=True)


def test_a_refund_that_nobody_can_tell_of_is_somebodys_work_and_asked_again(one: RefundLab) -> None:
    total, one.wire.answers = one.paid(), [LOST] * 40
    asked = one.ask([Capture("p1", "pay", total)], 100)
    one.work()
    assert one.calls() == ["stuck"] and one.seen(asked["refund_id"])["status"] == "sent"
    [item] = one.desk.items(kind="refund_stuck")
    one.wire.answers = []
    one.desk.act(item["work_id"], "resolve")
    one.work()
    assert one.seen(asked["refund_id"])["status"] == "done" and one.wire.refunded == [100]


def test_a_report_about_one_that_is_stuck_ends_it(one: RefundLab) -> None:
    total, one.wire.answers = one.paid(), [LOST] * 40
    asked = one.ask([Capture("p1", "pay", total)], 100)
    one.work()
    [item] = one.desk.items(kind="refund_stuck")
    report = {"type": "payment_refunded", "payment_id": "p1", "amount": 100}
    one.desk.act(item["work_id"], "resolve", events=(report,))
    one.work()
    assert one.seen(asked["refund_id"])["status"] == "done" and one.money()["refunded"] == 100


def test_a_refused_event_leaves_closed_what_the_report_before_it_has_settled(one: RefundLab) -> None:
    one.paid("a", ("cash", 400, "till"))
    one.ask([Capture("cash", "till", 400)], 400)
    one.work()
    [item] = one.desk.items(kind="refund_by_hand")
    report = {"type": "payment_refunded", "payment_id": "cash", "amount": 400}
    one.desk.act(item["work_id"], "resolve", events=(report, NO_EVENT_OF_IT))
    one.desk.sender.send()
    one.desk.read()
    one.work()
    assert [row["status"] for row in one.desk.outbox()] == ["applied", "applied", "refused"]
    assert [row["state"] for row in one.desk.items(kind="refund_by_hand")] == ["resolved"]


def test_a_stuck_refund_that_a_refused_report_opened_again_is_settled_by_the_right_one(one: RefundLab) -> None:
    total, one.wire.answers = one.paid(), [LOST] * 40
    one.ask([Capture("p1", "pay", total)], 100)
    one.work()
    [item] = one.desk.items(kind="refund_stuck")
    one.desk.act(item["work_id"], "resolve", events=(NO_EVENT_OF_IT,))
    one.work()
    assert [row["state"] for row in one.desk.items(kind="refund_stuck")] == ["open"]
    report = {"event_id": "x", "order_id": "a", "type": "payment_refunded", "payment_id": "p1", "amount": 100}
    one.world.events(report)
    one.desk.read()
    assert [row["state"] for row in one.desk.items(kind="refund_stuck")] == ["resolved"]


def test_what_was_approved_is_not_asked_again_because_an_event_beside_it_was_refused(one: RefundLab) -> None:
    one.desk.refund_terms = one.desk.refund_terms._replace(limit_of=lambda role, _: {"ops": 100}.get(role))
    one.begin()
    total = one.paid()
    one.ask([Capture("p1", "pay", total)], 101)
    one.work()
    [item] = one.desk.items(kind="refund_to_approve")
    one.desk.act(item["work_id"], "resolve", role="admin", approve=True, events=(NO_EVENT_OF_IT,))
    one.work()
    assert "refused" in [row["status"] for row in one.desk.outbox()]
    assert [row["state"] for row in one.desk.items(kind="refund_to_approve")] == ["resolved"]


def test_by_units_each_is_refunded_once_and_together_they_carry_the_line(one: RefundLab) -> None:
    total = one.paid(qty=3)
    given = {"qty": 3, "total": total}
    captures, went = [Capture("p1", "pay", total)], 0
    for number in range(3):
        asked = one.ask(captures, key=f"u{number}", units=[Units("L1", 1)], digest=str(number), **given)
        went += asked["amount"]
        one.work()
        captures = [Capture("p1", "pay", total - went)]
    assert went == total == one.money()["refunded"]
    with pytest.raises(RefundRefused, match="0 of the 3 units of line L1"):
        one.ask([Capture("p1", "pay", 1)], key="more", units=[Units("L1", 1)], **given)
