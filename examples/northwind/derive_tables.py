"""Reference tables for the Northwind orders, derived from the set's own files and from rates of VAT.

    python -m examples.northwind.derive_tables ../shared/data/northwind ../shared/data/tax/eu_vat_rates_data.json FOLDER

Writes skus, nodes, stock and taxes as JSON lines. Products, prices and categories are the set's, and so is stock: what
lies in the warehouse today and everything that was ever ordered. Set here: two warehouses, half of the units in each,
and one weight for all. Prices are without tax. Beverages are taxed at the standard rate of the country they go to and
food at its highest reduced one; countries that the file of rates does not know have none.
"""

from __future__ import annotations

import argparse
import collections
import csv
import json
import pathlib
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal

Row = dict[str, object]
WEIGHT_G = 500
BEVERAGES = "1"  # of Categories.csv
NODES = (
    {"node": "seattle", "kind": "warehouse", "country": "US", "region": "WA", "postcode": "98122"},
    {"node": "london", "kind": "warehouse", "country": "GB", "postcode": "SW1A 1AA"},
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Derive reference tables from the Northwind files.")
    parser.add_argument("northwind", type=pathlib.Path, help="the folder with Products.csv and OrderDetails.csv")
    parser.add_argument("rates", type=pathlib.Path, help="eu_vat_rates_data.json")
    parser.add_argument("folder", type=pathlib.Path, help="where the tables are written")
    given = parser.parse_args()
    products = list(_rows(given.northwind / "Products.csv"))
    tables: dict[str, Iterable[Row]] = {
        "skus": map(_sku, products),
        "nodes": map(dict, NODES),
        "stock": _stock(products, _rows(given.northwind / "OrderDetails.csv")),
        "taxes": _taxes(json.loads(given.rates.read_text(encoding="utf-8"))["rates"]),
    }
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        (given.folder / f"{name}.ndjson").write_text("".join(lines), encoding="utf-8")
        print(f"{len(lines)} rows of {name} -> {given.folder}", file=sys.stderr)
    return 0


def _rows(path: pathlib.Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


def _sku(product: dict[str, str]) -> Row:
    return {
        "sku": product["ProductID"],
        "name": product["ProductName"],
        "price": int(Decimal(product["UnitPrice"]) * 100),
        "currency": "USD",
        "weight_g": WEIGHT_G,
        "tax_class": "beverages" if product["CategoryID"] == BEVERAGES else "food",
    }


def _stock(products: list[dict[str, str]], lines: Iterable[dict[str, str]]) -> Iterator[Row]:
    units = collections.Counter({product["ProductID"]: int(product["UnitsInStock"]) for product in products})
    for line in lines:
        units[line["ProductID"]] += int(line["Quantity"])
    for sku, count in units.items():
        for node, on_hand in zip(NODES, (count - count // 2, count // 2), strict=True):
            yield {"sku": sku, "node": node["node"], "on_hand": on_hand}


def _taxes(rates: dict[str, dict[str, object]]) -> Iterator[Row]:
    for country, known in sorted(rates.items()):
        standard, reduced = known["standard"], known["reduced"]
        assert isinstance(standard, float) and isinstance(reduced, list)
        place = {"country": "GB", "region": "NIR"} if country == "XI" else {"country": country}
        for tax_class, percent in (("beverages", standard), ("food", max(reduced, default=standard))):
            yield {**place, "tax_class": tax_class, "percent": percent, "inclusive": False}


if __name__ == "__main__":
    raise SystemExit(main())
