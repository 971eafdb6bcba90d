"""Requests made from the OpenAPI document, right and wrong ones: no operation fails, and none answers undocumented.

The gateway is a real one over real engines. What a request means is proved elsewhere; here every answer must have a
status and a media type that the document names for its operation, and a body that fits the schema.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from actors.gateway.http.work_shapes import WORK
from router.life.event_types import EVENT_TYPES
from tests.actors.test_gateway_http import NDJSON, Lab
from tests.actors.test_gateway_reads import send
from tests.labs.gateway_backend import order
from tests.labs.stocked_gateway import SKUS, over_engines, put_tables

LINES = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
EXAMPLES = 6  # of each kind an operation
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
BUNDLE = (
    b'{"sku":"PAIR","name":"two","price":900,"currency":"EUR","weight_g":200,"tax_class":"standard",'
    b'"bundle":[{"sku":"A","qty":1},{"sku":"B","qty":1}]}\n'
)
EVENTS = (
    b'{"event_id":"pick","order_id":"whole","type":"pick","at":"2026-03-01T12:00:00Z","source":"wms"}\n'
    b'{"event_id":"pick","order_id":"whole","type":"pick","at":"2026-03-01T13:00:00+01:00","source":"wms"}\n'
    b'{"event_id":"lose","order_id":"whole","type":"lose"}\n'
    b'{"event_id":"odd","order_id":"whole","type":"dance"}\n'
    b'{"event_id":"lost","order_id":"never sent","type":"ship"}\n'
    b'{"event_id":"pick","order_id":"whole","type":"pick","source":"another"}\n'
    b'{"event_id":"timeless","order_id":"whole","type":"ship","at":"yesterday"}\n'
    b'{"event_id":7}\n'
)
OPERATIONS = (
    *("GET /", "GET /livez", "GET /readyz", "GET /metrics", "GET /openapi.json", "GET /v1/stream", "GET /v1/orders"),
    *("GET /v1/orders/{order_id}", "GET /v1/orders/{order_id}/timeline", "GET /v1/orders/{order_id}/explain"),
    *("GET /v1/tables", "GET /v1/tables/{table}", "PUT /v1/tables/{table}", "PATCH /v1/tables/{table}"),
    *("POST /v1/stock", "POST /v1/orders", "POST /v1/orders/stream", "POST /v1/events", "POST /v1/hooks/{partner}"),
    *("POST /v1/availability", "POST /v1/quotes"),
    *("GET /v1/work", *(f"POST {WORK}/{{work_id}}/{act}" for act in ("claim", "assign", "snooze", "resolve"))),
    *("GET /v1/payments/{payment_request_id}", "POST /v1/payments/reconcile"),
    "GET /v1/payments/reconciliations/{reconciliation_id}",
    *("POST /v1/orders/{order_id}/payments", "GET /v1/orders/{order_id}/payments"),
    "GET /v1/refunds/{refund_id}",
    *("POST /v1/orders/{order_id}/shipments", "GET /v1/orders/{order_id}/shipments"),
    *("GET /v1/shipments/{shipment_id}", "DELETE /v1/shipments/{shipment_id}", "POST /v1/shipments/{shipment_id}/ship"),
    *("GET /v1/shipments/{shipment_id}/label.pdf", "GET /v1/shipments/{shipment_id}/label.zpl", "POST /v1/labels"),
    *("GET /v1/invoices", "GET /v1/invoices/{number}"),
    "GET /v1/invoices/{number}.pdf",
    *("GET /v1/waves", "POST /v1/waves", "GET /v1/waves/{wave_id}", "GET /v1/waves/{wave_id}/pick-list"),
    *(f"POST /v1/waves/{{wave_id}}/{name}" for name in ("pick", "short", "pack", "release")),
    "GET /v1/waves/{wave_id}/packing/{tote}",
    *("GET /v1/bins", "POST /v1/bins/block", "POST /v1/bins/free"),
    *("POST /v1/orders/{order_id}/refunds", "GET /v1/orders/{order_id}/refunds"),
)


@schemathesis.serializer(LINES, "text/csv", ARROW)
def as_text(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """One line of JSON; where CSV or Arrow is expected, that is a body which is neither."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder: pathlib.Path = tmp_path_factory.mktemp("openapi")
    with over_engines(folder, shards=2) as running:
        put_tables(running, SKUS + BUNDLE)
        yield running


