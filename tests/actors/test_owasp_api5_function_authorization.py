"""API5 Broken function level authorization: no other spelling of a request gets past the role it needs.

That every route lets exactly its roles in is proved in test_gateway_http.
"""

from __future__ import annotations

import json

import pytest

from tests.labs.owasp_lab import JSON, NDJSON, Lab, lab, raw

__all__ = ["lab"]
REFUSED = (400, 401, 403, 404, 405)
ROW = b'{"rule":"planted","when":{},"then":{}}'


def version_of(lab: Lab) -> int:
    """Raised by every table that is taken."""
    document = json.loads(lab.ask("PUT", "/v1/tables/rules", b"", **NDJSON)[2])
    return int(document["version"])


@pytest.mark.parametrize(
    "path", ["//v1/tables/rules", "/v1//tables/rules", "/v1/tables/rules/", "/v1/./tables/rules", "/V1/tables/rules",
             "/v1/orders/../tables/rules", "/v1/orders/%2e%2e/tables/rules", "/v1%2Ftables%2Frules",
             "/v1/tables/rules?role=admin", "/v1/tables/rules;role=admin", "/v1/tables/%72ules", "/v1/tables/rules%00",
             "http://admin@localhost/v1/tables/rules", "http:///v1/tables/rules", "/v1/tables/rules#x", "*"],
)  # fmt: skip
def test_no_spelling_of_a_path_gets_past_its_role(lab: Lab, path: str) -> None:
    before = version_of(lab)
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys['viewer']}\r\nConnection: close\r\n"
    answer = raw(lab, f"{head}Content-Type: application/x-ndjson\r\nContent-Length: {len(ROW)}\r\n\r\n".encode() + ROW)
    assert int(answer.split(b" ", 2)[1]) in REFUSED, answer[:200]
    assert version_of(lab) == before + 1, "nothing was put in between"


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_header_does_not_change_the_method(lab: Lab, name: str, method: str) -> None:
    before = version_of(lab)
    sent = {name.replace("-", "_"): "PUT"}
    assert lab.ask(method, "/v1/tables/rules", ROW, role="admin", **sent, **NDJSON)[0] == 405
    assert version_of(lab) == before + 1


@pytest.mark.parametrize(
    "sent", [{"X_Role": "admin"}, {"X_Original_URL": "/livez"}, {"X_Rewrite_URL": "/livez"},
             {"X_Forwarded_For": "127.0.0.1"},
             {"Forwarded": "for=127.0.0.1"}, {"X_User": "admin"}, {"Host": "localhost"}],
)  # fmt: skip
def test_a_role_does_not_come_from_a_header(lab: Lab, sent: dict[str, str]) -> None:
    assert lab.ask("PUT", "/v1/tables/rules", ROW, role="viewer", **sent, **NDJSON)[0] == 403
    assert lab.ask("GET", "/v1/orders", role="channel", **sent)[0] == 403


def test_head_needs_the_role_of_get(lab: Lab) -> None:
    assert lab.ask("HEAD", "/v1/orders", role="")[0] == 401
    assert lab.ask("HEAD", "/v1/orders", role="channel")[0] == 403
    assert lab.ask("HEAD", "/metrics", role="channel")[0] == 403
    assert lab.ask("HEAD", "/v1/orders", role="viewer")[0] == 200


@pytest.mark.parametrize("method", ["put", "Put", "PUTT", "PROPFIND", "CONNECT", "OPTIONS", "DELETE", "PATCH"])
def test_methods_that_are_not_offered_do_nothing(lab: Lab, method: str) -> None:
    before = version_of(lab)
    head = f"{method} /v1/tables/rules HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.keys['viewer']}\r\n"
    answer = raw(
        lab, f"{head}Connection: close\r\nContent-Type: application/x-ndjson\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert int(answer.split(b" ", 2)[1]) in (400, 403, 404, 405)
    assert version_of(lab) == before + 1


def test_a_role_in_the_body_is_nothing(lab: Lab) -> None:
    body = b'{"role":"admin","skus":["A"],"authorization":"Bearer x"}'
    assert lab.ask("POST", "/v1/availability", body, role="viewer", **JSON)[0] == 200
    assert lab.ask("PUT", "/v1/tables/rules", b'{"role":"admin"}', role="channel", **NDJSON)[0] == 403
