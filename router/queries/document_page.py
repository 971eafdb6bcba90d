"""An invoice or a credit note as the texts of its page: amounts, dates and labels as people read them, in one language.

What is drawn is these texts and nothing else, so whoever sets the page (``actors/gateway/core/typesetting.py``) knows
no money and no language.
"""

from __future__ import annotations

import re
from typing import Any

from router.money import EXPONENTS
from router.queries.source import Row

LANGUAGES = ("en", "zh")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_CELL_CHARACTERS_MAX = 200

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "invoice": "Invoice", "credit_note": "Credit note", "number": "Number", "date": "Date", "order": "Order",
        "due_date": "Due on", "corrects": "Corrects", "to": "Bill to", "item": "Item", "qty": "Quantity",
        "price": "Unit price", "discount": "Discount", "tax": "Tax", "amount": "Amount", "shipping": "Shipping",
        "refund": "Refund", "net": "Net amount", "taxes": "Taxes", "rate": "Rate", "base": "Net", "total": "Total",
        "paid": "Paid", "due": "Amount due", "payments": "Payments", "erased": "The buyer's details were erased.",
        "declared": "as charged", "untaxed": "no tax", "page": "Page", "seller": "Seller",
    },
    "zh": {
        "invoice": "账单", "credit_note": "贷项通知单", "number": "编号", "date": "日期", "order": "订单号",
        "due_date": "付款期限", "corrects": "更正单据", "to": "客户", "item": "商品", "qty": "数量", "price": "单价",
        "discount": "折扣", "tax": "税额", "amount": "金额", "shipping": "运费", "refund": "退款", "net": "不含税金额",
        "taxes": "税项", "rate": "税率", "base": "计税金额", "total": "合计", "paid": "已付", "due": "应付余额",
        "payments": "付款", "erased": "客户资料已删除。", "declared": "按渠道申报", "untaxed": "不征税", "page": "第",
        "seller": "卖家",
    },
}  # fmt: skip


def page_of(document: Row, language: str | None = None) -> Row:
    """The page of a view of ``document_view``; ``language``: of LANGUAGES, None for the buyer's."""
    chosen = language or document["locale"]
    words, money = _WORDS[chosen], _Money(document["currency"])
    return {
        "language": chosen,
        "words": words,
        "title": words[document["type"]],
        "seller": _lines(document["seller"]["lines"] or [document["seller"]["id"] or ""]),
        "buyer": _buyer(document, words),
        "facts": [[words[name], text] for name, text in _facts(document) if text],
        "lines": [_line(line, money) for line in document["lines"]] + _others(document, words, money),
        "sums": [[words[name], money(document[name])] for name in ("net", "tax")],
        "total": [words["total"], f"{money(document['total'])} {document['currency']}"],
        "taxes": [_tax(tax, words, money) for tax in document["taxes"]],
        "settled": [[words[name], money(document[name])] for name in ("paid", "due")] if document["due_date"] else [],
        "payments": [_payment(payment, money) for payment in document["payments"] if payment["captured"]],
    }


class _Money:
    """Minor units of a currency as a decimal number, as ``1,234.50``."""

    def __init__(self, currency: str | None) -> None:
        self._exponent = EXPONENTS.get(currency or "", 2)

    def __call__(self, minor: int) -> str:
        whole, rest = divmod(abs(minor), 10**self._exponent)
        fraction = f".{rest:0{self._exponent}d}" if self._exponent else ""
        return f"{'−' if minor < 0 else ''}{whole:,}{fraction}"


def _facts(document: Row) -> list[tuple[str, str]]:
    return [
        ("number", document["number"]),
        ("date", (document["issued_at"] or "")[:10]),
        ("order", _text(document["order_id"])),
        ("due_date", document["due_date"] or ""),
        ("corrects", ", ".join(document["corrects"])),
    ]


def _buyer(document: Row, words: dict[str, str]) -> list[str]:
    buyer = document["buyer"]
    if buyer is None:
        return [words["erased"]]
    address = buyer["address"] if isinstance(buyer["address"], dict) else {}
    place = " ".join(str(address[name]) for name in ("postcode", "city") if address.get(name))
    parts = [address.get("name") or buyer["name"], address.get("company"), address.get("line1"), address.get("line2"),
             place, address.get("region"), address.get("country")]  # fmt: skip
    return _lines([str(part) for part in parts if part])


def _line(line: Row, money: _Money) -> list[str]:
    named = f"{line['name']} ({line['sku']})" if line["name"] else line["sku"]
    amounts = [money(line[name]) for name in ("unit_price", "discount", "tax", "total")]
    return [_text(named), f"{line['qty']:,}", *amounts]


def _others(document: Row, words: dict[str, str], money: _Money) -> list[list[str]]:
    """What is no line of the order: shipping, and money that went back."""
    named = (("shipping", document["shipping"]), ("refund", document["refunded"]))
    return [[words[name], "", "", "", "", money(minor)] for name, minor in named if minor]


def _tax(tax: Row, words: dict[str, str], money: _Money) -> list[str]:
    rate = words["declared"] if tax["percent"] is None else f"{tax['percent']:g} %"
    is_free = not (tax["percent"] or tax["amount"] or tax["name"])
    name = words["untaxed"] if is_free else tax["name"] or words["tax"]
    return [_text(name), rate, money(tax["net"]), money(tax["amount"])]


def _payment(payment: Row, money: _Money) -> list[str]:
    named = " ".join(part for part in (payment["method"], payment["payment_id"]) if part)
    return [_text(named), money(payment["captured"])]


def _lines(texts: list[Any]) -> list[str]:
    return [text for text in map(_text, texts) if text]


def _text(said: object) -> str:
    """What somebody wrote as it may stand in a cell: no control characters, and no more than a cell holds."""
    text = _UNPRINTABLE.sub(" ", str(said)).strip()
    return text if len(text) <= _CELL_CHARACTERS_MAX else f"{text[: _CELL_CHARACTERS_MAX - 1]}…"
