"""API4 Unrestricted resource consumption: bodies built to cost much are answered quickly, whatever endpoint they meet.

Sizes, deadlines, connections, streams and rates are bounded in test_gateway_limits, test_gateway_ingest and
test_serve_bad_input; here the work that small bodies ask for is.
"""

from __future__ import annotations

import json
import time

import pytest

from tests.labs.owasp_lab import JSON, NDJSON, Lab, lab, order, sell

__all__ = ["lab"]
ANSWER_S_MAX = 3.0  # far above what each takes; a body whose cost grows with its square takes minutes

ENDPOINTS = (
    ("POST", "/v1/orders", JSON),
    ("POST", "/v1/orders/stream", NDJSON),
    ("POST", "/v1/quotes", JSON),
    ("POST", "/v1/availability", JSON),
    ("POST", "/v1/events", NDJSON),
    ("POST", "/v1/stock", NDJSON),
    ("PUT", "/v1/tables/rules", NDJSON),
)
_COLLIDING = b",".join(b'"k%d":0' % number for number in range(50_000))
BODIES = {
    "nested arrays": b'{"order_id":"x","attributes":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of a million digits": b'{"order_id":"x","priority":' + b"9" * 1_000_000 + b"}",
    "a fraction of a million digits": b'{"order_id":"x","total":0.' + b"9" * 1_000_000 + b"}",
    "fifty thousand keys": b'{"order_id":"x",' + _COLLIDING + b"}",
    "one key fifty thousand times": b"{" + b",".join([b'"order_id":"x"'] * 50_000) + b"}",
    "a text of escapes": b'{"order_id":"' + b"\\u00e9" * 150_000 + b'"}',
    "an open text": b'{"order_id":"' + b'\\"' * 400_000,
    "two hundred thousand empty lines": b"\n" * 200_000,
    "ten thousand lines of nothing": b"{}\n" * 10_000,
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_built_to_cost_much_is_answered_quickly(lab: Lab, name: str) -> None:
    for method, path, media_type in ENDPOINTS:
        began = time.monotonic()
        status = lab.ask(method, path, BODIES[name], **media_type)[0]
        elapsed_s = time.monotonic() - began
        assert status < 500 and elapsed_s < ANSWER_S_MAX, (path, status, elapsed_s)
    assert [line for line in lab.log if line["level"] == "error"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/availability", {"skus": ["A"] * 10_001}),
        ("/v1/quotes", {"orders": [{}] * 1_001}),
    ],
)
def test_one_question_asks_for_so_much_and_no_more(lab: Lab, path: str, body: object) -> None:
    assert lab.problem("POST", path, json.dumps(body).encode(), role="viewer", **JSON)["code"] == "bad_parameter"


@pytest.mark.parametrize("query", ["limit=1001", "limit=0", "limit=-1", "limit=1e9", "limit=" + "9" * 500])
def test_a_page_has_so_many_orders_and_no_more(lab: Lab, query: str) -> None:
    assert lab.problem("GET", f"/v1/orders?{query}", role="viewer")["parameter"] == "limit"


def test_an_order_of_many_lines_is_refused_before_anything_is_planned(lab: Lab) -> None:
    began = time.monotonic()
    refused = sell(lab, "long", lines=[{"sku": "A", "qty": 1}] * 10_001)
    assert refused["reasons"] == ["lines_limit"] and time.monotonic() - began < ANSWER_S_MAX


def test_others_are_served_after_all_of_it(lab: Lab) -> None:
    assert lab.ask("POST", "/v1/orders", order("honest-4"), role="channel", **JSON)[0] == 200
