"""Reference tables for the orders of the Brunel set, derived from the set's own files.

    python -m examples.brunel.derive_tables ../shared/data/brunel_supply_chain var/brunel

Writes skus, nodes and stock as JSON lines. Products, plants and which plant has which product (ProductsPerPlant.csv)
are the set's; a plant that has a product has as much of it as was ordered in all. A unit weighs what it weighed on
average. Its price in the catalogue is the handling of the plant that sent it most often; orders bring that of their own
plant. Set here: the country. Daily capacities are left out: together they are far less than the orders of the day.
"""

from __future__ import annotations

import argparse
import collections
import csv
import json
import pathlib
import sys
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal

Row = dict[str, object]
Cells = dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description="Derive reference tables from the Brunel set.")
    parser.add_argument("brunel", type=pathlib.Path, help="the folder with OrderList.csv and its neighbours")
    parser.add_argument("folder", type=pathlib.Path, help="where the tables are written")
    given = parser.parse_args()
    orders = list(_rows(given.brunel / "OrderList.csv"))
    costs = {row["WH"]: Decimal(row["Cost/unit"]) for row in _rows(given.brunel / "WhCosts.csv")}
    tables: dict[str, Iterable[Row]] = {
        "skus": _skus(orders, costs),
        "nodes": ({"node": plant, "kind": "plant", "country": "GB"} for plant in sorted(costs)),
        "stock": _stock(orders, _rows(given.brunel / "ProductsPerPlant.csv")),
    }
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        lines = [json.dumps(row) + "\n" for row in rows]
        (given.folder / f"{name}.ndjson").write_text("".join(lines), encoding="utf-8")
        print(f"{len(lines)} rows of {name} -> {given.folder}", file=sys.stderr)
    return 0


def _rows(path: pathlib.Path) -> Iterator[Cells]:
    with path.open(encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


def _skus(orders: list[Cells], costs: dict[str, Decimal]) -> Iterator[Row]:
    plants: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    units, weight_g = collections.Counter[str](), collections.Counter[str]()
    for order in orders:
        sku = order["Product ID"]
        plants[sku][order["Plant Code"]] += 1
        units[sku] += int(order["Unit quantity"])
        weight_g[sku] += int(Decimal(order["Weight"]) * 1_000)
    for sku, seen in sorted(plants.items()):
        usual = max(sorted(seen), key=seen.__getitem__)
        price = int((costs[usual] * 100).quantize(Decimal(1), ROUND_HALF_UP))
        grams = max(1, weight_g[sku] // units[sku])
        yield {"sku": sku, "price": price, "currency": "USD", "weight_g": grams, "tax_class": "none"}


def _stock(orders: list[Cells], held: Iterable[Cells]) -> Iterator[Row]:
    ordered = collections.Counter[str]()
    for order in orders:
        ordered[order["Product ID"]] += int(order["Unit quantity"])
    for row in held:
        if row["Product ID"] in ordered:
            yield {"sku": row["Product ID"], "node": row["Plant Code"], "on_hand": ordered[row["Product ID"]]}


if __name__ == "__main__":
    raise SystemExit(main())
