"""What a channel's payment word makes of an order, and that the page has the same words."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from router.config import ChannelPolicy, Config, Policy
from router.life.payment_words import PAYMENT_WORDS, Paid, is_cash_on_delivery, words_of
from router.reasons import codes
from router.spelling import word
from tests.router.test_admission import admitted

PLACED = {"placed_at": "2025-11-21T12:00:00Z"}
PROCEED, HOLD, REJECT = 0, 1, 2
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "orders.md"


def judged(status: str | None, policy: Policy | None = None, channel: str = "shop") -> tuple[int, list[str]]:
    payment: dict[str, Any] = {} if status is None else {"payment": {"status": status}}
    config = Config(policy=policy or Policy())
    (row,) = (
        admitted({**PLACED, "channel": channel, **payment}, config=config).select(["admission", "reasons"]).to_pylist()
    )
    return row["admission"], codes(row["reasons"])


@pytest.mark.parametrize("status", ["failed", "Failed ", "VOID", "de\u200bnied", "charge-back", "Charged Back"])
def test_a_failed_payment_is_refused_however_it_is_written(status: str) -> None:
    assert judged(status) == (REJECT, ["payment_status"])


@pytest.mark.parametrize("status", ["refunded", "Partially_Refunded", "partial refund", "REFUND PENDING"])
def test_what_was_given_back_is_held(status: str) -> None:
    assert judged(status) == (HOLD, ["payment_refunded"])


@pytest.mark.parametrize("status", ["paid", "Paid in Full", "captured", "on-hold", "pending", "partly paid", "", None])
def test_what_is_paid_or_may_be_goes_on(status: str | None) -> None:
    assert judged(status) == (PROCEED, [])


@pytest.mark.parametrize("status", ["payd", "42", "abgeholt?", "zzz" * 20])
def test_an_unknown_word_is_flagged_and_read_as_unpaid(status: str) -> None:
    assert judged(status) == (PROCEED, ["payment_unknown"])
    assert judged(status, Policy(unpaid="hold")) == (HOLD, ["payment_unknown", "payment_open"])


def test_unpaid_orders_are_held_for_all_channels_or_for_one() -> None:
    one = Policy(channels={"market": ChannelPolicy(unpaid="hold")})
    every = Policy(unpaid="hold", channels={"market": ChannelPolicy(unpaid="allocate")})
    for status in ("pending", "partially paid", None):
        assert [judged(status, one, channel)[0] for channel in ("market", "shop")] == [HOLD, PROCEED]
        assert [judged(status, every, channel)[0] for channel in ("market", "shop")] == [PROCEED, HOLD]
    assert judged("paid", Policy(unpaid="hold")) == (PROCEED, [])


@pytest.mark.parametrize("method", ["cod", "COD", "Cash on Delivery", "nachnahme", "货到付款"])
def test_what_is_paid_on_delivery_is_confirmed_without_payment_unless_told(method: str) -> None:
    payment = {"payment": {"method": method}}
    for policy, admission in (
        (Policy(unpaid="hold", cod="confirm"), PROCEED),
        (Policy(unpaid="hold", cod="as_unpaid"), HOLD),
        (Policy(unpaid="hold", cod="confirm", channels={"web": ChannelPolicy(cod="as_unpaid")}), HOLD),
    ):
        [row] = admitted({**PLACED, "channel": "web", **payment}, config=Config(policy=policy)).to_pylist()
        assert row["admission"] == admission
    card = {"payment": {"method": "card"}}
    [row] = admitted(
        {**PLACED, "channel": "web", **card}, config=Config(policy=Policy(unpaid="hold", cod="confirm"))
    ).to_pylist()
    assert row["admission"] == HOLD


@pytest.mark.parametrize(
    ("payment", "is_it"),
    [({"method": "COD"}, True), ({"status": "cash on delivery"}, True), ({"method": "card"}, False), ({}, False),
     (None, False), ({"method": ""}, False)],
)  # fmt: skip
def test_words_of_cash_on_delivery(payment: Any, is_it: bool) -> None:
    assert is_cash_on_delivery(payment) is is_it


@pytest.mark.parametrize(("choice", "admission"), [("reject", REJECT), ("hold", HOLD), ("flag", PROCEED)])
def test_a_postcode_of_another_form_is_treated_as_the_channel_wishes(choice: Any, admission: int) -> None:
    bad = {**PLACED, "ship_to": {"name": "N", "line1": "L", "city": "C", "postcode": "1011", "country": "DE"}}
    policy = Policy(channels={"market": ChannelPolicy(postcode=choice)})
    rows = admitted({"channel": "market", **bad}, {"channel": "shop", **bad}, config=Config(policy=policy)).to_pylist()
    assert [row["admission"] for row in rows] == [admission, REJECT]
    assert {tuple(codes(row["reasons"])) for row in rows} == {("postcode_format",)}


def test_every_word_stands_on_the_page_and_means_one_thing() -> None:
    assert all(word(text) in PAYMENT_WORDS for meaning in Paid for text in words_of(meaning))
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for meaning in Paid:
        said = ", ".join(f"`{text}`" for text in words_of(meaning))
        assert any(said in row for row in rows), f"docs/orders.md: {meaning.name}: {said}"
    assert len(PAYMENT_WORDS) == sum(len({word(text) for text in words_of(meaning)}) for meaning in Paid)
