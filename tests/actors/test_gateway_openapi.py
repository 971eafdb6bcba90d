"""The description equals the routes, and its schemas describe what the gateway really answers."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from actors.gateway.core.problems import KINDS, Problem
from actors.gateway.http.routes import ARROW, RouteTable
from actors.gateway.http.routes import JSON as JSON_TYPE
from actors.gateway.http.routes import NDJSON as NDJSON_TYPE
from actors.gateway.http.work_shapes import WORK
from router.log.event_fields import COMMON, FIELDS, REQUIRED
from router.tables.stock_rows import MovementRow
from router.wire.event_answers import RefusedEvent
from router.wire.order_json import Order
from tests.actors.test_gateway_http import JSON, NDJSON, Lab, lab
from tests.labs.gateway_backend import order

__all__ = ["lab"]  # the fixture


@pytest.fixture
def document(lab: Lab) -> dict[str, Any]:
    return json.loads(lab.ask("GET", "/openapi.json", role="")[2])


def check(document: dict[str, Any], name: str, instance: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.validate(instance, schema, jsonschema.Draft202012Validator)


def test_every_route_is_described_and_nothing_else(lab: Lab, document: dict[str, Any]) -> None:
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in lab.gateway.table.routes}


def test_the_contract_is_offered(document: dict[str, Any]) -> None:
    wanted = """GET /v1/tables|GET /v1/tables/{table}|PUT /v1/tables/{table}|PATCH /v1/tables/{table}
    |POST /v1/stock|POST /v1/orders|POST /v1/orders/stream|POST /v1/events|POST /v1/hooks/{partner}
    |GET /v1/orders/{order_id}|GET /v1/orders/{order_id}/timeline|GET /v1/orders/{order_id}/explain|GET /v1/orders
    |GET /v1/work
    |POST /v1/orders/{order_id}/payments|GET /v1/orders/{order_id}/payments|GET /v1/payments/{payment_request_id}
    |POST /v1/payments/reconcile|GET /v1/payments/reconciliations/{reconciliation_id}
    |POST /v1/orders/{order_id}/refunds|GET /v1/orders/{order_id}/refunds|GET /v1/refunds/{refund_id}
    |POST /v1/orders/{order_id}/shipments|GET /v1/orders/{order_id}/shipments|GET /v1/shipments/{shipment_id}
    |POST /v1/shipments/{shipment_id}/ship|DELETE /v1/shipments/{shipment_id}
    |GET /v1/shipments/{shipment_id}/label.pdf|GET /v1/shipments/{shipment_id}/label.zpl|POST /v1/labels
    |GET /v1/invoices|GET /v1/invoices/{number}|GET /v1/invoices/{number}.pdf
    |GET /v1/waves|POST /v1/waves|GET /v1/waves/{wave_id}|GET /v1/waves/{wave_id}/pick-list
    |POST /v1/waves/{wave_id}/pick|POST /v1/waves/{wave_id}/short|POST /v1/waves/{wave_id}/release
    |POST /v1/waves/{wave_id}/pack|GET /v1/waves/{wave_id}/packing/{tote}
    |GET /v1/bins|POST /v1/bins/block|POST /v1/bins/free
    |POST /v1/availability|POST /v1/quotes|GET /v1/stream|GET /livez|GET /readyz|GET /metrics|GET /openapi.json|GET /"""
    for line in wanted.split("|"):
        method, path = line.split()
        assert method.lower() in document["paths"][path], line


def test_what_may_be_done_with_a_work_item_is_offered(document: dict[str, Any]) -> None:
    for act in ("claim", "assign", "snooze", "resolve"):
        assert "post" in document["paths"][f"{WORK}/{{work_id}}/{act}"]


def test_roles_and_codes_stand_in_the_document(lab: Lab, document: dict[str, Any]) -> None:
    for route in lab.gateway.table.routes:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation.get("x-roles") == (sorted(route.roles) if route.roles else None)
        codes = {code for answer in operation["responses"].values() for code in answer.get("x-codes", ())}
        assert codes <= set(KINDS) and set(route.problems) <= codes
        assert ("unauthorized" in codes) == (route.roles is not None)


def test_every_reference_in_the_document_resolves_and_operation_ids_differ(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in document["components"]["schemas"]
    ids = re.findall(r'"operationId": "(\w+)"', text)
    assert len(ids) == len(set(ids)) > 10


def test_answers_match_their_schemas(lab: Lab, document: dict[str, Any]) -> None:
    check(document, "Order", json.loads(order("a")))
    check(document, "Acknowledgement", json.loads(lab.ask("POST", "/v1/orders", order("a"), **JSON)[2]))
    check(document, "Problem", lab.problem("GET", "/nowhere"))
    check(document, "Problem", lab.problem("POST", "/v1/orders", order("refuse"), **JSON))
    check(document, "TableReplaced", json.loads(lab.ask("PUT", "/v1/tables/skus", b"{}", **NDJSON)[2]))
    check(document, "Quote", json.loads(lab.ask("POST", "/v1/quotes", order("q"), **JSON)[2]))


def test_a_problem_code_is_declared_before_it_is_used() -> None:
    with pytest.raises(AssertionError, match="unknown problem code"):
        Problem("surprise", "never")


def test_path_segments_are_unquoted_one_by_one() -> None:
    from actors.gateway.http.routes import Route

    async def nothing(*_: object) -> None: ...

    table = RouteTable([Route("GET", "/v1/orders/{order_id}/timeline", nothing, None, "", {})])  # type: ignore[arg-type]
    found = table.find("GET", "/v1/orders/a%2Fb%20%C3%BC/timeline")
    assert found is not None and found[1] == {"order_id": "a/b ü"}
    assert table.find("GET", "/v1/orders//timeline") is None
    assert table.find("GET", "/v1/orders/a/b/timeline") is None
    assert table.find("POST", "/v1/orders/a/timeline") is None


def test_an_event_is_described_with_every_field_and_a_result_with_every_key(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["Event"]["properties"]) == set(COMMON) | set(FIELDS)
    assert schemas["Event"]["required"] == list(REQUIRED)
    assert "taken by pack" in json.dumps(schemas["Event"]["properties"]["cartons"])
    every = RefusedEvent(0, "e", "o", "r", "d", 1, ("shipped", "paid"), {"shipped": 1}, {"due": 1}).document()
    assert set(schemas["EventResult"]["properties"]) == set(every) | {"version"}
    check(document, "EventResult", every | {"reason": "malformed_event"})
    takes = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    assert set(takes) == {NDJSON_TYPE, JSON_TYPE, ARROW}


def test_orders_and_movements_are_described_with_every_field_that_is_read(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["Order"]["properties"]) == {*Order.__struct_fields__, "attributes"}
    assert set(schemas["Movement"]["properties"]) == set(MovementRow.__struct_fields__)
