"""API2 Broken authentication: a key counts in one place only, is judged every time, and is never repeated."""

from __future__ import annotations

import json

import pytest

from tests.labs.owasp_lab import JSON, Lab, lab, order, raw

__all__ = ["lab"]


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "token", "authorization", "Authorization"])
def test_a_key_in_the_address_is_no_key(lab: Lab, name: str) -> None:
    status, _, body = lab.ask("GET", f"/v1/orders/none?{name}={lab.keys['admin']}", role="")
    assert status == 401 and lab.keys["admin"].encode() not in body


@pytest.mark.parametrize("name", ["Cookie", "X-Api-Key", "Proxy-Authorization", "X-Forwarded-Authorization"])
def test_a_key_in_another_header_is_no_key(lab: Lab, name: str) -> None:
    sent = {name.replace("-", "_"): f"Bearer {lab.keys['admin']}"}
    assert lab.ask("GET", "/v1/orders/none", role="", **sent)[0] == 401


@pytest.mark.parametrize(
    "form", ["Basic {}", "bearer:{}", "{}", "Bearer {}x", "Bearer {} {}", "Token {}", "Bearer, {}"]
)
def test_only_a_whole_bearer_key_is_a_key(lab: Lab, form: str) -> None:
    key = lab.keys["admin"]
    assert lab.ask("GET", "/v1/orders/none", role="", Authorization=form.format(key, key))[0] == 401


def test_of_two_authorizations_none_can_lift_the_other(lab: Lab) -> None:
    """A viewer's request with an admin's key behind or before it is no request at all."""
    heads = [f"Authorization: Bearer {lab.keys[role]}\r\n".encode() for role in ("viewer", "admin")]
    for pair in (heads, heads[::-1]):
        head = b"PUT /v1/tables/rules HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n" + b"".join(pair)
        answer = raw(lab, head + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 "), answer[:100]


def test_a_second_request_of_a_connection_needs_its_own_key(lab: Lab) -> None:
    body = order("pipelined")
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    key = f"Authorization: Bearer {lab.keys['channel']}\r\n"
    stolen = b"GET /v1/orders/pipelined HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(lab, f"{head}{key}\r\n".encode() + body + stolen)
    assert answer.count(b"HTTP/1.1 200") == 1 and answer.count(b"HTTP/1.1 401") == 1


@pytest.mark.parametrize("key", ["x" * 6_000, "A" * 43, "%00" * 20])
def test_keys_that_are_none_are_answered_alike(lab: Lab, key: str) -> None:
    """What is wrong with a key is told to nobody: unknown, revoked, too long and empty sound the same."""
    problem = lab.problem("GET", "/v1/orders/none", role="", Authorization=f"Bearer {key}")
    other = lab.problem("GET", "/v1/orders/none", role="", Authorization="Bearer unknown")
    assert problem == other and problem["code"] == "unauthorized"


def test_neither_log_nor_metrics_nor_errors_repeat_a_key(lab: Lab) -> None:
    for role in ("admin", "viewer"):
        lab.ask("POST", "/v1/orders", b"{", role=role, **JSON)
    lab.ask("GET", "/v1/orders/none", role="", Authorization="Bearer a-guess-at-a-key")
    told = lab.ask("GET", "/metrics")[2].decode() + json.dumps(lab.log)
    assert "a-guess" not in told and not any(key in told for key in lab.keys.values())
