"""Orders that no band carries as one: in parcels, paid for, and never for nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
import pytest

from router.arrow.arrays import from_message, numbers, to_message
from router.config import Limits
from router.log.columns import QUOTE, WIRE_SKUS
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.order_lab import OrderLab, order_row

Row = dict[str, Any]
BAND = {**table_cases.RATE, "to_zone": "*", "max_g": 22_000, "price": 1_500}
SKUS = {"KG": 1_000, "H1": 20_000, "H2": 20_000, "H30": 30_000}


@pytest.fixture
def lab() -> OrderLab:
    """Two warehouses whose heaviest parcel is 22 kg; H1 lies in one, H2 in the other."""
    lab = OrderLab(shards=1)
    lab.tables_with(
        skus=[{**table_cases.SKU, "sku": sku, "weight_g": weight_g} for sku, weight_g in SKUS.items()],
        nodes=[{**table_cases.NODE, "node": node} for node in ("N1", "N2")],
        rates=[BAND],
    )
    lab.stock(KG_N1=1_000, H1_N1=10, H2_N2=10, H30_N1=10)
    return lab


def decided(lab: OrderLab, *lines: tuple[str, int], **changes: Any) -> Row:
    order_id = f"o{lab.now_ms}"
    lab.order(order_id, [{"sku": sku, "qty": qty} for sku, qty in lines], **changes)
    return lab.view(order_id)


@pytest.mark.parametrize(
    ("lines", "parcels"),
    [([("KG", 22)], 1), ([("KG", 26)], 2), ([("KG", 45)], 3), ([("H1", 1), ("H2", 1)], 2), ([("H1", 3), ("H2", 1)], 4)],
)
def test_the_fee_is_that_of_the_parcels_that_carry_the_order(
    lab: OrderLab, lines: list[tuple[str, int]], parcels: int
) -> None:
    view = decided(lab, *lines)
    assert (view["status"], view["shipping"], view["parcels"]) == ("allocated", 1_500 * parcels, parcels)
    assert sum(parcel["pieces"] for parcel in view["parcel_plan"]) == parcels
    assert sum(parcel["cost"] for parcel in view["parcel_plan"]) == 1_500 * parcels


@pytest.mark.parametrize("lines", [[("H30", 1)], [("KG", 1), ("H30", 1)]])
def test_only_an_item_too_heavy_alone_is_unreachable(lab: OrderLab, lines: list[tuple[str, int]]) -> None:
    view = decided(lab, *lines)
    assert (view["status"], view["reasons"], view["total"]) == ("rejected", ["unreachable"], 0)


def test_what_no_band_carries_is_refused_whatever_is_in_stock(lab: OrderLab) -> None:
    """It would wait for stock, and ship without a fee."""
    lab.stock(H30_N1=0)
    assert decided(lab, ("H30", 1))["status"] == "rejected"
    lab.tables_with(
        skus=[table_cases.SKU], nodes=[table_cases.NODE],
        rates=[{**BAND, "max_g": None}, {**BAND, "service": "express", "max_g": 100}],
    )  # fmt: skip
    view = decided(lab, ("A", 1), shipping={"service": "express"})
    assert (view["status"], view["reasons"]) == ("rejected", ["unreachable"])
    assert decided(lab, ("A", 1))["status"] == "backordered"


def test_a_partial_order_pays_the_fee_of_the_whole(lab: OrderLab) -> None:
    view = decided(lab, ("H1", 12))
    assert (view["status"], view["shipping"]) == ("partially_allocated", 12 * 1_500)
    assert (view["parcels"], view["lines"][0]["backordered"]) == (10, 2)


def test_a_quote_says_the_fee_and_the_parcels_that_the_order_gets(lab: OrderLab) -> None:
    order = order_row("q1", [{"sku": "KG", "qty": 26}, {"sku": "H2", "qty": 2}])
    wire = decode_bodies([msgspec.json.encode(order)], Limits())
    asked = to_message(wire.orders), to_message(pa.record_batch([wire.skus], WIRE_SKUS))
    quoted = from_message(lab.router.quote(*asked, lab.now_ms), QUOTE)
    lab.order("q1", order["lines"])
    view = lab.view("q1")
    assert numbers(quoted, "shipping_minor").tolist() == [view["shipping"]] == [3 * 1_500]  # 20 + 2, 20 + 2, 22
    assert numbers(quoted, "parcels").tolist() == [view["parcels"]] == [4]
