"""Orders that mean the same are the same, and what is blank was not given, in JSON and in Arrow."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from router.config import Limits
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_bodies
from tests.labs.order_lab import OrderLab, order_row

HOME = {"name": "Zoë Test", "line1": "Street 1", "city": "Köln", "postcode": "50667", "country": "DE", "region": "NW"}


def decoded(*orders: dict[str, Any]) -> WireBatch:
    return decode_bodies([json.dumps(order).encode() for order in orders], Limits())


def order(**changes: Any) -> dict[str, Any]:
    return order_row("A-1", [{"sku": "A", "qty": 2}, {"sku": "B", "qty": 1}]) | {"ship_to": HOME} | changes


SAME: list[dict[str, Any]] = [
    {"priority": 0},
    {"lines": [{"sku": "A", "qty": 2, "line_id": "1"}, {"sku": "B", "qty": 1}]},
    {"lines": [{"sku": "A", "qty": 2, "line_id": "1"}, {"sku": "B", "qty": 1, "line_id": "2"}]},
    {"ship_to": HOME | {"country": "de"}},
    {"ship_to": HOME | {"country": "\u200bＤＥ "}},
    {"currency": "eur"},
    {"ship_to": HOME | {"name": "Zoe\u0308 Test"}},
    {"ship_to": HOME | {"name": " Zoë Test\xa0"}},
    {"ship_to": HOME | {"line2": "\u2800"}},
    {"bill_to": {"name": "  ", "country": ""}},
    {"payment": {"status": "\u3000"}},
]
OTHER: list[dict[str, Any]] = [
    {"priority": 1},
    {"lines": [{"sku": "A", "qty": 2, "line_id": "2"}, {"sku": "B", "qty": 1, "line_id": "1"}]},
    {"lines": [{"sku": "A", "qty": 2, "line_id": "01"}, {"sku": "B", "qty": 1}]},
    {"ship_to": HOME | {"country": "AT"}},
    {"currency": "USD"},
    {"ship_to": HOME | {"name": "Zoe Test"}},
    {"seller": " "},
    {"customer": {"id": " A-1", "name": "Ada"}},
]


def test_the_same_order_said_differently_has_one_fingerprint_and_another_order_another() -> None:
    plain, *said = decoded(order(), *(order(**change) for change in SAME)).orders.column("fingerprint").to_pylist()
    assert said == [plain] * len(SAME)
    others = decoded(*(order(**change) for change in OTHER)).orders.column("fingerprint").to_pylist()
    assert len({plain, *others}) == 1 + len(OTHER)


def test_an_order_in_its_plainest_form_is_known_by_the_number_it_always_had() -> None:
    orders = decoded(order(), order(priority=3)).orders
    assert orders.column("fingerprint").equals(orders.column("fingerprint_sent"))
    changed = decoded(*(order(**change) for change in SAME)).orders
    meant, sent = (changed.column(name).to_pylist() for name in ("fingerprint", "fingerprint_sent"))
    assert len(set(sent)) == len(sent) and not set(sent) & set(meant)


def test_texts_are_settled_once_and_documents_keep_what_was_sent() -> None:
    batch = decoded(order(currency=" eur", ship_to=HOME | {"country": "de\xa0"}, bill_to={"country": "ａｔ"}))
    (row,) = batch.orders.to_pylist()
    assert (row["currency"], row["country"], row["bill_country"]) == ("EUR", "DE", "AT")
    assert json.loads(batch.documents.column("json")[0].as_py())["currency"] == " eur"


@pytest.mark.parametrize("blank", [" ", "\xa0", "\u3000", "\u200b", "\u2800", "\t\n", "\ufeff"])
@pytest.mark.parametrize("field", ["name", "line1", "city", "country"])
def test_blanks_where_something_is_required_are_a_missing_field(field: str, blank: str) -> None:
    (missing,) = decoded(order(ship_to=HOME | {field: blank})).orders.column("missing").to_pylist()
    (absent,) = decoded(order(ship_to=HOME | {field: ""})).orders.column("missing").to_pylist()
    assert missing == absent != 0


def test_ids_of_blanks_are_none() -> None:
    batch = decoded(order() | {"order_id": "\u2800 "}, order(channel=" "), order(customer={"id": "\t", "name": "Ada"}))
    assert [refusal.detail.partition(":")[0] for refusal in batch.refused] == ["line 1"]
    assert batch.orders.column("customer_id").to_pylist() == ["A-1", ""]
    assert [bool(missing) for missing in batch.orders.column("missing").to_pylist()] == [True, False]


def test_an_order_of_an_older_folder_that_is_sent_again_is_a_repeat() -> None:
    """Its record has the number of the body as it was written."""
    lab = OrderLab(A_N1=10, B_N1=10)
    written = order(priority=0, currency="EUR", ship_to=HOME | {"name": "Zoë Test "})
    wire = decode_bodies([json.dumps(written).encode()], Limits())
    old = wire.orders.set_column(
        wire.orders.schema.get_field_index("fingerprint"),
        wire.orders.schema.field("fingerprint"),
        wire.orders.column("fingerprint_sent"),
    )
    lab.router.submit(dataclasses.replace(wire, orders=old), lab.now_ms)
    again = lab.router.submit(wire, lab.now_ms).ack
    assert again.column("duplicate").to_pylist() == [1]
    other = lab.router.submit(decoded(order(priority=1)), lab.now_ms).ack
    assert other.column("duplicate").to_pylist() == [0] and other.column("status").to_pylist() == [4]
