"""A refusal names what was sent and what was expected, in its answer and wherever the order is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.config import Config, Limits
from router.queries import explain_view
from router.tables.postcode_words import postcode_sentence
from router.wire.ack_json import encode_json
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_bodies
from router.wire.refused_values import with_values
from tests.labs.order_lab import OrderLab, Row, order_row
from tests.router.test_as_sent import wire_of

GOODS = [{"sku": "A", "qty": 1}]
POSTCODE = "ship_to.postcode: "


def answers(lab: OrderLab, wire: WireBatch) -> list[dict[str, Any]]:
    decided = lab.router.submit(wire, lab.now_ms)
    told = with_values(wire, decided.ack, lab.tables, Config())
    text = encode_json(told, decided.ack, decided.shard_of_row, lab.tables.nodes.ids, lab.tables.skus.ids)
    return [json.loads(line) for line in bytes(text).splitlines()]


def answer(lab: OrderLab, lines: list[Row], **changes: Any) -> dict[str, Any]:
    [found] = answers(lab, decode_bodies([json.dumps(order_row("o", lines, **changes)).encode()], Limits()))
    return found


def explained(lab: OrderLab, order_id: str = "o") -> Row:
    shard, found = lab.found(order_id)
    view = explain_view(shard, found, lab.source(shard), lambda _: lab.tables, Config())
    assert view is not None
    return view


def form(postcode: str, country: str, examples: str) -> str:
    return f"{POSTCODE}{postcode!r} has not the form of {country}; write it as {examples}, or correct the country."


def qty(line: int, sent: int, sku: str) -> str:
    return f"lines[{line}].qty: {sent} of SKU {sku!r} was sent, 1 to 100000 can be ordered on a line; correct it."


def price(line: int, sent: int, sku: str) -> str:
    return (
        f"lines[{line}].unit_price: {sent} was sent for SKU {sku!r}, the catalogue has 1250 and 1 % of it may differ "
        "(minor units of EUR); correct the price or the SKU table."
    )


@pytest.fixture
def lab() -> OrderLab:
    return OrderLab(1, A_N1=100, B_N1=100)


def to(country: str, postcode: str) -> Row:
    return {"ship_to": {"name": "Ada", "line1": "Street 1", "city": "C", "postcode": postcode, "country": country}}


@pytest.mark.parametrize(
    ("lines", "changes", "said"),
    [
        (GOODS, to("DE", "1011"), form("1011", "DE", "26133 or 53225")),
        (GOODS, to(" gb", "12345"), form("12345", "GB", "EC1Y 8SY or GIR 0AA")),
        (GOODS, to("NL", "x" * 90), form("x" * 64, "NL", "1234 AB or 2490 AA")),
        ([{"sku": "A", "qty": 0}], {}, qty(0, 0, "A")),
        ([*GOODS, {"sku": "B", "qty": -3}, {"sku": "C", "qty": 0}], {}, qty(1, -3, "B")),
        ([{"sku": "A", "qty": 100_001}], {}, qty(0, 100_001, "A")),
        ([{"sku": "A", "qty": 1, "unit_price": 1_300}], {}, price(0, 1_300, "A")),
        (
            [*GOODS, {"sku": "B", "qty": 1, "unit_price": 1_262}, {"sku": "C", "qty": 1, "unit_price": 0}],
            {},
            price(2, 0, "C"),
        ),
    ],
)
def test_both_values_are_named_in_the_answer_and_in_every_view(
    lab: OrderLab, lines: list[Row], changes: Row, said: str
) -> None:
    refused = answer(lab, lines, **changes)
    assert (refused["status"], refused["detail"]) == ("rejected", said)
    field, detail = said.split(": ", 1)
    [shown] = lab.view("o")["reason_details"]
    assert shown == {"code": refused["reasons"][0], "field": field, "detail": detail}
    assert explained(lab)["admission"]["reasons"] == [shown]


def test_a_country_without_a_known_form_is_looked_up() -> None:
    assert postcode_sentence("QA", "1") == "'1' has not the form of QA; look it up, or correct the country."


def test_reasons_without_values_stand_beside_those_with(lab: OrderLab) -> None:
    lines = [{"sku": "none", "qty": 1, "unit_price": 5}, {"sku": "A", "qty": 0, "unit_price": 9}]
    refused = answer(lab, lines, **to("DE", "1"))
    assert refused["reasons"] == ["postcode_format", "sku_unknown", "qty_range", "price_mismatch"]
    parts = (
        POSTCODE + "'1' has",
        "lines[0].sku: The SKU is not in",
        "lines[1].qty: 0 of",
        "lines[1].unit_price: 9 was",
    )
    at = [refused["detail"].index(part) for part in parts]
    assert at == sorted(at)
    assert [shown["field"] for shown in lab.view("o")["reason_details"]] == [
        "ship_to.postcode", "lines.sku", "lines[1].qty", "lines[1].unit_price",
    ]  # fmt: skip


def test_a_price_is_compared_with_the_one_of_its_day(lab: OrderLab) -> None:
    always = {"sku": "A", "price": 1_250, "currency": "EUR", "weight_g": 300, "tax_class": "standard"}
    winter = always | {"price": 900, "from": "2025-11-01", "until": "2025-12-01"}
    lab.tables = lab.tables_with(skus=[always, winter])
    assert "the catalogue has 900 and" in answer(lab, [{"sku": "A", "qty": 1, "unit_price": 1_250}])["detail"]
    later = {"placed_at": "2025-10-30T12:00:00Z"}
    assert "the catalogue has 900 and" in lab.view("o")["reason_details"][0]["detail"]
    assert "the catalogue has 1250 and" in answer(lab, [{"sku": "A", "qty": 1, "unit_price": 900}], **later)["detail"]


def test_a_total_that_differs_is_told_with_both(lab: OrderLab) -> None:
    taken = answer(lab, GOODS, total=9)
    assert taken["reasons"] == ["total_mismatch"] and "detail" not in taken
    ours = taken["total"]
    said = f"9 was sent, {ours} is computed (minor units of EUR); flagged, not refused."
    shown = {"code": "total_mismatch", "field": "total", "detail": said}
    assert lab.view("o")["reason_details"] == explained(lab)["reasons"] == [shown]


@pytest.mark.parametrize("lines", [GOODS, [{"sku": "A", "qty": 1, "unit_price": 9}]])
def test_a_refused_order_says_nothing_of_its_total(lab: OrderLab, lines: list[Row]) -> None:
    """It costs nothing: that its channel's total is not 0 is no news."""
    refused = answer(lab, lines, total=1_780, **(to("DE", "1") if lines == GOODS else {}))
    assert refused["reasons"] == ["postcode_format" if lines == GOODS else "price_mismatch"]
    assert refused["total"] == 0 and lab.view("o")["declared"] == []


