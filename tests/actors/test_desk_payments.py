"""Money that is asked for: one link at a time, one debt collected once, whatever dies between any two steps."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from router.config import Policy
from router.work.item import WorkRefused
from router.work.pay import PayRefused, is_reference
from tests.labs.calling_lab import LOST, Died
from tests.labs.desk_databases import KINDS, emptied, server
from tests.labs.pay_lab import PayLab

STEPS = 56  # more than a request and the one that takes its place have


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[PayLab]:
    url = "" if request.param == "sqlite" else emptied(request.getfixturevalue("postgresql"))
    made = PayLab(tmp_path / "desk", url)
    yield made
    made.desk.database.close()


@pytest.fixture
def one(tmp_path: pathlib.Path) -> Iterator[PayLab]:
    made = PayLab(tmp_path / "desk")
    yield made
    made.desk.database.close()


def test_money_is_asked_for_and_paid(lab: PayLab) -> None:
    total = lab.ordered()
    asked = lab.ask_for()
    assert (asked["status"], asked["amount"], asked["pay_url"]) == ("sent", total, None)
    lab.work()
    found = lab.open()
    assert found["pay_url"].startswith("https://pay.sandbox.invalid/") and lab.payable == [total]
    assert lab.buys(found["payment_id"]) == 201
    lab.work()
    paid = lab.request(asked["payment_request_id"])
    assert (paid["status"], paid["paid"], paid["pay_url"]) == ("paid", total, None)
    assert lab.money()["due"] == 0 and lab.shown()["offers"] == []


@pytest.mark.parametrize("fault", ["none", "lost"])
@pytest.mark.parametrize("dies_after", range(STEPS))
def test_a_death_at_any_step_leaves_one_link_and_one_debt(one: PayLab, dies_after: int, fault: str) -> None:
    """A request and another one in its place: before and after each transaction and each call to the partner."""
    total = one.ordered()
    one.wire.answers = [LOST] if fault == "lost" else []
    with contextlib.suppress(Died), one.dying(dies_after):
        one.ask_for(key="first")
        one.work()
        one.ask_for(total - 1, key="second")
        one.work()
    one.begin()
    one.ask_for(key="first")  # who heard no answer asks again under the same key
    one.work()
    one.ask_for(total - 1, key="second")
    one.work()
    assert one.payable == [total - 1] and len(one.wire.provider.links) == 2
    assert [each["status"] for each in one.requests()] == ["cancelled", "open"]
    assert one.buys(one.open()["payment_id"]) == 201
    one.work()
    assert one.money()["captured"] == total - 1


def test_two_requests_have_no_more_steps_than_are_tried(one: PayLab) -> None:
    total, one.wire.answers = one.ordered(), [LOST]
    with one.dying(STEPS):
        one.ask_for(key="first")
        one.work()
        one.ask_for(total - 1, key="second")
        one.work()


def test_the_same_key_is_the_same_request_and_another_under_it_is_refused(one: PayLab) -> None:
    one.ordered()
    first = one.ask_for()
    assert one.ask_for()["payment_request_id"] == first["payment_request_id"]
    with pytest.raises(WorkRefused, match="used for another request"):
        one.ask_for(1)
    assert len(one.requests()) == 1


def test_a_request_waits_until_the_link_before_it_is_cancelled(one: PayLab) -> None:
    """Who asks again before the partner has answered the first: that one is cancelled as soon as it is there."""
    total = one.ordered()
    one.ask_for(key="first")
    second = one.ask_for(key="second")
    assert second["status"] == "requested"
    one.work()
    assert one.request(second["payment_request_id"])["status"] == "open" and one.payable == [total]


def test_what_is_paid_while_it_is_replaced_is_not_asked_for_again(one: PayLab) -> None:
    one.ordered()
    one.ask_for(key="first")
    one.work()
    link = one.open()["payment_id"]
    one.ask_for(key="second")
    assert one.buys(link) == 201, "just before the provider hears that nobody is to pay by it"
    one.work()
    assert [each["status"] for each in one.requests()] == ["paid", "cancelled"]
    assert one.payable == [] and one.money()["due"] == 0


def test_a_partner_that_makes_no_link_says_why_and_another_can_be_asked_for(one: PayLab) -> None:
    one.ordered()
    one.wire.declines = True
    asked = one.ask_for(key="first")
    one.work()
    failed = one.request(asked["payment_request_id"])
    assert failed["status"] == "failed" and "pay makes no link (declined)" in failed["detail"]
    one.wire.declines = False
    one.ask_for(key="second")
    one.work()
    assert one.open()["status"] == "open"


def test_more_than_is_due_is_refused_with_what_is(one: PayLab) -> None:
    total = one.ordered()
    with pytest.raises(PayRefused, match=f"Ask for {total} at most") as refused:
        one.ask_for(total + 1)
    assert refused.value.possible_minor == total
    one.tells("payment_captured", payment_id="p")
    with pytest.raises(PayRefused, match="Nothing is due"):
        one.ask_for()
    assert one.requests() == []


def test_money_that_comes_another_way_ends_what_was_asked_for(one: PayLab) -> None:
    total = one.ordered()
    one.ask_for()
    one.work()
    one.tells("payment_captured", payment_id="other", amount=total - 5)
    one.work()
    assert one.payable == [5] and one.open()["amount"] == 5, "less is due: less is asked for"
    one.tells("payment_captured", payment_id="cash", amount=5)
    one.work()
    assert one.payable == [] and {each["status"] for each in one.requests()} == {"cancelled"}


def test_an_order_that_is_cancelled_cannot_be_paid_any_more(one: PayLab) -> None:
    one.ordered()
    one.ask_for()
    one.work()
    one.tells("cancel")
    one.work()
    assert one.payable == [] and one.requests()[0]["detail"] == "nothing is due of the order any more"


def test_units_that_are_cancelled_are_not_asked_for(one: PayLab) -> None:
    one.ordered(qty=3)
    one.ask_for()
    one.work()
    one.tells("cancel", lines=[{"line_id": "L1", "qty": 1}])
    one.work()
    assert one.payable == [one.money()["due"]]


def test_a_transfer_is_known_by_its_reference_however_it_is_written(one: PayLab) -> None:
    total = one.ordered()
    asked = one.ask_for(method="bank_transfer")
    reference = asked["reference"]
    assert is_reference(reference) and (asked["status"], asked["transfer_to"]) == ("open", "Shop, DE00")
    grouped = " ".join(reference[at : at + 4] for at in range(0, len(reference), 4)).lower()
    one.tells("payment_captured", payment_id=grouped, amount=total - 1)
    one.work()
    assert (one.requests()[0]["status"], one.requests()[0]["paid"]) == ("open", total - 1)
    one.tells("payment_captured", payment_id=reference, amount=1)
    one.work()
    assert one.requests()[0]["status"] == "paid" and one.money()["due"] == 0


def test_a_link_ends_by_its_time_and_money_that_comes_later_is_its_own(one: PayLab) -> None:
    one.ordered()
    one.ask_for()
    one.work()
    link = one.open()["payment_id"]
    one.later(86_400_000 + 3_000)
    assert one.requests()[0]["status"] == "expired"
    assert one.buys(link) == 410
    one.tells("payment_captured", payment_id=link)
    one.work()
    assert one.requests()[0]["status"] == "paid"


def test_no_link_outlives_its_order(tmp_path: pathlib.Path) -> None:
    lab = PayLab(tmp_path / "desk", policy=Policy(unpaid="hold", unpaid_expires_ms=60_000))
    lab.desk.terms = lab.desk.terms.__class__(
        lambda patience, channel: 60_000 if patience == "expires" else 0, lambda patience: patience == "expires",
        lab.desk.terms.answer_ms, lab.desk.terms.is_cod, lab.desk.terms.due_minor,
    )  # fmt: skip
    lab.begin()
    lab.ordered()
    lab.desk.read()
    begun = lab.world.now_ms
    lab.ask_for()
    lab.work()
    [link] = lab.wire.provider.links.values()
    assert link.expires <= begun + 60_000
    lab.later(63_000)
    lab.work()
    assert lab.state() == "cancelled" and lab.requests()[0]["status"] in ("expired", "cancelled")
    lab.desk.database.close()
