"""Reference tables for the UCI Online Retail orders, derived from the file itself.

    python -m examples.uci_online_retail.derive_tables online_retail.csv.gz var/retail [--scarce]

Writes skus, nodes, stock, rates and taxes as JSON lines. The file knows prices, descriptions and countries; the
rest is set here and marked so: every unit weighs 300 g, three nodes, three freight areas. A SKU's catalogue price
is its most frequent one; orders carry the price they were sold at (see router.toml).
"""

from __future__ import annotations

import argparse
import collections
import csv
import pathlib
import sys
from collections.abc import Iterable

import msgspec
import pyarrow as pa

from actors.client.sources import open_text
from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.translate import CsvTranslator

HERE = pathlib.Path(__file__).parent
WEIGHT_G = 300
NODES = (
    {"node": "daventry", "kind": "warehouse", "country": "GB", "region": "", "postcode": "NN11 8RB"},
    {"node": "london", "kind": "store", "country": "GB", "region": "", "postcode": "E14 9SH"},
    {"node": "rotterdam", "kind": "warehouse", "country": "NL", "region": "", "postcode": "3011 AA"},
)
PLACES = {"daventry": (52.26, -1.16), "london": (51.50, -0.02), "rotterdam": (51.92, 4.48)}
SHARE_PERCENT = {"daventry": 60, "london": 15, "rotterdam": 25}  # of the units of every SKU
EUROPE = "AT BE CH CY CZ DE DK ES FI FR GB GR IE IS IT JE LT MT NL NO PL PT SE".split()
# area -> carrier, service, price of the first band, price per started kilogram above it, days
FREIGHT = {
    "home": (("homepost", "standard", 395, 45, 2), ("homepost", "express", 895, 90, 1)),
    "europe": (("eurofreight", "standard", 995, 120, 4),),
    "world": (("airline", "standard", 2450, 480, 7),),
}
FIRST_BAND_G = 2_000
TAX = {"country": "GB", "tax_class": "standard", "rate_bp": 2000, "inclusive": True}


class _Line(msgspec.Struct):
    sku: str
    qty: int
    unit_price: int


class _Order(msgspec.Struct):
    lines: list[_Line]
    ship_to: dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description="Derive reference tables from the UCI Online Retail file.")
    parser.add_argument("file", help="the CSV file, plain, .gz or .zst")
    parser.add_argument("folder", type=pathlib.Path, help="where the tables are written")
    parser.add_argument("--scarce", action="store_true", help="stock for a third of what was sold, instead of all")
    given = parser.parse_args()
    prices, units, countries = _sold(given.file)
    names = _names(given.file)
    given.folder.mkdir(parents=True, exist_ok=True)
    _write(given.folder / "skus.ndjson", (_sku_row(sku, prices[sku], names) for sku in sorted(prices)))
    _write(given.folder / "nodes.ndjson", (_node_row(node) for node in NODES))
    _write(given.folder / "stock.ndjson", _stock_rows(units, 33 if given.scarce else 100))
    _write(given.folder / "rates.ndjson", _rate_rows(sorted(countries)))
    _write(given.folder / "taxes.ndjson", [TAX])
    print(f"{len(prices)} SKUs, {len(countries)} countries -> {given.folder}", file=sys.stderr)
    return 0


def _sold(file: str) -> tuple[dict[str, collections.Counter[int]], collections.Counter[str], set[str]]:
    """Prices and units of every SKU, and the countries shipped to, over exactly the orders that `send` sends."""
    prices: dict[str, collections.Counter[int]] = collections.defaultdict(collections.Counter)
    units: collections.Counter[str] = collections.Counter()
    countries = set()
    translator = CsvTranslator(load_mapping((HERE / "mapping.toml").read_bytes()))
    decode = msgspec.json.Decoder(_Order).decode
    with open_text(file, "utf-8-sig") as lines:
        for composed in translator.orders(lines):
            order = decode(composed.body)
            countries.add(order.ship_to["country"])
            for line in order.lines:
                prices[line.sku][line.unit_price] += 1
                units[line.sku] += line.qty
    return prices, units, countries


def _names(file: str) -> dict[str, str]:
    """The most frequent description of every SKU; the smallest of equals, so that a second run says the same."""
    found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    with open_text(file, "utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            if row["Description"].strip():
                found[row["StockCode"].strip()][row["Description"].strip()] += 1
    return {sku: min(counts, key=lambda name: (-counts[name], name)) for sku, counts in found.items()}


def _sku_row(sku: str, prices: collections.Counter[int], names: dict[str, str]) -> dict[str, object]:
    usual = min(prices, key=lambda price: (-prices[price], price))
    return {
        "sku": sku,
        "name": names.get(sku, sku),
        "price": usual,
        "currency": "GBP",
        "weight_g": WEIGHT_G,
        "tax_class": "standard",
    }


def _node_row(node: dict[str, str]) -> dict[str, object]:
    lat, lon = PLACES[node["node"]]
    return {**node, "lat": lat, "lon": lon}


def _stock_rows(units: collections.Counter[str], percent: int) -> Iterable[dict[str, object]]:
    """The units sold, times percent, spread over the nodes; rounded up, so that 100 % is enough for every order."""
    for sku in sorted(units):
        for node, share in SHARE_PERCENT.items():
            yield {"sku": sku, "node": node, "on_hand": -(-units[sku] * percent * share // 10_000)}


def _rate_rows(countries: list[str]) -> Iterable[dict[str, object]]:
    for node_country in ("GB", "NL"):
        for country in countries:
            home = country == node_country
            area = "home" if home else "europe" if country in EUROPE else "world"
            for carrier, service, price, per_kg, days in FREIGHT[area]:
                row = {"carrier": carrier, "service": service, "from_zone": node_country, "to_zone": country}
                yield {**row, "min_g": 0, "max_g": FIRST_BAND_G, "price": price, "days": days}
                yield {
                    **row,
                    "min_g": FIRST_BAND_G + 1,
                    "max_g": None,
                    "price": price,
                    "per_kg": per_kg,
                    "days": days,
                }


def _write(path: pathlib.Path, rows: Iterable[dict[str, object]]) -> None:
    encode = msgspec.json.Encoder().encode
    with pa.OSFile(str(path), "wb") as sink:
        for row in rows:
            sink.write(encode(row) + b"\n")


if __name__ == "__main__":
    raise SystemExit(main())
