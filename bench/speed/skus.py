"""What does a router with a million SKUs take: memory and time to load, to decide, to start again?

The tables are made of numbers, so that there are as many SKUs and nodes as are asked for; the same number of nodes,
drawn at random, has units of each SKU. The router is started empty, loaded, given orders of one line for SKUs drawn at
random, stopped, started again and given as many. Memory is that of all its processes, pages they share counted once.
The checksums cover what every order was answered, and are the same wherever the same numbers are asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.harness import report as _harness
from bench.harness.answers import Answers, WrongAnswers
from bench.harness.server import Server
from bench.harness.streaming import NDJSON, ORDER_STREAM, Piece, exchange
from bench.harness.tables import Row, as_ndjson
from router.errors import Misconfigured

CSV = "text/csv"
UNITS = 5  # in a cell
PIECE_ORDERS = 8_192
STOCK_ROWS = 1_500_000  # of an upload at most
PLACE: Row = {"kind": "warehouse", "country": "DE", "postcode": "10115"}
SMALL: dict[str, list[Row]] = {
    "rates": [
        {
            "carrier": "post",
            "service": "standard",
            "from_zone": "*",
            "to_zone": "DE",
            "min_g": 0,
            "days": 2,
            "price": 490,
        }
    ],
    "taxes": [{"country": "DE", "tax_class": "standard", "rate_bp": 1900, "inclusive": True}],
}
ORDER: Row = {
    "channel": "web",
    "placed_at": "2026-03-01T12:00:00Z",
    "currency": "EUR",
    "ship_to": {"name": "Erika M", "line1": "Hafen 1", "city": "Berlin", "postcode": "10117", "country": "DE"},
}


def run(skus: int, nodes: int, cells: int, orders: int, shards: int) -> dict[str, Any]:
    if not skus <= cells <= skus * nodes:
        raise Misconfigured(f"{skus:,} SKUs at {nodes:,} nodes have {skus:,} to {skus * nodes:,} cells, not {cells:,}.")
    per_sku, conditions = cells // skus, _harness.conditions()
    with Server(shards=shards) as server:
        result: dict[str, Any] = {"bench": "skus", "skus": skus, "nodes": nodes, "cells": skus * per_sku}
        result["empty_memory_bytes"] = server.memory_bytes()
        result |= _load(server, skus, nodes, per_sku) | _decide(server, "loaded", skus, orders)
        began_s = time.monotonic()
        server.stop()
        result["stopped_after_s"] = round(time.monotonic() - began_s, 2)
        server.start()
        result["ready_again_after_s"] = round(server.ready_after_s, 2)
        result |= _decide(server, "again", skus, orders)
    return {**result, "orders": orders, "shards": shards, "conditions": conditions}


def _load(server: Server, skus: int, nodes: int, per_sku: int) -> dict[str, Any]:
    _put(server, "nodes", as_ndjson({"node": f"N{at}", **PLACE} for at in range(nodes)), NDJSON)
    for table, rows in SMALL.items():
        _put(server, table, as_ndjson(rows), NDJSON)
    articles = "".join(f"S{at},1250,EUR,300,standard\n" for at in range(skus))
    skus_s = _put(server, "skus", f"sku,price,currency,weight_g,tax_class\n{articles}".encode(), CSV)
    memory = server.memory_bytes()
    stock_s = sum(_put(server, "stock", body, CSV) for body in _stock(skus, nodes, per_sku))
    return {
        "skus_loaded_after_s": round(skus_s, 2),
        "skus_memory_bytes": memory,
        "stock_loaded_after_s": round(stock_s, 2),
    }


def _put(server: Server, table: str, body: bytes, media_type: str) -> float:
    """Seconds that it took."""
    began_s = time.monotonic()
    server.put(table, body, media_type)
    return time.monotonic() - began_s


def _stock(skus: int, nodes: int, per_sku: int) -> Iterator[bytes]:
    rng, at_once = np.random.default_rng(1), max(STOCK_ROWS // per_sku, 1)
    for first in range(0, skus, at_once):
        rows = (
            f"S{sku},N{node},{UNITS}\n"
            for sku in range(first, min(first + at_once, skus))
            for node in rng.choice(nodes, per_sku, replace=False, shuffle=False).tolist()
        )
        yield f"sku,node,on_hand\n{''.join(rows)}".encode()


def _decide(server: Server, when: str, skus: int, orders: int) -> dict[str, Any]:
    """Memory before and after, orders a second, and what they were answered."""
    drawn, pieces = np.random.default_rng(len(when)).integers(0, skus, orders).tolist(), []
    for first in range(0, orders, PIECE_ORDERS):
        part = drawn[first : first + PIECE_ORDERS]
        pieces.append(Piece(as_ndjson(_order(f"{when}-{first + at}", sku) for at, sku in enumerate(part)), len(part)))
    before, answers = server.memory_bytes(), Answers()
    told = exchange(server.address, server.key, ORDER_STREAM["ndjson"], pieces)
    answers.add("ndjson", told.body)
    if answers.count != orders or set(answers.by_status) - {"allocated", "held"}:
        raise WrongAnswers(f"{orders} orders of one unit each were answered {dict(answers.by_status)}.")
    return {
        f"{when}_memory_bytes": before,
        f"{when}_orders_per_s": round(orders / told.elapsed_s),
        f"{when}_memory_bytes_after": server.memory_bytes(),
        f"{when}_statuses": dict(answers.by_status),
        f"{when}_checksum": answers.checksum,
    }


def _order(order: str, sku: int) -> Row:
    line = {"sku": f"S{sku}", "qty": 1, "unit_price": 1250}
    return {"order_id": order, "customer": {"id": order, "name": "Erika M"}, "lines": [line], **ORDER}
