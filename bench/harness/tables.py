"""Reference tables that fit a workload: its SKUs and places, and stock for as many orders as are planned."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from bench.harness.workload import CURRENCIES, Workload, sku_weights

Row = dict[str, object]

FLASH_SALE_UNITS = 10_000
UNITS_PER_ORDER = 4  # drawn orders want 3.6 units on average
STOCK_MARGIN = 1.6  # so that everyday orders are rarely short
# node, country, region, postcode, time zone, cutoff, share of the stock in percent
NODES = (
    ("lon-1", "GB", "", "E16 2AA", "Europe/London", "16:00", 22),
    ("man-1", "GB", "", "M17 1AB", "Europe/London", "18:00", 18),
    ("ber-1", "DE", "BE", "12529", "Europe/Berlin", "15:00", 20),
    ("par-1", "FR", "", "95700", "Europe/Paris", "15:30", 12),
    ("lax-1", "US", "CA", "90021", "America/Los_Angeles", "14:00", 15),
    ("nyc-1", "US", "NY", "11430", "America/New_York", "14:00", 13),
)
COUNTRIES = ("GB", "DE", "FR", "US")
# carrier, service, first band (g), its price at home, price per started kilogram above, days at home
CARRIERS = (("parcelline", "standard", 2_000, 395, 60, 3), ("swift", "express", 1_000, 895, 140, 1))
ABROAD_PRICE, ABROAD_DAYS = {True: 3, False: 8}, {True: 2, False: 6}  # times and plus; True: inside Europe
TAXES = (
    {"country": "GB", "tax_class": "standard", "rate_bp": 2000, "inclusive": True},
    {"country": "DE", "tax_class": "standard", "rate_bp": 1900, "inclusive": True},
    {"country": "FR", "tax_class": "standard", "rate_bp": 2000, "inclusive": True},
    {"country": "US", "region": "CA", "tax_class": "standard", "rate_bp": 725, "inclusive": False},
    {"country": "US", "region": "NY", "tax_class": "standard", "rate_bp": 400, "inclusive": False},
    {"country": "GB", "tax_class": "reduced", "rate_bp": 0, "inclusive": True},
    {"country": "DE", "tax_class": "reduced", "rate_bp": 700, "inclusive": True},
    {"country": "FR", "tax_class": "reduced", "rate_bp": 550, "inclusive": True},
    {"country": "US", "tax_class": "reduced", "rate_bp": 0, "inclusive": False},
)
PROMOTIONS = (
    {"code": "WELCOME10", "when": {"coupon": True, "first_order": True}, "then": {"percent": 10}, "priority": 30},
    {"code": "FREESHIP", "when": {"coupon": True}, "then": {"free_shipping": True}, "priority": 20, "stackable": True},
    {
        "code": "BIGBASKET",
        "when": {"min_subtotal": 20_000, "currency": "GBP"},
        "then": {"percent": 5},
        "priority": 10,
        "stackable": True,
    },
    {"code": "APP3FOR2", "when": {"channels": ["app"], "min_qty": 6}, "then": {"buy": 2, "get": 1}, "priority": 5},
)


def tables_for(workload: Workload, planned_orders: int) -> dict[str, Iterable[Row]]:
    """Rows by table, in the order in which they are to be loaded."""
    return {
        "skus": _sku_rows(workload),
        "nodes": _node_rows(),
        "rates": list(_rate_rows()),
        "taxes": TAXES,
        "promotions": PROMOTIONS,
        "stock": _stock_rows(workload, planned_orders),
    }


def as_ndjson(rows: Iterable[Row]) -> bytes:
    encode = msgspec.json.Encoder().encode
    return b"\n".join(encode(row) for row in rows) + b"\n"


def write_tables(workload: Workload, planned_orders: int, folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in tables_for(workload, planned_orders).items():
        (folder / f"{table}.ndjson").write_bytes(as_ndjson(rows))


def _sku_rows(workload: Workload) -> Iterator[Row]:
    weights_g = np.random.default_rng((workload.seed, 1 << 42)).integers(60, 1_500, workload.mix.skus).tolist()
    for at, sku in enumerate(workload.sku_text):
        for currency, prices in zip(CURRENCIES, workload.price_minor, strict=True):
            yield {
                "sku": sku,
                "name": f"Article {at}",
                "price": int(prices[at]),
                "currency": currency,
                "weight_g": weights_g[at],
                "tax_class": "reduced" if at % 10 == 7 else "standard",
            }


def _node_rows() -> list[Row]:
    return [
        {
            "node": node,
            "kind": "warehouse",
            "country": country,
            "region": region,
            "postcode": postcode,
            "timezone": timezone,
            "cutoff": cutoff,
            "handling": 80,
        }
        for node, country, region, postcode, timezone, cutoff, _ in NODES
    ]


def _rate_rows() -> Iterator[Row]:
    for here in COUNTRIES:
        for there in COUNTRIES:
            in_europe = "US" not in (here, there)
            times = 1 if here == there else ABROAD_PRICE[in_europe]
            plus = 0 if here == there else ABROAD_DAYS[in_europe]
            for carrier, service, band_g, price, per_kg, days in CARRIERS:
                row = {"carrier": carrier, "service": service, "from_zone": here, "to_zone": there, "days": days + plus}
                yield {**row, "min_g": 0, "max_g": band_g, "price": price * times}
                yield {**row, "min_g": band_g + 1, "max_g": None, "price": price * times, "per_kg": per_kg * times}


def _stock_rows(workload: Workload, planned_orders: int) -> Iterator[Row]:
    """Stock in proportion to demand; the SKU of a flash sale has exactly FLASH_SALE_UNITS."""
    mix = workload.mix
    weights = sku_weights(mix.skus)
    lines_per_order = mix.lines_fixed or UNITS_PER_ORDER
    wanted = weights / weights.sum() * planned_orders * lines_per_order * STOCK_MARGIN
    for at, sku in enumerate(workload.sku_text):
        units = FLASH_SALE_UNITS if mix.hot_sku and at == 0 else int(wanted[at]) + 200
        for (node, *_), part in zip(NODES, _parts(units), strict=True):
            yield {"sku": sku, "node": node, "on_hand": part}


def _parts(units: int) -> list[int]:
    """Units by node; what rounding leaves goes to the first."""
    parts = [units * node[6] // 100 for node in NODES]
    return [parts[0] + units - sum(parts), *parts[1:]]
