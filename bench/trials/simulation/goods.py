"""The small world every schedule plays in: three nodes, five SKUs, two versions of the tables, scarce stock."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pyarrow as pa

from router.config import Config, Policy
from router.ids import hash_key, hash_text
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.row_types import TableRows
from router.tables.rows import parse_rows
from router.tables.stock_rows import on_hand_movements, parse_movements

NOW_MS = 1_763_758_800_000  # 2025-11-21T21:00:00Z
KEY = hash_key(bytes(range(16)))
SHARDS = 2
CONFIG = Config(shards=SHARDS)
SKUS = ("S0", "S1", "S2", "S3", "S4")
UNKNOWN_SKU = "S?"  # an order of it is rejected and may be sent again
NODES = ("BER", "HAM", "MUC")
_POSTCODES = ("10115", "20095", "80331")
UNITS = {"S0": 30, "S1": 6, "S2": 3, "S3": 2, "S4": 0}  # at every node at the beginning
NDJSON = "application/x-ndjson"


def _rows(version: int) -> dict[str, list[dict[str, Any]]]:
    sku = {"currency": "EUR", "weight_g": 300, "tax_class": "standard"}
    node = {"kind": "warehouse", "country": "DE"}
    return {
        "skus": [{"sku": name, "name": name, "price": 1_000 * version + at, **sku} for at, name in enumerate(SKUS)],
        "nodes": [{"node": name, "postcode": code, **node} for name, code in zip(NODES, _POSTCODES, strict=True)],
        "rates": [
            {"carrier": "DHL", "service": "standard", "from_zone": "*", "to_zone": "DE", "min_g": 0, "max_g": None,
             "price": 490, "days": 2},
        ],
        "promotions": [
            {"code": "TEN", "when": {"min_qty": 2}, "then": {"percent": 10}, "limit": 4, "per_customer": 2,
             "priority": 1},
        ],
        "taxes": [{"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True}],
        "stock": [{"sku": sku, "node": node, "on_hand": units} for sku, units in UNITS.items() for node in NODES],
    }  # fmt: skip


def _compiled() -> dict[int, Tables]:
    rows, tables, versions = TableRows(), empty_tables(NOW_MS), {}
    for version in (1, 2):
        for name, given in _rows(version).items():
            body = b"\n".join(msgspec.json.encode(row) for row in given)
            upload = parse_rows(name, body, NDJSON)
            rows = accept(upload, rows, tables)
            tables = compile_tables(tables.version + 1, rows, tables, NOW_MS)
        versions[version] = tables
    return {tables.version: tables for tables in versions.values()}


TABLES = _compiled()
FIRST_TABLES, SECOND_TABLES = sorted(TABLES)


def policy_of(version: int) -> Policy:
    return TABLES[version].policy_or(CONFIG.policy)


@functools.cache
def first_stock() -> pa.RecordBatch:
    """MOVEMENTS that set the units of the beginning."""
    body = b"\n".join(msgspec.json.encode(row) for row in _rows(1)["stock"])
    return on_hand_movements(parse_rows("stock", body, NDJSON), TABLES[FIRST_TABLES], KEY, FIRST_TABLES)


def movements(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    parsed = parse_movements(b"\n".join(msgspec.json.encode(row) for row in rows), TABLES[FIRST_TABLES], KEY)
    assert not parsed.refused, "plans move stock that exists"
    return parsed.batch


def order_body(number: int, customer: int, lines: tuple[tuple[str, int], ...], paid: bool) -> bytes:
    """One order as a channel sends it; the same arguments give the same bytes."""
    return msgspec.json.encode(
        {
            "order_id": order_id(number),
            "channel": "web",
            "placed_at": "2025-11-21T20:00:00Z",
            "currency": "EUR",
            "customer": {"id": f"c-{customer}", "name": "Maria Garcia"},
            "ship_to": {
                "name": "Maria Garcia",
                "line1": "1 Street",
                "city": "Berlin",
                "postcode": "10115",
                "country": "DE",
            },
            "lines": [{"sku": sku, "qty": qty} for sku, qty in lines],
            "payment": {"method": "card", "status": "paid" if paid else "authorized"},
        }
    )


def order_id(number: int) -> str:
    return f"o-{number}"


def movement_hash(number: int) -> int:
    """The lower half of a movement's id, as the ledger's records name it."""
    return hash_text(KEY, f"movement m-{number}")[1]
