"""Invoices and credit notes: which events make one, gapless numbers whatever happens, and what each says."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from router.config import ChannelPolicy, Policy, SellerPolicy
from router.ledger.number_series import runs_in
from router.life.documents import DocumentNumber, Series, parse_number
from router.log.records import Record
from router.log.steps import OrderHistory
from router.queries.invoice_balance import credited_fault, document_faults
from router.queries.invoices import document_view, documents_of
from router.queries.number_balance import SeriesCheck
from tests.labs.order_lab import OrderLab

Row = dict[str, Any]


class Shop(OrderLab):
    """Stock enough, and a policy that says when invoices are made."""

    def __init__(self, shards: int = 2, **policy: Any) -> None:
        super().__init__(shards, A_N1=90, B_N1=90, C_N2=90)
        self.use(**policy)

    def use(self, **policy: Any) -> None:
        """Another policy from now on, as a version of the tables."""
        version = self.tables.version + 1
        self.tables = dataclasses.replace(self.tables, version=version, policy=Policy(**policy))
        self._versions[version] = self.tables
        self.router.use_tables(self.tables)

    def numbers(self, order_id: str) -> list[str]:
        return [row["number"] for row in self.view(order_id)["invoices"]]

    def document(self, order_id: str, number: str) -> Row:
        wanted = parse_number(number)
        assert wanted is not None
        shard, found = self.found(order_id)
        source = self.source(shard)
        view = document_view(wanted, OrderHistory(source, found[0]), source, self.views)
        assert view is not None
        return dict(json.loads(json.dumps(view)))


def paid(shop: Shop, order_id: str, **changes: Any) -> None:
    shop.order(order_id, **changes)
    shop.done(order_id, "payment_captured", payment_id=f"p-{order_id}")


def check_sums(document: Row) -> None:
    """Every figure is the sum of its parts."""
    lines = document["lines"]
    assert document["total"] == sum(line["total"] for line in lines) + document["shipping"] + document["refunded"]
    assert document["total"] == document["net"] + document["tax"]
    assert document["tax"] == sum(tax["amount"] for tax in document["taxes"])
    assert document["net"] == sum(tax["net"] for tax in document["taxes"])
    for line in lines:
        assert line["total"] == line["net"] + line["tax"]
    if document["due_date"]:
        assert document["total"] == document["paid"] + document["due"]


@pytest.mark.parametrize("seller", ["", "acme", "a-b", "INV", "CN-1", "-", "--", "x-000001", "a/b é~", "名"])
@pytest.mark.parametrize("prefix", ["", "ACME", "2026"])
def test_a_number_reads_back_in_one_way_and_needs_no_escapes_in_a_url(seller: str, prefix: str) -> None:
    for series in Series:
        number = DocumentNumber(seller, series, 1_234_567, prefix)
        assert parse_number(str(number)) == number
        assert all(character.isascii() and (character.isalnum() or character in "-._~") for character in str(number))


@pytest.mark.parametrize(
    "text",
    ["", "INV", "INV-1", "INV--000001", "INV-0000001", "INV-a~2f-000001", "inv-000001", "A-B-INV-000001", "CN-٣٤٥٦٧٨"],
)
def test_what_no_number_looks_like_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_an_order_is_invoiced_with_the_first_money_that_comes_for_it() -> None:
    shop = Shop(invoices="capture")
    shop.order("o", [{"sku": "A", "qty": 3}, {"sku": "C", "qty": 2}], seller="acme")
    shop.done("o", "payment_authorized", payment_id="p")
    shop.done("o", "cancel", lines=[{"line_id": "1", "qty": 1}])
    assert shop.numbers("o") == []
    shop.done("o", "payment_captured", payment_id="p", amount=1_000)
    shop.done("o", "payment_captured", payment_id="p")
    shop.done("o", "ship")
    assert shop.numbers("o") == ["INV-acme-000001"]
    document = shop.document("o", "INV-acme-000001")
    check_sums(document)
    assert [(line["sku"], line["qty"], line["gross"]) for line in document["lines"]] == [
        ("A", 2, 2_500),
        ("C", 2, 2_500),
    ]
    assert (document["shipping"], document["total"], document["paid"], document["due"]) == (490, 5_490, 1_000, 4_490)
    assert document["taxes"] == [
        {"name": None, "percent": 19.0, "net": 4_202, "amount": 798},
        {"name": None, "percent": 0.0, "net": 490, "amount": 0},
    ]


def test_what_is_refused_or_said_again_takes_no_number() -> None:
    shop = Shop(invoices="capture")
    paid(shop, "one")
    assert shop.event("one", "payment_captured", payment_id="p-one")["status"] == "duplicate"
    shop.order("two")
    assert shop.event("two", "payment_captured", payment_id="x", currency="USD")["status"] == "refused"
    paid(shop, "three")
    assert (shop.numbers("one"), shop.numbers("two"), shop.numbers("three")) == (["INV-000001"], [], ["INV-000002"])


def test_numbers_of_a_batch_go_by_seller_in_its_order() -> None:
    shop = Shop(shards=1, invoices="capture")
    sellers = ["a", "b", "a", "", "b", "a"]
    for number, seller in enumerate(sellers):
        shop.order(f"o{number}", seller=seller)
    shop.events(*({"order_id": f"o{number}", "type": "payment_captured"} for number in range(6)))
    found = [shop.numbers(f"o{number}") for number in range(6)]
    assert found == [
        ["INV-a-000001"],
        ["INV-b-000001"],
        ["INV-a-000002"],
        ["INV-000001"],
        ["INV-b-000002"],
        ["INV-a-000003"],
    ]


def test_one_batch_of_two_captures_makes_one_invoice() -> None:
    shop = Shop(invoices="capture")
    shop.order("o")
    shop.events(*({"order_id": "o", "type": "payment_captured", "payment_id": "p", "amount": 100} for _ in range(2)))
    assert shop.numbers("o") == ["INV-000001"]


def test_sellers_and_channels_have_their_own_way_and_prefix() -> None:
    shop = Shop(
        invoices="none",
        channels={"web": ChannelPolicy(invoices="capture", invoice_prefix="WEB", payment_days=30)},
        sellers={
            "own": SellerPolicy(invoices="none"),
            "acme": SellerPolicy(invoice_prefix="ACME", issuer=("Acme", "Road 1")),
        },
    )
    for order_id, seller, channel in (("a", "", "web"), ("b", "own", "web"), ("c", "acme", "web"), ("d", "", "app")):
        paid(shop, order_id, seller=seller, channel=channel)
    assert [shop.numbers(order_id) for order_id in "abcd"] == [["WEB-INV-000001"], [], ["ACME-INV-acme-000001"], []]
    document = shop.document("c", "ACME-INV-acme-000001")
    assert (document["due_date"], document["issued_at"][:10]) == ("2025-12-21", "2025-11-21")
    assert document["seller"] == {"id": "acme", "lines": ["Acme", "Road 1"]}


def test_parts_that_are_sent_are_invoiced_apart_and_sum_to_the_order() -> None:
    shop = Shop(invoices="ship")
    shop.order("o", [{"sku": "A", "qty": 3}, {"sku": "SET", "qty": 2}])
    shop.done("o", "payment_captured", payment_id="p")
    shop.done("o", "ship", lines=[{"line_id": "1", "qty": 1}])
    shop.done("o", "ship", lines=[{"line_id": "1", "qty": 1}, {"line_id": "2", "qty": 1}])
    shop.done("o", "ship")
    assert shop.event("o", "ship")["status"] == "duplicate"
    shop.done("o", "deliver")
    numbers = shop.numbers("o")
    assert numbers == [f"INV-00000{number}" for number in (1, 2, 3)]
    documents = [shop.document("o", number) for number in numbers]
    for document in documents:
        check_sums(document)
    view = shop.view("o")
    assert sum(document["total"] for document in documents) == view["total"]
    assert sum(document["tax"] for document in documents) == view["tax"]
    assert [document["shipping"] for document in documents] == [490, 0, 0]
    assert [document["due"] for document in documents] == [0, 0, 0]
    assert sum(line["qty"] for document in documents for line in document["lines"]) == 5


def test_an_order_that_came_as_paid_is_invoiced_when_it_leaves() -> None:
    shop = Shop(invoices="capture")
    shop.order("o", [{"sku": "A", "qty": 2}], payment={"method": "card", "status": "paid"})
    shop.done("o", "ship", lines=[{"line_id": "1", "qty": 1}])
    shop.done("o", "ship")
    assert shop.numbers("o") == ["INV-000001"]
    document = shop.document("o", "INV-000001")
    assert (document["lines"][0]["qty"], document["due"]) == (2, 0)


def test_a_refund_that_was_done_makes_a_credit_note_and_one_that_was_asked_for_none() -> None:
    shop = Shop(invoices="capture")
    paid(shop, "o", lines=[{"sku": "A", "qty": 3}])
    total = shop.view("o")["total"]
    shop.done("o", "refund_requested", amount=100)
    assert shop.numbers("o") == ["INV-000001"]
    shop.done("o", "payment_refunded", amount=100)
    shop.done("o", "payment_refunded", amount=total - 100)
    assert shop.numbers("o") == ["INV-000001", "CN-000001", "CN-000002"]
    invoice, *notes = (shop.document("o", number) for number in shop.numbers("o"))
    for note in notes:
        check_sums(note)
    assert [note["total"] for note in notes] == [100, total - 100]
    assert sum(note["tax"] for note in notes) == invoice["tax"]
    assert notes[0]["corrects"] == ["INV-000001"]


def test_a_refund_of_what_was_never_invoiced_makes_nothing() -> None:
    shop = Shop(invoices="ship")
    paid(shop, "o")
    shop.done("o", "cancel")
    shop.done("o", "payment_refunded")
    assert shop.numbers("o") == []


def test_an_event_that_is_taken_back_has_its_document_taken_back() -> None:
    shop = Shop(invoices="capture")
    shop.order("o", [{"sku": "A", "qty": 2}])
    wrong = shop.done("o", "payment_captured", payment_id="p")
    shop.done("o", "reverse", reversed_event_id=wrong)
    shop.done("o", "payment_captured", payment_id="q")
    back = shop.done("o", "payment_refunded", amount=300)
    shop.done("o", "reverse", reversed_event_id=back)
    found = shop.numbers("o")
    assert found == ["INV-000001", "CN-000001", "INV-000002", "CN-000002", "INV-000003"]
    documents = [shop.document("o", number) for number in found]
    for document in documents:
        check_sums(document)
    first, withdrawn, second, note, again = documents
    assert (withdrawn["total"], withdrawn["tax"], withdrawn["corrects"]) == (
        first["total"],
        first["tax"],
        ["INV-000001"],
    )
    assert second["total"] == first["total"]
    assert (note["total"], again["total"], again["corrects"]) == (300, 300, ["CN-000002"])


def test_a_newer_policy_does_not_invoice_the_same_units_twice() -> None:
    shop = Shop(invoices="capture")
    paid(shop, "whole")
    shop.order("part", [{"sku": "A", "qty": 2}])
    shop.use(invoices="ship")
    shop.done("whole", "ship")
    shop.done("part", "ship", lines=[{"line_id": "1", "qty": 1}])
    shop.use(invoices="capture")
    shop.done("part", "payment_captured")
    shop.done("part", "ship")
    assert (shop.numbers("whole"), shop.numbers("part")) == (["INV-000001"], ["INV-000002", "INV-000003"])


def test_a_document_says_the_same_whatever_happens_later() -> None:
    shop = Shop(invoices="capture")
    paid(shop, "o", lines=[{"sku": "A", "qty": 3}])
    before = shop.document("o", "INV-000001")
    shop.tables_with(skus=[{"sku": "A", "price": 9_999, "currency": "EUR", "weight_g": 1, "tax_class": "standard"}])
    shop.use(invoices="capture", payment_days=1, invoice_prefix="NEW")
    shop.done("o", "ship")
    shop.done("o", "deliver")
    shop.done("o", "payment_refunded", amount=100)
    shop.done("o", "close")
    shop.done("o", "payment_refunded", amount=100)
    assert shop.document("o", "INV-000001") == before
    assert shop.numbers("o") == ["INV-000001", "NEW-CN-000001", "NEW-CN-000002"]


def test_an_order_of_before_there_were_invoices_has_none() -> None:
    shop = Shop()
    paid(shop, "o")
    shop.use(invoices="capture")
    shop.done("o", "payment_refunded")
    assert shop.numbers("o") == []


def test_a_gap_and_a_number_that_comes_twice_are_told() -> None:
    shop = Shop(shards=1, invoices="capture")
    for number in range(3):
        paid(shop, f"o{number}")
    records = [record for _, _, record in shop.logs["ledger"].iterate(1) if runs_in(record)]
    assert list(told_of(records)) == []
    assert list(told_of([records[0], records[2]])) == [GAP.format(records[2].sequence, "INV-000003", 1)]
    assert list(told_of([records[0], *records])) == [GAP.format(records[0].sequence, "INV-000001", 1)]


GAP = "record {} gives {} behind number {}: a gap, or a number that comes twice"


def told_of(records: list[Record]) -> Iterator[str]:
    series = SeriesCheck()
    for record in records:
        yield from series.follow(record)


@pytest.mark.parametrize("invoices", ["capture", "ship"])
def test_the_documents_of_lives_drawn_at_random_add_up_to_their_orders(invoices: str) -> None:
    """Whatever happens in whatever order: no line is invoiced twice, and nothing is credited that did not go back."""
    rng = random.Random(invoices)
    shop, made = Shop(invoices=invoices), 0
    for number in range(60):
        order_id = f"o{number}"
        lines = [{"sku": sku, "qty": rng.randint(1, 3)} for sku in rng.sample(("A", "C", "SET"), rng.randint(1, 3))]
        shop.order(order_id, lines, seller=rng.choice(("", "acme")))
        told: list[str] = []
        for _ in range(rng.randint(1, 9)):
            told += _something(shop, order_id, len(lines), told, rng)
        shard, found = shop.found(order_id)
        source = shop.source(shard)
        order, documents = documents_of(OrderHistory(source, found[0]), source, shop.views)
        books, row = shop.books(order_id)
        assert list(document_faults(order, documents)) == []
        assert credited_fault(documents, books.look(row)) is None
        for document in documents:
            check_sums(shop.document(order_id, str(document.number)))
        made += len(documents)
    numbers = [number for n in range(60) for number in shop.numbers(f"o{n}")]
    assert len(numbers) == len(set(numbers)) == made > 30


def _something(shop: Shop, order_id: str, lines: int, told: list[str], rng: random.Random) -> list[str]:
    """An event that may be refused; its id where it is applied and can be taken back."""
    kind = rng.choice(
        ("payment_captured", "ship", "ship", "cancel", "deliver", "payment_refunded", "reverse", "return")
    )
    fields: Row = {}
    if kind in ("ship", "cancel") and rng.random() < 0.7:
        fields = {"lines": [{"line_id": str(rng.randint(1, lines)), "qty": 1}]}
    elif kind.startswith("payment") and rng.random() < 0.7:
        fields = {"amount": rng.randint(1, 4_000)}
    elif kind == "reverse":
        fields = {"reversed_event_id": rng.choice(told or ["none"])}
    answer = shop.event(order_id, kind, **fields)
    return [answer["event_id"]] if answer["status"] == "applied" else []
