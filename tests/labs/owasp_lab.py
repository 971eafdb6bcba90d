"""A gateway over real engines, shared by one file of attacks; and raw bytes for those that no HTTP library sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.test_gateway_http import JSON, NDJSON, Lab
from tests.actors.test_gateway_reads import lines_of
from tests.labs.gateway_backend import order
from tests.labs.gateway_lab import connect, read_all
from tests.labs.stocked_gateway import over_engines, put_tables

__all__ = ["JSON", "NDJSON", "Lab", "lab", "lines_of", "order", "raw", "sell"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("owasp")
    with over_engines(folder, body_idle_timeout_ms=2_000) as running:
        put_tables(running)
        yield running


def sell(lab: Lab, order_id: str, role: str = "channel", **changes: Any) -> dict[str, Any]:
    """The answer to one order, whatever its status; a customer of its own, so that nothing is held."""
    body = order(order_id, **({"customer": {"id": order_id, "name": "Ada"}} | changes))
    document: dict[str, Any] = json.loads(lab.ask("POST", "/v1/orders", body, role=role, **JSON)[2])
    return document


def raw(lab: Lab, text: bytes) -> bytes:
    """Everything the gateway says to these bytes until it closes the connection, or is silent for a while."""
    client = connect(lab.port, timeout_s=1.0)
    try:
        client.sendall(text)
        return read_all(client)
    except TimeoutError:
        return b""
    finally:
        client.close()
