"""Small reference tables that targets judge rows against."""

from __future__ import annotations

import json
from typing import Any

from router.ids import hash_key
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.row_types import TableRows
from router.tables.rows import parse_rows

NDJSON = "application/x-ndjson"
NOW_MS = 1_763_758_800_000  # 2025-11-21T21:00:00Z
KEY = hash_key(bytes(range(16)))

_SKU = {"name": "a thing", "price": 1_250, "currency": "EUR", "weight_g": 300, "tax_class": "standard"}
_NODE = {"kind": "warehouse", "country": "DE", "postcode": "10115", "lat": 52.5, "lon": 13.4}
_RATE = {"carrier": "DHL", "service": "standard", "from_zone": "*", "min_g": 0, "price": 490, "days": 2}

GOOD: dict[str, list[dict[str, Any]]] = {
    "skus": [
        {"sku": "A", **_SKU, "shelf_life_days": 30, "attributes": {"dangerous_goods": True}},
        {"sku": "A", **_SKU, "currency": "JPY", "shelf_life_days": 30},
        {"sku": "SET", **_SKU, "bundle": [{"sku": "A", "qty": 2}]},
    ],
    "nodes": [
        {"node": "N1", **_NODE, "daily_capacity": 10, "cutoff": "14:30", "timezone": "Europe/Berlin", "holidays": True,
         "name": "Acme", "line1": "Hafenweg 1", "line2": "Tor 3", "city": "Berlin", "phone": "+49 30 1"},
        {"node": "N2", **_NODE, "channels": ["web"], "weekdays": ["mon", "sat"], "ship_to": ["DE", "AT", "DE-BY"],
         "safety_stock": 2, "handling": 50, "dangerous_goods": True},
    ],
    "stock": [{"sku": "A", "node": "N1", "on_hand": 5}, {"sku": "A", "node": "N2", "on_hand": 7, "lot": "L1",
               "expires_on": "2027-01-31"}],
    "rates": [
        {**_RATE, "to_zone": "DE", "max_g": 1_000},
        {**_RATE, "to_zone": "DE", "min_g": 1_001, "max_g": None, "per_kg": 10},
        {**_RATE, "to_zone": "DE:10*", "from_zone": "DE-BE", "service": "express", "max_g": 5_000},
    ],
    "promotions": [
        {"code": "P10", "when": {"min_qty": 3, "skus": ["A"]}, "then": {"percent": 10}, "priority": 1, "limit": 5},
        {"code": "B2G1", "when": {"coupon": True, "first_order": True, "countries": ["DE"]},
         "then": {"buy": 2, "get": 1}, "starts": "2026-01-01T00:00:00Z", "ends": "2027-01-01T00:00:00+01:00",
         "per_customer": 1, "stackable": True},
        {"code": "FREE", "when": {"currency": "EUR", "min_subtotal": 100}, "then": {"free_shipping": True}},
    ],
    "taxes": [
        {"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True},
        {"country": "US", "region": "CA", "tax_class": "standard", "rate_bp": 725, "inclusive": False},
    ],
    "carriers": [{"carrier": "DHL", "name": "DHL", "services": ["standard", "express"]}],
    "rules": [{"rule": "R1", "when": {"channel": "web"}, "then": {"hold": True}, "priority": 1}],
    "templates": [{"template": "shipped", "body": "On its way, {name}", "subject": "Hello", "language": "en"}],
    "bins": [{"node": "N1", "sku": "A", "bin": "A-01", "zone": "A", "walk": 1}],
    "cartons": [{"carton": "S", "length_mm": 200, "width_mm": 150, "height_mm": 100, "max_weight_g": 5_000}],
}  # fmt: skip


def ndjson(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def _load() -> tuple[TableRows, Tables]:
    rows, tables = TableRows(), empty_tables(NOW_MS)
    for table, given in GOOD.items():
        rows = accept(parse_rows(table, ndjson(given), NDJSON), rows, tables)
        tables = compile_tables(tables.version + 1, rows, tables, NOW_MS)
    return rows, tables


ROWS, TABLES = _load()