def test_orders_of_arrow_name_their_values_and_others_keep_their_places(lab: OrderLab) -> None:
    wrong = order_row("o", [{"sku": "A", "qty": 2, "unit_price": 2_000}, {"sku": "B", "qty": 0}])
    first, second = answers(lab, wire_of("arrow", wrong))
    assert first["order_id"] == "before" and first["status"] != "rejected" and "detail" not in first
    assert "lines[1].qty: 0 of SKU 'B'" in second["detail"] and "lines[0].unit_price: 2000 was" in second["detail"]
    told = {shown["code"]: shown["detail"] for shown in lab.view("o")["reason_details"]}
    assert told["price_mismatch"].startswith("2000 was sent for SKU 'A', the catalogue has 1250")
    assert told["qty_range"] == "The quantity is not between 1 and the limit; correct it."  # its lines are kept nowhere


def test_of_an_erased_document_no_value_is_told(lab: OrderLab) -> None:
    answer(lab, GOODS, **to("DE", "1011"))
    shard, (reference, *_) = lab.found("o")
    lab.source(shard).erase_document(reference >> 16, reference & 0xFFFF)
    [shown] = lab.view("o")["reason_details"]
    assert shown["field"] == "ship_to.postcode" and "1011" not in shown["detail"]


def test_a_batch_without_such_a_refusal_is_not_touched(lab: OrderLab) -> None:
    wire = decode_bodies([json.dumps(order_row("o", [{"sku": "none", "qty": 1}])).encode()], Limits())
    decided = lab.router.submit(wire, lab.now_ms)
    assert with_values(wire, decided.ack, lab.tables, Config()) is wire
