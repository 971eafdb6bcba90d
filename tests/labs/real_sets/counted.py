"""What a set of orders must come to, counted from its files with csv, decimal and fractions: no code of the project."""

from __future__ import annotations

import collections
import csv
import gzip
import math
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

Cells = dict[str, str]


@dataclass(frozen=True)
class Line:
    """Amounts in minor units; ``tax`` is that of the whole line."""

    sku: str
    qty: int
    unit_price: int
    discount: int = 0
    tax: int = 0
    is_inclusive: bool = True  # of its tax

    @property
    def total(self) -> int:
        net = self.qty * self.unit_price - self.discount
        return net if self.is_inclusive else net + self.tax


@dataclass
class Order:
    lines: list[Line] = field(default_factory=list)
    shipping: int = 0

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines) + self.shipping

    @property
    def tax(self) -> int:
        return sum(line.tax for line in self.lines)


@dataclass
class Counted:
    """``orders`` are all that the mapping makes; ``refused`` names those of them that the router must refuse."""

    rows: int = 0
    orders: dict[str, Order] = field(default_factory=dict)
    not_orders: collections.Counter[str] = field(default_factory=collections.Counter)
    refused: dict[str, str] = field(default_factory=dict)
    refused_rows: list[tuple[str, ...]] = field(default_factory=list)  # as they stand in the file
    events: int = 0  # of orders that are taken

    @property
    def accepted(self) -> dict[str, Order]:
        return {order_id: order for order_id, order in self.orders.items() if order_id not in self.refused}

    @property
    def lines(self) -> int:
        return sum(len(order.lines) for order in self.orders.values())


def rows_of(path: pathlib.Path) -> Iterator[Cells]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
        yield from csv.DictReader(text)


def minor(text: str) -> int:
    """Cents of a price that is whole in them."""
    cents = Decimal(text) * 100
    assert cents == int(cents), text
    return int(cents)


def rounded(amount: Fraction) -> int:
    """Half up."""
    return math.floor(amount + Fraction(1, 2))


def tax_on(net: int, rate: Fraction, is_inclusive: bool) -> int:
    """Tax on a net amount; of an inclusive price what its part without tax, rounded, leaves over."""
    return net - rounded(net / (1 + rate)) if is_inclusive else rounded(net * rate)
