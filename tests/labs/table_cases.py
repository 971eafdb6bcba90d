"""Small reference rows that tests vary."""

from __future__ import annotations

import json
from typing import Any

from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.row_types import TableRows
from router.tables.rows import Rows, parse_rows

NDJSON = "application/x-ndjson"
NOW_MS = 1_763_758_800_000  # 2025-11-21T21:00:00Z

SKU = {"sku": "A", "name": "a", "price": 1250, "currency": "EUR", "weight_g": 300, "tax_class": "standard"}
NODE = {"node": "N1", "kind": "warehouse", "country": "DE", "region": "", "postcode": "10115", "lat": 52.5, "lon": 13.4}
STOCK = {"sku": "A", "node": "N1", "on_hand": 5}
RATE = {
    "carrier": "DHL",
    "service": "standard",
    "from_zone": "*",
    "to_zone": "DE",
    "min_g": 0,
    "max_g": 1000,
    "price": 490,
    "days": 2,
}
PROMOTION = {"code": "P10", "when": {}, "then": {"percent": 10}, "priority": 1}
TAX = {"country": "DE", "tax_class": "standard", "rate_bp": 1900, "inclusive": True}
CARRIER = {"carrier": "DHL", "name": "DHL"}
RULE = {"rule": "R1", "when": {"channel": "web"}, "then": {"hold": True}}
TEMPLATE = {"template": "shipped", "body": "On its way"}
BIN = {"node": "N1", "sku": "A", "bin": "A-01", "zone": "A", "walk": 1}
CARTON = {"carton": "S", "length_mm": 200, "width_mm": 150, "height_mm": 100, "max_weight_g": 5000, "cost": 30}
GOOD: dict[str, dict[str, Any]] = {
    "skus": SKU,
    "nodes": NODE,
    "stock": STOCK,
    "rates": RATE,
    "promotions": PROMOTION,
    "taxes": TAX,
    "carriers": CARRIER,
    "rules": RULE,
    "templates": TEMPLATE,
    "bins": BIN,
    "cartons": CARTON,
}


def ndjson(*rows: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def upload(table: str, *rows: dict[str, Any]) -> Rows:
    return parse_rows(table, ndjson(*rows), NDJSON)


def tables_of(previous: Tables | None = None, now_ms: int = NOW_MS, **named: list[dict[str, Any]]) -> Tables:
    """Tables compiled from rows given as dictionaries; skus and nodes first, as a user would load them."""
    rows, tables = TableRows(), previous or empty_tables(now_ms)
    for table in sorted(named, key=list(GOOD).index):
        rows = accept(upload(table, *named[table]), rows, tables)
        tables = compile_tables(tables.version + 1, rows, tables, now_ms)
    return tables
