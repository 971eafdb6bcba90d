"""Northwind: prices without tax, discounts as shares, freight by order; VAT by country, food at a reduced rate."""

from __future__ import annotations

import csv
import json
import pathlib
import re
from fractions import Fraction

from tests.labs.real_sets.counted import Counted, Line, Order, minor, rounded, rows_of, tax_on

_CODES = dict(
    zip(
        "Germany USA Brazil France UK Venezuela Austria Sweden Canada Mexico Italy Spain Finland Belgium Ireland "
        "Switzerland Denmark Argentina Portugal Poland Norway".split(),
        "DE US BR FR GB VE AT SE CA MX IT ES FI BE IE CH DK AR PT PL NO".split(),
        strict=True,
    )
)
_BEVERAGES = "1"
# Codes that are none: leading zeros and second halves are lost, WX is no part of Britain, no code of Canada has an F.
_POSTCODES = {
    **dict.fromkeys(("Germany", "Mexico", "Spain"), r"\d{5}"),
    "Portugal": r"\d{4}-\d{3}",
    "UK": r"(?!WX)[A-Z]{2}\d\d? \d[A-Z]{2}",
    "Canada": r"[A-EG-Z]\d[A-EG-Z] \d[A-EG-Z]\d",
}


def count(folder: pathlib.Path, rates: pathlib.Path) -> Counted:
    counted = Counted()
    vat = json.loads(rates.read_text(encoding="utf-8"))["rates"]
    heads = {row["OrderID"]: row for row in rows_of(folder / "Orders.csv")}
    beverages = {row["ProductID"] for row in rows_of(folder / "Products.csv") if row["CategoryID"] == _BEVERAGES}
    for row in rows_of(folder / "OrderDetails.csv"):
        counted.rows += 1
        head = heads[row["OrderID"]]
        if not _has_postcode(head["ShipCountry"], head["ShipPostalCode"]):
            counted.refused[row["OrderID"]] = "postcode_format"
            counted.refused_rows.append(tuple(row.values()))
        qty, price = int(row["Quantity"]), minor(row["UnitPrice"])
        rate = _rate(vat.get(_CODES[head["ShipCountry"]]), row["ProductID"] in beverages)
        discount = rounded(qty * price * Fraction(row["Discount"]))
        tax = tax_on(qty * price - discount, rate, is_inclusive=False)
        order = counted.orders.setdefault(row["OrderID"], Order(shipping=minor(head["Freight"])))
        order.lines.append(Line(row["ProductID"], qty, price, discount, tax, is_inclusive=False))
    counted.events = sum(1 for order_id in counted.accepted if heads[order_id]["ShippedDate"])
    return counted


def corrected(folder: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """All of Orders.csv, with postcodes as their countries write them."""
    heads = list(rows_of(folder / "Orders.csv"))
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(heads[0]))
        writer.writeheader()
        for head in heads:
            code = head["ShipPostalCode"]
            if not _has_postcode(head["ShipCountry"], code):
                right = {"Portugal": f"{code}-001", "UK": code.replace("WX", "SW"), "Canada": code.replace("F", "A")}
                head["ShipPostalCode"] = right.get(head["ShipCountry"], code.zfill(5))
            assert _has_postcode(head["ShipCountry"], head["ShipPostalCode"]), head
            writer.writerow(head)
    return path


def _rate(known: dict[str, object] | None, is_beverage: bool) -> Fraction:
    if known is None:
        return Fraction(0)
    standard, reduced = known["standard"], known["reduced"]
    assert isinstance(reduced, list)
    percent = standard if is_beverage or not reduced else max(reduced)
    return Fraction(str(percent)) / 100


def _has_postcode(country: str, postcode: str) -> bool:
    return re.fullmatch(_POSTCODES.get(country, ".*"), postcode) is not None
