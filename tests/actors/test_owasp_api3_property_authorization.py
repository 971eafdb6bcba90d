"""API3 Broken object property level authorization: who sends an order does not decide what the router decides."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pyarrow as pa
import pytest

from tests.labs.owasp_lab import JSON, NDJSON, Lab, lab, order, sell
from tests.labs.wire_cases import plain_order, rows_to_arrow, stream

__all__ = ["lab"]
ARROW = "application/vnd.apache.arrow.stream"

# What belongs to the router; a client that sends it has said nothing.
OURS: dict[str, Any] = {
    "status": "allocated", "state": "delivered", "payment_state": "refunded", "version": 99, "cursor": "0:1:1",
    "discount": 500, "tax": 0, "shipping_minor": 0, "total_minor": 0, "promise_date": "2026-03-02", "parcels": 0,
    "reasons": [], "duplicate": True, "promotions": ["FREE"], "erased": True, "tables_version": 0, "risk": 0,
    "parcel_plan": [], "received_at": "1999-01-01T00:00:00Z", "http_status": 500, "admission": 0,
}  # fmt: skip


def test_properties_of_the_router_in_an_order_change_nothing(lab: Lab) -> None:
    fair = sell(lab, "fair")
    unfair = sell(lab, "unfair", **OURS)
    own = ("order_id", "cursor")
    assert {name: unfair[name] for name in unfair if name not in own} == {
        name: fair[name] for name in fair if name not in own
    }


def test_what_was_smuggled_in_is_shown_apart_and_covers_nothing(lab: Lab) -> None:
    sell(lab, "honest")
    sell(lab, "smuggler", **OURS)
    honest, view = (json.loads(lab.ask("GET", f"/v1/orders/{name}")[2]) for name in ("honest", "smuggler"))
    for name in ("status", "state", "payment_state", "version", "discount", "promotions", "erased", "parcels"):
        assert view[name] == honest[name], name
    assert view["other_fields"]["state"] == "delivered"


def test_a_line_cannot_bring_its_own_allocation_or_a_price_of_its_own(lab: Lab) -> None:
    line = {"sku": "A", "qty": 1, "allocations": [{"node": "N2", "qty": 9}], "backordered": 0, "node": "N2"}
    answer = sell(lab, "own-line", lines=[line])
    assert [part["qty"] for part in answer["lines"][0]["allocations"]] == [1]
    cheap = sell(lab, "own-price", lines=[{"sku": "A", "qty": 1, "unit_price": 1}])
    assert cheap["code"] == "order_rejected" and cheap["reasons"] == ["price_mismatch"]


def test_columns_of_the_router_in_an_arrow_order_change_nothing(lab: Lab) -> None:
    given = plain_order() | {
        "order_id": "arrow-unfair", "channel": "web", "lines": [{"sku": "A", "qty": 1}], "coupons": [],
        "ship_to": {"name": "Ada", "line1": "1", "city": "Berlin", "postcode": "10115", "country": "DE"},
    }  # fmt: skip
    batch = rows_to_arrow([given])
    for name, value in {"status": "rejected", "hash_lo": 7, "fingerprint": 0, "json": "{}", "missing": 2**31}.items():
        batch = batch.append_column(name, pa.array([value]))
    status, _, body = lab.ask("POST", "/v1/orders/stream", stream(batch), role="channel", Content_Type=ARROW)
    (answer,) = pa.ipc.open_stream(body).read_all().to_pylist()
    assert (status, answer["status"], answer["duplicate"]) == (200, "allocated", False)
    view = json.loads(lab.ask("GET", "/v1/orders/arrow-unfair")[2])
    assert view["status"] == "allocated" and view["other_fields"]["status"] == "rejected"


def test_an_event_says_what_happened_and_nothing_else(lab: Lab) -> None:
    sell(lab, "eventful")
    event = {"event_id": "e-m", "order_id": "eventful", "type": "pick"}
    for name, value in {"state": "closed", "version": 50, "after": 13, "status": "applied", "units": {}}.items():
        body = json.dumps(event | {name: value}).encode()
        (line,) = lab.ask("POST", "/v1/events", body, role="channel", **NDJSON)[2].splitlines()
        result = json.loads(line)
        assert (result["status"], result["reason"]) == ("refused", "malformed_event") and name in result["detail"]
    (line,) = lab.ask("POST", "/v1/events", json.dumps(event).encode(), role="channel", **NDJSON)[2].splitlines()
    result = json.loads(line)
    assert (result["status"], result["state"], result["version"]) == ("applied", "picking", 2)


@pytest.mark.parametrize("extra", [{"on_hand": 9}, {"available": 9}, {"hash_lo": 1}, {"result": 0}])
def test_a_stock_movement_with_more_than_its_own_fields_is_refused(lab: Lab, extra: dict[str, int]) -> None:
    row = {"movement_id": f"m-{extra}", "kind": "receipt", "sku": "A", "node": "N1", "qty": 1, **extra}
    (line,) = lab.ask("POST", "/v1/stock", json.dumps(row).encode(), role="service", **NDJSON)[2].splitlines()
    assert json.loads(line)["code"] == "unknown_field"


def test_a_quote_shows_no_more_than_the_acknowledgement_and_the_cost(lab: Lab) -> None:
    quote = json.loads(lab.ask("POST", "/v1/quotes", order("q"), role="channel", **JSON)[2])
    assert set(quote) - {"cost"} == set(sell(lab, "no-quote"))
    assert datetime.date.fromisoformat(quote["promise_date"])
