"""The sandbox's own books: it refuses what real partners refuse, and its labels are what printers and readers take."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from adapters.sandbox.carrier import Carrier
from adapters.sandbox.faults import FAULTS, Fault, Strikes, fault_of_amount, fault_of_postcode
from adapters.sandbox.labels import S10_WEIGHTS, label_pdf, label_zpl, s10_number
from adapters.sandbox.provider import KEY_LIVES_MS, PaymentProvider

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "partners.md"
BERLIN = {"name": "Ada (1)", "line1": "Street 1", "postcode": "10115", "city": "Berlin", "country": "DE"}
PARIS = {"name": "Zoé ^XZ~JA_", "line1": "Rue\nUn", "postcode": "75001", "city": "Paris", "country": "FR"}


def money(amount: int, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR", "metadata": {"order_id": "o"}, **more}


def authorized(provider: PaymentProvider, amount: int, key: str = "a") -> str:
    return str(provider.post(("authorizations",), money(amount), key, 1, False).document["payment"])


def test_no_more_is_captured_than_authorised_and_refunded_than_captured() -> None:
    provider = PaymentProvider("r")
    payment = authorized(provider, 100)

    def post(what: str, amount: int, key: str) -> int:
        return provider.post((payment, what), money(amount), key, 2, False).status

    assert [post("captures", amount, f"c{amount}") for amount in (60, 41, 40)] == [201, 422, 201]
    assert [post("refunds", amount, f"r{amount}") for amount in (70, 31, 30, 1)] == [201, 422, 201, 422]
    assert post("void", 0, "v") == 422, "what was captured is refunded"
    other = authorized(provider, 100, "b")
    assert provider.post((other, "void"), {"metadata": {}}, "v2", 3, False).status == 201
    assert provider.post((other, "captures"), money(1), "c9", 4, False).status == 422
    assert provider.post((other, "captures"), money(1) | {"currency": "USD"}, "c8", 4, False).status == 422
    assert provider.post(("pay_none", "captures"), money(1), "c7", 4, False).status == 404


def test_a_key_answers_as_before_for_a_day_and_stands_for_one_request() -> None:
    provider = PaymentProvider("r")
    first = provider.post(("authorizations",), money(100), "k", 1, False)
    again = provider.post(("authorizations",), money(100), "k", 2, False)
    assert again.document == first.document and first.notices and not again.notices
    assert provider.post(("authorizations",), money(101), "k", 3, False).status == 409
    assert provider.by_key("k").document == first.document and provider.by_key("other").status == 404
    forgotten = provider.post(("authorizations",), money(100), "k", 1 + KEY_LIVES_MS, False)
    assert forgotten.document["payment"] != first.document["payment"], "done again: who waits so long has to ask"


def test_two_runs_never_tell_the_same_fact() -> None:
    first, second = PaymentProvider("r1"), PaymentProvider("r2")
    assert authorized(first, 5) != authorized(second, 5)


def test_rates_grow_with_weight_and_distance() -> None:
    def price(weight_g: int, to: dict[str, Any]) -> int:
        return int(Carrier("r").rates({"from": BERLIN, "to": to, "parcel": {"weight_g": weight_g}}).document["rates"][0]
                   ["price_minor"])  # fmt: skip

    assert price(1_000, BERLIN) < price(5_000, BERLIN) < price(5_000, PARIS)


def test_a_label_asked_for_twice_is_bought_twice_and_voided_once_its_parcel_has_not_moved() -> None:
    carrier = Carrier("r")
    body = {"from": BERLIN, "to": PARIS, "parcel": {"weight_g": 1}, "service": "express", "format": "pdf",
            "reference": "k", "metadata": {"order_id": "o"}}  # fmt: skip
    first, second = carrier.buy(body, 1), carrier.buy(body, 2)
    assert len(carrier.labels_of("k").document["labels"]) == 2
    assert first.document["tracking_number"] != second.document["tracking_number"]
    assert [carrier.void(first.document["id"]).status for _ in range(2)] == [200, 200]
    carrier.scan(second.document["tracking_number"], {"code": "in_transit"}, 3)
    assert carrier.void(second.document["id"]).status == 409 and carrier.void("lab_none").status == 404
    assert carrier.buy({**body, "service": "rocket"}, 4).status == 422


@pytest.mark.parametrize(
    ("serial", "number"), [(47312482, "RR473124829XX"), (0, "RR000000005XX"), (8, "RR000000080XX")]
)
def test_tracking_numbers_have_their_check_digit(serial: int, number: str) -> None:
    """The first is the example of the postal unions' standard."""
    assert s10_number(serial) == number


def test_each_check_digit_is_the_standards() -> None:
    for serial in range(0, 100_000_000, 1_234_567):
        number = s10_number(serial)
        left = sum(int(digit) * weight for digit, weight in zip(number[2:10], S10_WEIGHTS, strict=True)) % 11
        assert number[10] == {1: "0", 0: "5"}.get(left, str(11 - left))


def test_an_address_can_be_no_command_of_a_label_printer() -> None:
    label = label_zpl(BERLIN, PARIS, "RR473124829XX").decode()
    assert label.startswith("^XA") and label.count("^XZ") == 1 and "~" not in label
    assert "Zoé _5EXZ_7EJA_5F" in label and "Rue Un" in label
    commands = {command[:2] for command in label.split("^")[1:]}
    assert commands == {"XA", "CI", "FO", "A0", "FH", "FD", "FS", "BY", "BC", "XZ"}


def test_a_pdf_says_truly_where_its_parts_are() -> None:
    label = label_pdf(BERLIN, PARIS, "RR473124829XX")
    assert label.startswith(b"%PDF-1.4\n") and label.endswith(b"%%EOF\n")
    table = int(label.rpartition(b"startxref\n")[2].split()[0])
    assert label[table:].startswith(b"xref\n0 6\n")
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", label[table:])]
    assert [label[place:].split(b" ", 1)[0] for place in places] == [b"1", b"2", b"3", b"4", b"5"]
    length = int(re.search(rb"/Length (\d+)", label)[1])  # type: ignore[index]
    stream = label.partition(b"stream\n")[2].partition(b"\nendstream")[0]
    assert len(stream) == length and b"Ada \\(1\\)" in stream


def test_faults_are_those_of_the_page_and_strike_once() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("**Failure on demand**")[2]
    assert {int(number) for number in re.findall(r"\b99\d\d\b", page)} == set(FAULTS)
    assert fault_of_amount(1_239_903) is Fault.LOST_AFTER and fault_of_amount(9_900) is None
    assert fault_of_postcode("19903") is Fault.LOST_AFTER and fault_of_postcode("SW1A") is fault_of_postcode("") is None
    strikes = Strikes()
    assert [strikes.strike("pay", "k", Fault.CUT) for _ in range(2)] == [Fault.CUT, None]
    assert strikes.strike("pay", "other", Fault.CUT) is Fault.CUT
    assert [strikes.strike("pay", "k", Fault.DECLINED) for _ in range(2)] == [Fault.DECLINED] * 2