@pytest.fixture
def filled(lab: Lab) -> Lab:
    """The tables as they were before requests made from the document replaced them."""
    put_tables(lab, SKUS + BUNDLE)
    return lab


@pytest.fixture(scope="module")
def document(lab: Lab) -> dict[str, Any]:
    return json.loads(lab.ask("GET", "/openapi.json", role="")[2])


def lines_of(response: schemathesis.Response) -> list[Any]:
    return [json.loads(line) for line in response.content.splitlines() if line]


def test_the_operations_tried_here_are_those_of_the_document(document: dict[str, Any]) -> None:
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == set(OPERATIONS)


@pytest.mark.parametrize("kind", list(GenerationMode), ids=lambda kind: kind.value)
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_the_document_names(
    lab: Lab, document: dict[str, Any], label: str, kind: GenerationMode
) -> None:
    method, path = label.split()
    operation = schemathesis.openapi.from_dict(document)[path][method]
    described = document["paths"][path][method.lower()]
    if kind is GenerationMode.NEGATIVE and not ("parameters" in described or "requestBody" in described):
        pytest.skip("takes nothing that could be wrong")
    if kind is GenerationMode.NEGATIVE and path == "/v1/hooks/{partner}":
        pytest.skip("takes whatever a partner sends")
    session = requests.Session()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=kind))
    def exchange(case: Case) -> None:
        if path == "/v1/stream":
            _let_it_end(case)
        headers = {"Authorization": f"Bearer {lab.keys['admin']}"}
        answer = case.call(base_url=f"http://127.0.0.1:{lab.port}", session=session, headers=headers, timeout=20)
        if answer.headers["content-type"][0].startswith(LINES):
            case.validate_response(answer, checks=[*CHECKS])
            _examine_lines(document, path, method, answer)
        else:
            case.validate_response(answer, checks=[*CHECKS, response_schema_conformance])

    exchange()
    session.close()
    assert [line for line in lab.log if "fault" in json.dumps(line)] == [], "something broke inside and was hidden"


def _let_it_end(case: Case) -> None:
    """Without ``wait`` a reader of changes is never told that there are no more."""
    given = case.query.get("wait")
    if given is None or isinstance(given, int):
        case.query["wait"] = 0


def _examine_lines(document: dict[str, Any], path: str, method: str, answer: schemathesis.Response) -> None:
    """Every line of an answer fits the schema, but for the problem that may end a stream."""
    content = document["paths"][path][method.lower()]["responses"]["200"]["content"]
    for line in lines_of(answer):
        schema = {"$ref": "#/components/schemas/Problem"} if "http_status" in line else content[LINES]["schema"]
        if "http_status" in line:
            line = {**line, "status": line["http_status"]}
        jsonschema.validate(line, {**schema, "components": document["components"]}, jsonschema.Draft202012Validator)


def described_in_full(document: dict[str, Any], name: str, answer: Any) -> None:
    """The answer fits the schema, and the schema names every key it has."""
    schemas = {
        name: schema | {"additionalProperties": False} if "properties" in schema else schema
        for name, schema in document["components"]["schemas"].items()
    }
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    jsonschema.validate(answer, schema, jsonschema.Draft202012Validator)


