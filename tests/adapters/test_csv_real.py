"""Real sets of the shared folder through the examples' mappings alone: every row as other code counts it."""

from __future__ import annotations

import gzip
import pathlib
from typing import Any

import pytest

from tests.labs.csv_files import Outcome, translate
from tests.labs.real_sets.counted import rows_of
from tests.labs.real_sets.sets import BRUNEL, NORTHWIND, ROOT, SETS, RealSet


def _translated(real: RealSet, orders: pathlib.Path, before: str = "") -> Outcome:
    """``before``: keys in front of the example's mapping."""
    mapping = (ROOT / "examples" / real.example / "mapping.toml").read_text("utf-8")
    packed = orders.read_bytes()
    joined = {name: path.read_text("utf-8-sig") for name, path in real.joins.items()}
    return translate(before + mapping, gzip.decompress(packed) if orders.suffix == ".gz" else packed, joined=joined)


def _lines(order: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(line["sku"], line["qty"], line["unit_price"], line.get("discount", 0)) for line in order["lines"]]


@pytest.mark.parametrize("real", SETS, ids=lambda real: real.example)
def test_every_row_is_the_counted_line_or_stands_under_its_reason(real: RealSet, tmp_path: pathlib.Path) -> None:
    if real.missing:
        pytest.skip(real.missing)
    orders = real.taken(tmp_path)
    counted, found = real.count(orders), _translated(real, orders)
    assert found.report.rows == counted.rows and found.report.refused == 0
    assert found.reasons == dict(counted.not_orders)
    assert {order["order_id"]: _lines(order) for order in found.orders} == {
        order_id: [(line.sku, line.qty, line.unit_price, line.discount) for line in order.lines]
        for order_id, order in counted.orders.items()
    }
    assert sum(event["order_id"] in counted.accepted for event in found.events) == counted.events


@pytest.mark.skipif(bool(NORTHWIND.missing), reason=NORTHWIND.missing)
def test_northwind_has_the_heads_of_its_second_file() -> None:
    found = _translated(NORTHWIND, NORTHWIND.orders)
    heads = {row["OrderID"]: row for row in rows_of(NORTHWIND.joins["orders"])}
    assert set(found.ids) == set(heads)
    for order in found.orders:
        head = heads[order["order_id"]]
        assert order["placed_at"][:10] == head["OrderDate"][:10] and order["ship_to"]["line1"] == head["ShipAddress"]
    countries = {order["ship_to"]["country"] for order in found.orders}
    assert len(countries) == len({head["ShipCountry"] for head in heads.values()})
    assert len(found.events) == sum(bool(head["ShippedDate"]) for head in heads.values())


@pytest.mark.skipif(bool(BRUNEL.missing), reason=BRUNEL.missing)
def test_brunel_is_the_same_whole_or_one_order_at_a_time() -> None:
    whole, one_by_one = (_translated(BRUNEL, BRUNEL.orders, f'group = "{group}"\n') for group in ("all", "consecutive"))
    assert len(whole.orders) == sum(1 for _ in rows_of(BRUNEL.orders))
    assert whole.orders == one_by_one.orders
