"""Real sets of the shared folder through mappings alone; what is expected is added up from the files by other code."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import pathlib
from decimal import Decimal

import pytest

from tests.labs.csv_files import translate

ROOT = pathlib.Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data"
NORTHWIND, BRUNEL, UCI = DATA / "northwind", DATA / "brunel_supply_chain", DATA / "uci_online_retail"
UCI_ROWS = 30_000

NORTHWIND_MAPPING = """
[columns]
order_id = "OrderID"
placed_at = "orders.OrderDate"
"customer.id" = "orders.CustomerID"
"customer.name" = "customers.ContactName"
"ship_to.name" = "orders.ShipName"
"ship_to.line1" = "orders.ShipAddress"
"ship_to.city" = "orders.ShipCity"
"ship_to.region" = "orders.ShipRegion"
"ship_to.postcode" = "orders.ShipPostalCode"
"ship_to.country" = "orders.ShipCountry"
"shipping.promise_by" = "orders.RequiredDate"
"lines.sku" = "ProductID"
"lines.qty" = "Quantity"
"lines.unit_price" = "UnitPrice"
"lines.attributes.discount" = "Discount"
[constants]
channel = "northwind"
currency = "USD"
[file]
time_formats = ["%Y-%m-%d %H:%M:%S.%f"]
[joins.orders]
on = { OrderID = "OrderID" }
holds_orders = true
[joins.customers]
on = { "orders.CustomerID" = "CustomerID" }
[[events]]
type = "ship"
event_id = "shipped"
column = "orders.ShippedDate"
empty = false
columns = { at = "orders.ShippedDate" }
"""


def _table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.skipif(not NORTHWIND.exists(), reason="Northwind is not in ../shared/data")
def test_northwind_is_joined_whole() -> None:
    text = {
        name: (NORTHWIND / f"{name}.csv").read_text("utf-8-sig") for name in ("OrderDetails", "Orders", "Customers")
    }
    joined = {"orders": text["Orders"], "customers": text["Customers"]}
    found = translate(NORTHWIND_MAPPING, text["OrderDetails"], joined=joined)
    details, orders = _table(text["OrderDetails"]), {row["OrderID"]: row for row in _table(text["Orders"])}
    assert set(found.ids) == set(orders) and found.report.refused == 0 and found.reasons == {}
    cents = sum(int(Decimal(row["UnitPrice"]) * 100) * int(row["Quantity"]) for row in details)
    assert sum(line["unit_price"] * line["qty"] for order in found.orders for line in order["lines"]) == cents
    for order in found.orders:
        row = orders[order["order_id"]]
        assert order["placed_at"][:10] == row["OrderDate"][:10] and order["ship_to"]["line1"] == row["ShipAddress"]
        assert len(order["lines"]) == sum(detail["OrderID"] == order["order_id"] for detail in details)
    assert len({order["ship_to"]["country"] for order in found.orders}) == len(
        {r["ShipCountry"] for r in orders.values()}
    )
    assert len(found.events) == sum(bool(row["ShippedDate"]) for row in orders.values())


BRUNEL_MAPPING = """
[columns]
order_id = "Order ID"
placed_at = "Order Date"
"customer.id" = "Customer"
"lines.sku" = "Product ID"
"lines.qty" = "Unit quantity"
"lines.attributes.plant" = "Plant Code"
[constants]
channel = "brunel"
currency = "GBP"
[file]
time_formats = ["%Y-%m-%d"]
"""


@pytest.mark.skipif(not BRUNEL.exists(), reason="the Brunel orders are not in ../shared/data")
@pytest.mark.parametrize("group", ["all", "consecutive"])
def test_brunel_has_every_order_and_unit(group: str) -> None:
    text = (BRUNEL / "OrderList.csv").read_text("utf-8-sig")
    rows = _table(text)
    found = translate(f'group = "{group}"\n{BRUNEL_MAPPING}', text)
    assert set(found.ids) == {row["Order ID"] for row in rows} and found.report.refused == 0
    units = sum(line["qty"] for order in found.orders for line in order["lines"])
    assert units == sum(int(row["Unit quantity"]) for row in rows)


@pytest.mark.skipif(not UCI.exists(), reason="the UCI Online Retail file is not in ../shared/data")
def test_uci_orders_cost_what_their_rows_cost() -> None:
    mapping = (ROOT / "examples/uci_online_retail/mapping.toml").read_text("utf-8")
    with gzip.open(UCI / "online_retail_2010-12_2011-12.csv.gz", "rt", encoding="utf-8-sig", newline="") as whole:
        text = "".join(itertools.islice(whole, UCI_ROWS))
    found = translate(mapping, text)
    no_goods = {"POST", "DOT", "C2", "AMAZONFEE", "BANK CHARGES", "D", "M", "m", "S", "CRUK"}
    sold = [
        row
        for row in _table(text)
        if row["InvoiceNo"][0] not in "CA"
        and int(row["Quantity"]) >= 0
        and row["StockCode"] not in no_goods
        and not row["StockCode"].startswith("gift_0001")
        and Decimal(row["UnitPrice"]) >= Decimal("0.01")
    ]
    pence = sum(int(Decimal(row["UnitPrice"]) * 100) * int(row["Quantity"]) for row in sold)
    assert found.report.refused == 0 and found.report.order_lines == len(sold)
    assert sum(line["unit_price"] * line["qty"] for order in found.orders for line in order["lines"]) == pence