def test_the_document_names_every_key_of_an_acknowledgement(filled: Lab, document: dict[str, Any]) -> None:
    (whole,) = send(filled, "whole", lines=[{"sku": "PAIR", "qty": 1}, {"sku": "A", "qty": 1}])
    (first,) = send(filled, "first", customer={"id": "twice", "name": "Ada"})  # alone, as either shard may be faster
    (twin,) = send(filled, "twin", customer={"id": "twice", "name": "Ada"})
    conflict, refused = send(filled, "twin", "refused", lines=[{"sku": "unknown", "qty": 1}])
    unreadable = json.loads(filled.ask("POST", "/v1/orders/stream", b'{"order_id": 7}', **NDJSON)[2])
    for answer in (whole, first, twin, conflict, refused, unreadable):
        described_in_full(document, "Acknowledgement", answer)
    assert {"sku", "node", "qty"} == set(whole["lines"][0]["allocations"][0])
    assert (twin["duplicate_of"], twin["duplicate_of_order_id"]) == (first["cursor"], "first")
    assert "duplicate_of" not in conflict, "a conflict tells nothing about the other order"
    assert refused["detail"] and conflict["detail"] and unreadable["line"] == 1


def test_the_document_names_every_key_of_a_quote(filled: Lab, document: dict[str, Any]) -> None:
    body = b'{"orders": [%s, %s, 7]}' % (order("q"), order("r", lines=[{"sku": "unknown", "qty": 1}]))
    answer = json.loads(filled.ask("POST", "/v1/quotes", body, content_type="application/json")[2])
    described_in_full(document, "QuotesAnswered", answer)
    assert ["cost" in quote for quote in answer["quotes"]] == [True, True, False]


def test_the_document_names_every_key_of_an_event_result_and_every_event_type(
    filled: Lab, document: dict[str, Any]
) -> None:
    send(filled, "whole", lines=[{"sku": "PAIR", "qty": 1}, {"sku": "A", "qty": 1}])
    results = [json.loads(line) for line in filled.ask("POST", "/v1/events", EVENTS, **NDJSON)[2].splitlines()]
    assert [result.get("reason", result["status"]) for result in results] == [
        *("applied", "duplicate", "transition_not_allowed", "event_type_unknown", "order_unknown"),
        *("id_conflict", "malformed_event", "malformed_event"),
    ]
    for result in results:
        described_in_full(document, "EventResult", result)
    assert document["components"]["schemas"]["Event"]["properties"]["type"]["enum"] == list(EVENT_TYPES)


def test_the_document_names_every_key_of_reads(filled: Lab, document: dict[str, Any]) -> None:
    send(filled, "read", lines=[{"sku": "PAIR", "qty": 2}, {"sku": "A", "qty": 1, "line_id": "L"}])
    send(filled, "no", lines=[{"sku": "unknown", "qty": 1}])
    told = (
        {"type": "payment_captured", "payment_id": "p", "amount": 5, "method": "card"},
        {"type": "ship", "lines": [{"line_id": "L"}], "shipment_id": "S", "tracking_number": "T", "carrier": "dhl"},
        {"type": "scan", "tracking_number": "T", "code": "hub", "eta": "2026-03-04T12:00:00Z"},
        {"type": "note", "text": "by the door", "public": True},
    )
    events = (json.dumps({"event_id": str(number), "order_id": "read", **one}) for number, one in enumerate(told))
    results = filled.ask("POST", "/v1/events", "\n".join(events).encode(), **NDJSON)[2].splitlines()
    assert [json.loads(result)["status"] for result in results] == ["applied"] * len(told)
    for order_id in ("read", "no"):
        view = json.loads(filled.ask("GET", f"/v1/orders/{order_id}", role="viewer")[2])
        described_in_full(document, "OrderView", view)
        timeline = json.loads(filled.ask("GET", f"/v1/orders/{order_id}/timeline", role="viewer")[2])
        described_in_full(document, "Timeline", timeline)
    described_in_full(document, "Page", json.loads(filled.ask("GET", "/v1/orders", role="viewer")[2]))
    changes = filled.ask("GET", "/v1/stream?wait=0&order_id=read", role="viewer")[2].splitlines()
    for change in changes[:-1]:
        described_in_full(document, "Change", json.loads(change))
    described_in_full(document, "ReadTo", json.loads(changes[-1]))
