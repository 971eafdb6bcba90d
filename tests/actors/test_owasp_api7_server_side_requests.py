"""API7 Server side request forgery: the router has no place where a request could name an address to be called.

No endpoint takes an address, and nothing that serves requests can open a connection: both are checked, so that
whoever adds the first one meets this file. Partners are called by adapters/_transport, at addresses of the
configuration, past its guard (tests/adapters/test_transport_guard.py); no gateway imports it (pyproject.toml).
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import socket
from typing import Any

import pytest

from tests.labs.owasp_lab import JSON, NDJSON, Lab, lab, sell

__all__ = ["lab"]
ROOT = pathlib.Path(__file__).parents[2]
CALLING, SANDBOX = ROOT / "adapters" / "_transport", ROOT / "adapters" / "sandbox"
CLIENTS = ("requests", "urllib.request", "http.client", "ftplib", "smtplib", "telnetlib", "socket", "httpx")
OPENING = ("ClientSession", "create_connection", "open_connection", "urlopen", "sock_connect", "getaddrinfo", "request")
ADDRESS_WORDS = ("url", "uri", "href", "callback", "webhook", "endpoint", "host", "redirect")


def serving_files() -> list[pathlib.Path]:
    """All that runs for a request: the gateway, the domain, the partners, the kernels."""
    floors = ("actors/gateway", "router", "adapters", "kernels")
    found = [file for floor in floors for file in (ROOT / floor).rglob("*.py")]
    return [file for file in found if not file.is_relative_to(CALLING) and not file.is_relative_to(SANDBOX)]


def test_no_request_has_a_field_for_an_address(lab: Lab) -> None:
    document = json.loads(lab.ask("GET", "/openapi.json", role="")[2])
    taken = {name for methods in document["paths"].values() for operation in methods.values()
             for name in [one["name"] for one in operation.get("parameters", ())]}  # fmt: skip
    for name in _sent(document):
        schema = document["components"]["schemas"][name]
        taken |= set(schema.get("properties", ()))
        assert "format" not in json.dumps(schema) or '"uri"' not in json.dumps(schema), name
    assert not {name for name in taken for word in ADDRESS_WORDS if word in name.lower()}


def _sent(document: dict[str, Any]) -> set[str]:
    """Schemas of request bodies, and whatever stands in them."""
    schemas = document["components"]["schemas"]
    bodies = [one["requestBody"] for methods in document["paths"].values() for one in methods.values()
              if "requestBody" in one]  # fmt: skip
    found, left = set[str](), _named(bodies)
    while left:
        name = left.pop()
        found.add(name)
        left |= _named(schemas[name]) - found
    assert {"Order", "Event", "Movement"} <= found
    return found


def _named(part: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part)))


def test_nothing_that_serves_requests_can_open_a_connection() -> None:
    files = serving_files()
    assert len(files) > 100
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            clients = {name for name in names if name in CLIENTS}
            if file.name in ("main.py", "handover.py"):
                clients -= {"socket"}  # the port that clients come to, and passing them on to the process beside it
            assert not clients, f"{file} imports {clients}"
            if isinstance(node, ast.Attribute):
                assert node.attr not in OPENING or _is_ours(node), f"{file}:{node.lineno} {node.attr}"


def _is_ours(node: ast.Attribute) -> bool:
    """``self.request`` and its like: the request that came in."""
    return node.attr == "request" and isinstance(node.value, ast.Name | ast.Attribute)


def test_addresses_in_orders_events_and_tables_stay_text(lab: Lab) -> None:
    """A listener that every field names is never called."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        sell(lab, "ssrf", seller=url, attributes={"callback": url, "@type": url, "$ref": url}, coupons=[url],
             payment={"method": url, "reference": url}, customer={"id": url, "name": url, "email": url})  # fmt: skip
        event = json.dumps({"event_id": url, "order_id": "ssrf", "type": "pick", "source": url}).encode()
        assert lab.ask("POST", "/v1/events", event, **NDJSON)[0] == 200
        row = json.dumps({"carrier": "DHL", "name": url, "attributes": {"tracking": url}}).encode()
        assert lab.ask("PUT", "/v1/tables/carriers", row, **NDJSON)[0] == 200
        assert lab.ask("POST", "/v1/availability", json.dumps({"skus": [url]}).encode(), **JSON)[0] == 200
        assert lab.ask("GET", "/v1/orders/ssrf")[0] == 200
        with pytest.raises(TimeoutError):
            listener.accept()
