"""What a payment word that changed makes of an order's books: an event of exactly what is due, nothing, or words."""

from __future__ import annotations

from typing import Any

import pytest

from router.life import payment_news as module
from router.life.payment_news import News, payment_news
from router.life.payment_words import PAYMENT_WORDS, Paid

MONEY = {"due": 900, "captured": 100, "authorized": 0, "refunded": 0}


def books(state: str = "unpaid", payments: tuple[dict[str, Any], ...] = (), **money: int) -> dict[str, Any]:
    return {"order_id": "A", "payment_state": state, "money": MONEY | money, "payments": list(payments)}


def news(status: str | None, kept: str = "pending", told: dict[str, Any] | None = None, **more: str) -> News:
    return payment_news({"status": status, **more}, {"status": kept, **more}, told or books())


def test_what_is_due_is_what_is_captured_by_the_order_s_method_and_reference() -> None:
    event = news("Paid", told=books("partially_paid"), method="card", reference="R").event
    assert event is not None
    named = {name: value for name, value in event.items() if name != "event_id"}
    assert named == {
        "order_id": "A", "type": "payment_captured", "amount": 900, "method": "card", "payment_id": "R",
    }  # fmt: skip
    assert len(event["event_id"]) <= 128


def test_the_event_id_is_the_same_for_the_same_news_alone() -> None:
    found = [
        news("paid"), news("PAID "), news("paid", told=books(due=901)), news("authorized"), news("paid", reference="R"),
    ]  # fmt: skip
    ids = [each.event["event_id"] for each in found if each.event]
    assert ids[0] == ids[1] and len(set(ids)) == 4


def test_the_payment_that_is_reserved_is_captured_as_it_is_called() -> None:
    for name, reference in ((None, "R"), ("P-7", "R"), ("P-7", "")):
        reserved = {"payment_id": name, "authorized": 900}
        event = news("paid", "authorized", books("authorized", (reserved,)), reference=reference).event
        assert event is not None and event.get("payment_id") == name
    two = ({"payment_id": "a", "authorized": 1}, {"payment_id": "b", "authorized": 1})
    event = news("paid", "authorized", books("authorized", two), reference="b").event
    assert event is not None and event["payment_id"] == "b"


@pytest.mark.parametrize("due", [0, -5])
@pytest.mark.parametrize("status", ["paid", "authorized"])
def test_where_nothing_is_due_nothing_is_reported(status: str, due: int) -> None:
    found = news(status, told=books(due=due))
    assert found.event is None and not found.is_known and "nothing is due" in found.why_not


@pytest.mark.parametrize("state", ["paid", "partially_refunded", "refunded"])
def test_what_the_books_have_since_is_known(state: str) -> None:
    assert news("paid", told=books(state)) == News(is_known=True)


def test_what_goes_back_is_all_that_came_and_did_not_go_back_yet() -> None:
    event = news("refunded", "paid", books("partially_refunded", captured=1_000, refunded=300), reference="R").event
    assert event is not None and (event["type"], event["amount"], "payment_id" in event) == (
        "payment_refunded", 700, False,
    )  # fmt: skip
    assert "no money came" in news("refunded", told=books(captured=0)).why_not


def test_a_payment_failed_only_where_no_money_came() -> None:
    for word, kind in (("failed", "payment_failed"), ("Void", "payment_voided")):
        event = news(word, told=books(captured=0)).event
        assert event is not None and event["type"] == kind and "amount" not in event
        assert "money came" in news(word, told=books("partially_paid")).why_not


def test_what_was_voided_before_is_known() -> None:
    gone = {"payment_id": None, "authorized": 0, "captured": 0}
    assert news("void", "authorized", books(payments=(gone,), captured=0)).is_known
    assert not news("void", "authorized", books(payments=(gone, gone | {"authorized": 5}), captured=0)).is_known


@pytest.mark.parametrize("status", ["chargeback", "cancelled", "partial refund", "partly paid", "refund pending"])
def test_words_that_say_too_little_are_told(status: str) -> None:
    assert "too little" in news(status, "paid", books("paid")).why_not


def test_another_method_under_the_same_word_is_no_event() -> None:
    found = payment_news({"status": "paid", "method": "a"}, {"status": "paid", "method": "b"}, books("paid"))
    assert found.event is None and not found.is_known and "how it is paid" in found.why_not
    assert payment_news({}, {"status": "pending"}, books()) == News(is_known=True)
    assert "no payment word" in news("payd").why_not


def test_each_word_of_an_event_is_a_payment_word_of_its_meaning() -> None:
    assert {PAYMENT_WORDS[each] for each in module._FAILED | module._VOIDED} == {Paid.FAILED}
    assert {PAYMENT_WORDS[each] for each in module._REFUNDED} == {Paid.REFUNDED}
