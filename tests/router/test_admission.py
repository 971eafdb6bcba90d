"""What admission reads out of an order's texts: a second address, a guest, a service that nobody offers."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from router.config import Config
from router.ids import given, hash_key, hash_strings
from router.reasons import codes
from router.shard.admission import Admitter
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.table_cases import NOW_MS

KEY = hash_key(bytes(range(16)))
CONFIG = Config()
HOME = {"name": "N", "line1": "L", "city": "C", "postcode": "10115", "country": "DE"}
TABLES = table_cases.tables_of(
    skus=[table_cases.SKU], nodes=[table_cases.NODE], rates=[{**table_cases.RATE, "max_g": None}]
)


def admitted(*orders: dict[str, Any], config: Config = CONFIG) -> pa.RecordBatch:
    bodies = [
        json.dumps(
            {
                "order_id": f"o{number}",
                "channel": "shop",
                "placed_at": "2026-11-01T10:00:00Z",
                "currency": "EUR",
                "customer": {"id": "c", "name": "N"},
                "ship_to": HOME,
                "lines": [{"sku": table_cases.SKU["sku"], "qty": 1}],
                **order,
            }
        ).encode()
        for number, order in enumerate(orders)
    ]
    wire = decode_bodies(bodies, CONFIG.limits)
    assert not wire.refused
    hashes = hash_strings(KEY, wire.orders.column("order_id"))
    return Admitter(config, KEY, TABLES).admit(wire.orders, wire.skus, hashes, NOW_MS)[0]


@pytest.mark.parametrize(
    ("bill_to", "points"),
    [
        (None, 0),
        (HOME, 0),
        ({**HOME, "country": ""}, 0),
        ({**HOME, "country": "AT"}, CONFIG.policy.risk_points_address),
        ({**HOME, "postcode": "10117"}, CONFIG.policy.risk_points_address),
        ({**HOME, "country": "de", "postcode": "D-10 115"}, 0),
        ({**HOME, "country": "ＤＥ", "postcode": "１０１１５"}, 0),
        ({"postcode": "DE-10115"}, 0),
        ({**HOME, "country": "XI"}, CONFIG.policy.risk_points_address),
        ({**HOME, "country": "AT", "postcode": "A-1010"}, CONFIG.policy.risk_points_address),
    ],
)
def test_a_bill_to_that_is_another_place_counts_and_none_does_not(bill_to: dict[str, str] | None, points: int) -> None:
    asked = {} if bill_to is None else {"bill_to": bill_to}
    assert CONFIG.policy.risk_points_address > 0
    assert admitted(asked).column("risk").to_pylist() == [points]
    assert admitted({}, asked, {}).column("risk").to_pylist() == [0, points, 0], "the neighbours are not concerned"


@pytest.mark.parametrize(
    ("ship_to", "bill_to", "points"),
    [
        (("XI", "BT1 5GS"), ("GB", "bt15gs"), 0),
        (("ES", "35001"), ("IC", "35001"), 0),
        (("XI", "BT1 5GS"), ("GB", "BT2 5GS"), CONFIG.policy.risk_points_address),
        (("XI", "BT1 5GS"), ("IE", ""), CONFIG.policy.risk_points_address),
    ],
)
def test_a_part_of_a_country_is_no_other_place_than_the_country(
    ship_to: tuple[str, str], bill_to: tuple[str, str], points: int
) -> None:
    there, bill = ({"country": country, "postcode": postcode} for country, postcode in (ship_to, bill_to))
    assert admitted({"ship_to": HOME | there, "bill_to": HOME | bill}).column("risk").to_pylist() == [points]


def test_a_guest_has_no_customer_and_no_basket() -> None:
    batch = admitted({}, {"customer": {"name": "N"}})
    customers, baskets = batch.column("customer").to_pylist(), batch.column("basket").to_pylist()
    assert customers[0] and baskets[0] and (customers[1], baskets[1]) == (0, 0)


def test_a_service_that_no_rate_offers_is_told_from_none_at_all() -> None:
    masks = admitted({}, {"shipping": {"service": "by balloon"}}).column("reasons").to_pylist()
    assert ["service_unknown" in codes(mask) for mask in masks] == [False, True]


def test_texts_are_given_where_they_are_not_empty() -> None:
    array = pa.array(["x", "", "a", "", ""], pa.string())
    assert given(array).tolist() == [True, False, True, False, False]
    assert given(array.slice(1, 3)).tolist() == [False, True, False]
    assert given(array.slice(5)).tolist() == []
