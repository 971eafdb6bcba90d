"""The page of a document: what people read of it, in their language and their currency's digits."""

from __future__ import annotations

from typing import Any

import pytest

from router.queries import document_page
from router.queries.document_page import LANGUAGES, page_of
from router.queries.invoices import locale_of
from tests.router.test_invoices import Shop, paid

Row = dict[str, Any]


def document(**order: Any) -> Row:
    shop = Shop(invoices="capture")
    paid(shop, "o", **order)
    return shop.document("o", "INV-000001")


def test_both_languages_have_the_same_words() -> None:
    one, other = (document_page._WORDS[language] for language in LANGUAGES)
    assert one.keys() == other.keys() and all(one.values()) and all(other.values())


@pytest.mark.parametrize(
    ("currency", "said"), [("EUR", "1,234.50"), ("JPY", "123,450"), ("KWD", "123.450"), (None, "1,234.50")]
)
def test_amounts_have_the_digits_of_their_currency(currency: str | None, said: str) -> None:
    assert document_page._Money(currency)(123_450) == said
    assert document_page._Money(currency)(-123_450) == f"\u2212{said}"


def test_the_page_says_what_the_document_says() -> None:
    lines = [{"sku": "A", "qty": 2, "name": "tea \x01pot\u202e"}]
    page = page_of(document(lines=lines), "en")
    assert page["lines"] == [["tea  pot  (A)", "2", "12.50", "0.00", "3.99", "25.00"], ["Shipping", *[""] * 4, "4.90"]]
    assert (page["sums"], page["total"]) == ([["Net amount", "25.91"], ["Tax", "3.99"]], ["Total", "29.90 EUR"])
    assert page["taxes"] == [["Tax", "19 %", "21.01", "3.99"], ["no tax", "0 %", "4.90", "0.00"]]
    assert page["settled"] == [["Paid", "29.90"], ["Amount due", "0.00"]]
    assert page["buyer"] == ["Ada", "Street 1", "10115 Berlin", "DE"]


@pytest.mark.parametrize(
    ("customer", "country", "language"),
    [({"locale": "zh-Hant-TW"}, "DE", "zh"), ({"locale": "en"}, "CN", "en"), ({}, "CN", "zh"), ({}, "DE", "en")],
)
def test_the_language_is_the_buyers(customer: Row, country: str, language: str) -> None:
    locale = locale_of({"customer": customer, "ship_to": {"country": country}})
    assert page_of(document() | {"locale": locale})["language"] == language


def test_a_buyer_who_was_erased_is_named_no_more() -> None:
    made = document() | {"buyer": None, "erased": True}
    assert page_of(made, "zh")["buyer"] == ["客户资料已删除。"]
