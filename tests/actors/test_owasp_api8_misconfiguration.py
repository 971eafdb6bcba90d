"""API8 Security misconfiguration: ambiguous requests are refused whole, and answers give nothing away.

One request smuggled inside another is the attack behind most of these bytes: whoever stands in front of the gateway
may read their end elsewhere. So whatever can be read in two ways must be refused, and its connection closed.
"""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from tests.labs.owasp_lab import JSON, NDJSON, Lab, lab, order, raw, sell

__all__ = ["lab"]
ROLE = "admin"


def smuggled(lab: Lab, order_id: str) -> bytes:
    """A whole request that must never be carried out."""
    body = order(order_id)
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys[ROLE]}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


HEADS = {
    "length and chunks": "Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": "Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n",
    "two lengths": "Content-Length: 5\r\nContent-Length: {n}\r\n",
    "two lengths in one": "Content-Length: 5, {n}\r\n",
    "a length with a sign": "Content-Length: +5\r\n",
    "a length below zero": "Content-Length: -5\r\n",
    "a length in hex": "Content-Length: 0x5\r\n",
    "a length with a space": "Content-Length: 5 5\r\n",
    "a length of other digits": "Content-Length: \u0665\r\n",
    "a length without end": "Content-Length: 99999999999999999999999\r\n",
    "an unknown coding": "Transfer-Encoding: xchunked\r\n",
    "chunked not last": "Transfer-Encoding: chunked, identity\r\n",
    "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked in quotes": 'Transfer-Encoding: "chunked"\r\n',
    "a tab before chunked": "Transfer-Encoding:\x0bchunked\r\n",
    "a space before the colon": "Content-Length : 5\r\n",
    "a folded header": "X: a\r\n Content-Length: 5\r\nContent-Length: {n}\r\n ,5\r\n",
    "a header without a colon": "Content-Length\r\n",
    "a zero byte": "X: a\x00b\r\n",
    "a bare return": "X: a\rContent-Length: 5\r\n",
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/orders/stream", "/v1/availability"])
def test_a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_done(
    lab: Lab, name: str, path: str
) -> None:
    order_id = f"smuggled {name} {path}"
    inner = smuggled(lab, order_id)
    body = b"0\r\n\r\n" + inner
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys[ROLE]}\r\n"
    framing = HEADS[name].format(n=len(body))
    answer = raw(lab, f"{head}Content-Type: application/json\r\n{framing}\r\n".encode() + body)
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:80]
    assert len(re.findall(rb"HTTP/1\.[01] \d", answer)) == 1, "one answer, then the connection is closed"
    assert lab.ask("GET", "/v1/orders/" + order_id.replace(" ", "%20").replace("/", "%2F"))[0] == 404


CHUNKS = {
    "a size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size below zero": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"1_0\r\nhellohello123456\r\n0\r\n\r\n",
    "a size too large": b"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    "a size that ends with a line feed": b"5\nhello\r\n0\r\n\r\n",
    "no line end behind a chunk": b"5\r\nhello0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks_that_can_be_read_in_two_ways_end_the_connection(lab: Lab, name: str) -> None:
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys[ROLE]}\r\n"
    start = f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    answer = raw(lab, start + CHUNKS[name] + smuggled(lab, f"chunk-{name}"))
    assert not re.search(rb"HTTP/1\.[01] [1235]\d\d", answer), answer[:80]
    assert lab.ask("GET", f"/v1/orders/chunk-{name.replace(' ', '%20')}")[0] == 404


@pytest.mark.parametrize("media_type", ["text/html", "application/xml", "multipart/form-data; boundary=x", "image/png",
                                        "application/x-www-form-urlencoded", "text/plain", "*/*"])  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/orders"), ("POST", "/v1/orders/stream"),
                         ("POST", "/v1/stock"),
                         ("POST", "/v1/events"), ("PUT", "/v1/tables/rules"), ("POST", "/v1/quotes"),
                         ("POST", "/v1/availability")])  # fmt: skip
def test_what_a_browsers_form_can_send_is_refused(lab: Lab, method: str, path: str, media_type: str) -> None:
    """None of the media types that a page of another site may send without asking is taken."""
    assert lab.problem(method, path, b"{}", Content_Type=media_type)["status"] == 415


def test_answers_say_nothing_about_the_inside(lab: Lab) -> None:
    answers = [
        lab.ask("GET", "/v1/orders/none"),
        lab.ask("POST", "/v1/orders", b"{", **JSON),
        lab.ask("GET", "/../../etc/passwd"),
        lab.ask("PUT", "/v1/tables/skus", b"{}", **NDJSON),
        lab.ask("GET", "/", role=""),
    ]
    for _, headers, body in answers:
        assert headers["server"] == "order-router", "neither the library nor its version"
        assert not {"x-powered-by", "via", "access-control-allow-origin", "set-cookie"} & set(headers)
        assert not re.search(rb"Traceback|File \"|\.py\b|aiohttp|numba|/tmp/|/home/|0x[0-9a-f]{6}", body), body
        assert str(pathlib.Path(__file__).parents[2]).encode() not in body, body


def test_trace_gives_nothing_back(lab: Lab) -> None:
    answer = raw(lab, b"TRACE / HTTP/1.1\r\nHost: x\r\nX-Secret: shown\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405") and b"shown" not in answer


def test_markup_is_answered_as_json_and_nothing_else(lab: Lab) -> None:
    sell(lab, "<script>alert(1)</script>", seller="<img src=x onerror=y>")
    _, headers, _ = lab.ask("GET", "/v1/orders/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert headers["content-type"] == "application/json"
    status, headers, body = lab.ask("GET", "/<script>alert(1)</script>")
    assert (status, headers["content-type"]) == (404, "application/problem+json") and b"<script>" not in body
    assert json.loads(body)["code"] == "not_found"
