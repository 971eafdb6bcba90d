"""API9 Improper inventory management: what is offered is described, and what is not described is not there.

That the OpenAPI document equals the routes is proved in test_gateway_openapi.
"""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from tests.labs.owasp_lab import Lab, lab

__all__ = ["lab"]
DOCS = pathlib.Path(__file__).parents[2] / "docs"
FORGOTTEN = """/admin /admin/keys /api /api/v1/orders /v0/orders /v1 /v2/orders /v1/keys /v1/orders.json /v1/debug
/debug /debug/pprof /docs /redoc /swagger.json /swagger-ui.html /openapi.yaml /graphql /actuator
/actuator/env /console /status /health /healthz /env /.env /.git/config /robots.txt /favicon.ico
/static/x.js /server-status /metrics/ /livez/ /v1/tables/ /v1/hooks /v1/hooks/sandbox
/v1/internal /backup /config.json /keys.json /admin.key /test""".split()


@pytest.mark.parametrize("path", FORGOTTEN)
def test_nothing_answers_where_nothing_is_described(lab: Lab, path: str) -> None:
    for role in ("admin", ""):
        status, headers, _ = lab.ask("GET", path, role=role)
        assert status in (404, 405) and headers["content-type"] == "application/problem+json", (path, status)


def test_the_page_for_people_names_every_endpoint_and_its_roles(lab: Lab) -> None:
    page = (DOCS / "http.md").read_text()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| `")]
    columns = ("admin", "ops", "channel", "service", "viewer")
    said: dict[tuple[str, str], set[str]] = {}
    for first, *marks in rows:
        method = ""
        for span in re.findall(r"`([^`]+)`", first):
            *given, path = span.split()
            method = given[0] if given else method
            said[method, _plain(path)] = {
                role for role, mark in zip(columns, marks, strict=False) if mark.strip() == "yes"
            }
    for route in lab.gateway.table.routes:
        if route.roles is None:
            assert f"`{route.path}`" in page, route.path
            continue
        path = _plain(route.path)
        found = said.get((route.method, path), said.get((route.method, path[path.rfind("/") :])))
        assert found == set(route.roles), f"{route.method} {route.path}: docs/http.md says {found}"


def _plain(path: str) -> str:
    """``/v1/orders/{id}`` and ``/v1/orders/{order_id}``, ``/v1/tables/…`` and ``/v1/tables/{table}`` are the same."""
    return re.sub(r"\{\w+\}|…", "*", path).replace("?*", "")


def test_the_document_names_the_version_that_runs(lab: Lab) -> None:
    document = json.loads(lab.ask("GET", "/openapi.json", role="")[2])
    assert document["info"]["version"] == json.loads(lab.ask("GET", "/readyz", role="")[2])["version"]
    assert all(
        path.startswith("/v1/") or path in ("/", "/livez", "/readyz", "/metrics", "/openapi.json")
        for path in document["paths"]
    )
