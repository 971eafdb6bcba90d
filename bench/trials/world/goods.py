"""What the month deals in: SKUs, a bundle, warehouses, carriers' rates, taxes, and how the router is configured."""

from __future__ import annotations

from typing import Any

import msgspec

from bench.trials.world.agenda import DAY_MS, HOUR_MS
from router.config import Config, DeskConfig, LogConfig, Policy

Row = dict[str, Any]
CURRENCY = "EUR"
SKUS = tuple(f"SKU-{number:03d}" for number in range(120))
BUNDLE, PARTS = "SET-001", ("SKU-001", "SKU-002")
NODES = {"BER": ("DE", "10115"), "HAM": ("DE", "20095"), "MUC": ("DE", "80331"), "LYS": ("FR", "69002")}
CITIES = (("DE", "Berlin", "10115"), ("DE", "Köln", "50667"), ("DE", "München", "80331"), ("FR", "Paris", "75001"))
UNITS_AT_FIRST, UNITS_A_RECEIPT, RECEIPT_BELOW = 60, 80, 15  # of a SKU at a node
PAY, CARRIER = "pay", "haul"  # partners
SHARDS = 2
UNPAID_MS = 3 * DAY_MS
APPROVED_MINOR = 20_000  # that service may give back by itself


def config() -> Config:
    return Config(
        shards=SHARDS,
        policy=Policy(unpaid="hold", unpaid_expires_ms=UNPAID_MS, duplicate_basket_window_ms=HOUR_MS),
        log=LogConfig(log_bytes_max=8 << 30),
        desk=DeskConfig(
            unsent_after_ms=3 * DAY_MS,
            waiting_after_ms=2 * DAY_MS,
            undelivered_after_ms=6 * DAY_MS,
            unpaid_after_ms=5 * DAY_MS,
            uncaptured_after_ms=4 * DAY_MS,
            refund_limits={"service": {CURRENCY: APPROVED_MINOR}},
        ),
        partners={PAY: _partner("sandbox_payments"), CARRIER: _partner("sandbox_carrier")},
    )


def _partner(adapter: str) -> Row:
    return {"adapter": adapter, "url": "https://partner.invalid", "api_key": "env:K", "hook_secrets": ["env:K"]}


def tables() -> dict[str, bytes]:
    """Bodies of uploads as NDJSON, in the order in which they are put."""
    sku = {"currency": CURRENCY, "tax_class": "standard"}
    rows: dict[str, list[Row]] = {
        "skus": [
            *(
                {"sku": name, "price": _price_minor(at), "weight_g": 200 + 37 * at, **sku}
                for at, name in enumerate(SKUS)
            ),
            {"sku": BUNDLE, "price": 4_999, **sku, "bundle": [{"sku": part, "qty": 1} for part in PARTS]},
        ],
        "nodes": [
            {"node": node, "kind": "warehouse", "country": country, "postcode": code, "cutoff": "15:00",
             "timezone": "Europe/Berlin"}
            for node, (country, code) in NODES.items()
        ],
        "rates": [
            {"carrier": carrier, "service": service, "from_zone": "*", "to_zone": to, "min_g": 0, "max_g": None,
             "price": price, "days": days}
            for carrier, service, price, days in (("haul", "economy", 490, 3), ("haul", "express", 1_290, 1))
            for to in ("DE", "FR")
        ],
        "taxes": [
            {"country": country, "tax_class": "standard", "rate_bp": rate, "inclusive": True}
            for country, rate in (("DE", 1_900), ("FR", 2_000))
        ],
        "promotions": [
            {"code": "FIVE", "when": {"min_subtotal": 10_000, "currency": CURRENCY}, "then": {"percent": 5},
             "priority": 1},
        ],
        "stock": [{"sku": sku, "node": node, "on_hand": UNITS_AT_FIRST} for sku in SKUS for node in NODES],
    }  # fmt: skip
    return {table: b"\n".join(msgspec.json.encode(row) for row in of) for table, of in rows.items()}


def _price_minor(at: int) -> int:
    return 499 + 1_009 * (at % 17) + (0 if at % 40 else 30_000)
