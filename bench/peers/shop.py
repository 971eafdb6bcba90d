"""What peers load and get: the reference tables and the orders of a workload, as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.harness.arrays import I64
from bench.harness.people import PLACES
from bench.harness.tables import NODES, Row, tables_for
from bench.harness.workload import CURRENCIES, Workload

AREAS: tuple[tuple[str, str], ...] = tuple(dict.fromkeys((country, region) for country, region, *_ in PLACES))
TAX_CLASSES = ("standard", "reduced")
SERVICES = ("", "express")


class Fee(NamedTuple):
    """What a parcel home costs the customer: up to ``light_g`` a price, above it a price and so much a kilogram."""

    light_g: int
    light_minor: int
    heavy_minor: int
    per_kg_minor: int


@dataclass(frozen=True)
class Shop:
    """Reference tables, as every peer loads them; made from the rows that this router loads."""

    planned_orders: int  # that the stock is laid out for
    price_minor: I64  # (currency, SKU)
    weight_g: I64  # (SKU)
    tax_class: I64  # (SKU) index into TAX_CLASSES
    tax_bp: I64  # (area, tax class)
    inclusive: I64  # (area) 1: prices hold their tax
    preference: I64  # (area, rank) nodes, the destination's own country first
    fees: tuple[Fee, ...]  # by service; the same for every area, as every country has a node
    on_hand: I64  # (SKU, node)

    @property
    def skus(self) -> int:
        return len(self.weight_g)


@dataclass(frozen=True)
class Orders:
    """Orders parsed, in order of arrival; a SKU stands once in an order, SKUs ascend."""

    ids: list[str]
    documents: list[bytes]  # as JSON, without the line end
    area: I64
    currency: I64
    express: I64
    offset: I64  # (n + 1)
    sku: I64  # -1 unknown
    qty: I64
    merged: npt.NDArray[np.bool_]  # (n) a SKU was named twice

    def __len__(self) -> int:
        return len(self.ids)

    def lines(self, row: int) -> tuple[list[int], list[int]]:
        part = slice(int(self.offset[row]), int(self.offset[row + 1]))
        return self.sku[part].tolist(), self.qty[part].tolist()

    def first(self, count: int) -> Orders:
        """The orders that arrive first."""
        count = min(count, len(self))
        end = int(self.offset[count])
        return Orders(
            self.ids[:count],
            self.documents[:count],
            self.area[:count],
            self.currency[:count],
            self.express[:count],
            self.offset[: count + 1],
            self.sku[:end],
            self.qty[:end],
            self.merged[:count],
        )


def make_shop(workload: Workload, planned_orders: int) -> Shop:
    tables = {name: list(rows) for name, rows in tables_for(workload, planned_orders).items()}
    of_sku = tables["skus"][:: len(CURRENCIES)]
    taxes = [[_tax(tables["taxes"], area, name) for name in TAX_CLASSES] for area in AREAS]
    home = {node: country for node, country, *_ in NODES}
    nodes = list(home)
    on_hand = np.array([row["on_hand"] for row in tables["stock"]], np.int64).reshape(len(of_sku), len(nodes))
    return Shop(
        planned_orders=planned_orders,
        price_minor=workload.price_minor,
        weight_g=np.array([row["weight_g"] for row in of_sku], np.int64),
        tax_class=np.array([TAX_CLASSES.index(str(row["tax_class"])) for row in of_sku], np.int64),
        tax_bp=np.array([[row["rate_bp"] if row else 0 for row in rows] for rows in taxes], np.int64),
        inclusive=np.array([any(row and row["inclusive"] for row in rows) for rows in taxes], np.int64),
        preference=np.array([sorted(range(len(nodes)), key=_away(home, country)) for country, _ in AREAS], np.int64),
        fees=tuple(_fee(tables["rates"], service) for service in SERVICES),
        on_hand=on_hand,
    )


def read_orders(workload: Workload, count: int, first: int = 0) -> Orders:
    """The workload's orders, parsed."""
    batches = list(workload.arrow(count, first))
    documents = [line for chunk in workload.ndjson(count, first) for line in chunk.splitlines()]
    area_of = {area: number for number, area in enumerate(AREAS)}
    areas = [
        area_of[area]
        for batch in batches
        for area in zip(_texts(batch, "ship_to_country"), _texts(batch, "ship_to_region"), strict=True)
    ]
    offset, sku, qty = _merged_lines(batches, workload.mix.skus)
    sent = np.concatenate([np.diff(batch["lines"].offsets.to_numpy()) for batch in batches])
    return Orders(
        ids=[text for batch in batches for text in _texts(batch, "order_id")],
        documents=documents,
        area=np.array(areas, np.int64),
        currency=_positions(batches, "currency", CURRENCIES),
        express=_positions(batches, "shipping_service", SERVICES),
        offset=offset,
        sku=sku,
        qty=qty,
        merged=np.diff(offset) < sent,
    )


def _texts(batch: pa.RecordBatch, name: str) -> list[str]:
    texts: list[str] = batch[name].to_pylist()
    return texts


def _positions(batches: list[pa.RecordBatch], name: str, values: tuple[str, ...]) -> I64:
    at = {value: number for number, value in enumerate(values)}
    return np.array([at[text] for batch in batches for text in _texts(batch, name)], np.int64)


def _merged_lines(batches: list[pa.RecordBatch], skus: int) -> tuple[I64, I64, I64]:
    orders, sku, qty, before = [], [], [], 0
    for batch in batches:
        lines = batch["lines"]
        counts = np.diff(lines.offsets.to_numpy())
        orders.append(before + np.repeat(np.arange(len(counts)), counts))
        sku.append(lines.values.field("sku").indices.to_numpy().astype(np.int64))
        qty.append(lines.values.field("qty").to_numpy().astype(np.int64))
        before += len(counts)
    named, place = np.unique(np.concatenate(orders) * (skus + 1) + np.concatenate(sku), return_inverse=True)
    order, number = named // (skus + 1), named % (skus + 1)
    units = np.bincount(place, weights=np.concatenate(qty)).astype(np.int64)
    return np.searchsorted(order, np.arange(before + 1)), np.where(number < skus, number, -1), units


def _tax(rows: list[Row], area: tuple[str, str], tax_class: str) -> Row | None:
    """The row of the region, else that of the country."""
    fitting = [row for row in rows if row["country"] == area[0] and row["tax_class"] == tax_class]
    return max(
        (row for row in fitting if row.get("region") in (None, area[1])), key=lambda row: "region" in row, default=None
    )


def _away(home: dict[str, str], country: str) -> Callable[[int], bool]:
    countries = list(home.values())
    return lambda node: countries[node] != country


def _fee(rates: list[Row], service: str) -> Fee:
    """Home rates are the cheapest that lead to a place, and standard is cheaper than express."""
    light, heavy = (
        row
        for row in rates
        if row["from_zone"] == row["to_zone"] == AREAS[0][0] and row["service"] == (service or "standard")
    )
    numbers = (light["max_g"], light["price"], heavy["price"], heavy["per_kg"])
    return Fee(*(int(str(number)) for number in numbers))
