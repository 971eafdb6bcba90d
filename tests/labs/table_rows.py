"""Random rows of every table that an upload takes, for tests of what comes back."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from router.tables.row_types import ROW_TYPES

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
PLAIN = st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=8)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
SKUS, NODES = ("A", "B", 'C,"', "Ünï\n"), ("N1", "N 2", "'N3")
COUNTRIES = st.sampled_from(["DE", "FR", "GB"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
ATTRIBUTES = st.dictionaries(NAMES.filter(lambda name: name != "dangerous_goods"), JSON_VALUES, max_size=3)
AMOUNT = st.integers(0, 1_000_000)


def _row(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


ROWS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "skus": _row(
        {"sku": st.sampled_from(SKUS), "currency": st.sampled_from(["EUR", "USD", "JPY"]), "price": AMOUNT},
        {"name": TEXTS, "attributes": ATTRIBUTES, "shelf_life_days": st.integers(1, 400)},
    ).map(lambda row: row | {"weight_g": 100, "tax_class": "standard"}),
    "nodes": _row(
        {"node": st.sampled_from(NODES), "kind": TEXTS, "country": COUNTRIES},
        {
            "postcode": TEXTS,
            "lat": st.floats(-90, 90),
            "lon": st.floats(-180, 180),
            "daily_capacity": AMOUNT,
            "cutoff": st.sampled_from(["09:00", "23:59"]),
            "channels": st.lists(NAMES, min_size=1, max_size=3, unique=True),
            "safety_stock": AMOUNT,
            "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
            "weekdays": st.lists(st.sampled_from(["mon", "sat"]), min_size=1, max_size=2, unique=True),
            "handling": AMOUNT,
            "ship_to": st.lists(st.sampled_from(["*", "DE:", "GB:SW1", "US-CA"]), min_size=1, max_size=3, unique=True),
            "dangerous_goods": st.booleans(),
            "attributes": ATTRIBUTES,
        },
    ),
    "stock": _row(
        {"sku": st.sampled_from(SKUS), "node": st.sampled_from(NODES), "on_hand": AMOUNT},
        {"lot": TEXTS, "expires_on": st.dates().map(str)},
    ),
    "rates": _row(
        {"carrier": PLAIN, "service": PLAIN, "from_zone": st.just("*"), "to_zone": st.sampled_from(["DE", "GB:SW1"])},
        {"max_g": st.integers(1_000, 9_999), "per_kg": AMOUNT},
    ).map(lambda row: row | {"min_g": 0, "price": 490, "days": 2}),
    "promotions": _row(
        {
            "code": NAMES,
            "then": st.sampled_from(
                [
                    {"percent": 12.5},
                    {"percent_bp": 7},
                    {"free_shipping": True},
                    {"buy": 2, "get": 1},
                    {"fixed_price": 1},
                ]
            ),
        },
        {
            "when": st.just({"currency": "EUR", "coupon": True, "min_subtotal": 5, "regions": ["US-CA"]}),
            "starts": st.just("2026-03-01T10:00:00+02:00"),
            "ends": st.just("2026-04-01T00:00:00.5Z"),
            "limit": st.integers(1, 9),
            "stackable": st.booleans(),
            "priority": st.integers(-9, 9),
        },
    ).filter(lambda row: "fixed_price" not in row["then"] or "when" in row),
    "taxes": _row(
        {"country": COUNTRIES, "tax_class": NAMES, "rate_bp": st.integers(0, 10_000), "inclusive": st.booleans()}, {}
    ),
    "carriers": _row({"carrier": NAMES}, {"name": TEXTS, "services": st.lists(NAMES), "attributes": ATTRIBUTES}),
    "rules": _row(
        {"rule": NAMES, "when": ATTRIBUTES, "then": ATTRIBUTES},
        {"priority": st.integers(-9, 9), "attributes": ATTRIBUTES},
    ),
    "templates": _row(
        {"template": NAMES, "body": TEXTS}, {"subject": TEXTS, "language": TEXTS, "attributes": ATTRIBUTES}
    ),
    "bins": _row(
        {"node": NAMES, "sku": NAMES, "bin": NAMES, "walk": st.integers(0, 9)},
        {"zone": st.sampled_from(["", "cold"])},
    ),
    "cartons": _row(
        {
            "carton": NAMES,
            **{f"{name}_mm": st.integers(1, 999) for name in ("length", "width", "height")},
            "max_weight_g": st.integers(0, 99_999),
        },
        {"weight_g": st.integers(0, 999), "cost": st.integers(0, 99), "dangerous_goods": st.booleans()},
    ),
}
assert set(ROWS) == set(ROW_TYPES)
