"""The taxes of an order by name, as they were rounded: of each line, of shipping, and their sums.

Orders whose taxes are plain (kernels/money/tax.py) carry the one tax of their place and class, which the tables of
their version name; of all others the record has every amount.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from router.log.declared_amounts import TAKEN_TAX
from router.log.steps import Step
from router.queries.source import Row
from router.tables.compiled import Tables

SHIPPING = -1  # line of the tax on the fee
_SHIPPING_CLASS = "shipping"
_DECLARED = -1  # tax of an order whose channel said it
_OF_A_PERCENT = Decimal(1_000_000)

_Part = tuple[int, int, int]  # line, tax, amount


class OrderTaxes:
    """``tables`` must be the version the order was decided with."""

    def __init__(self, step: Step, tables: Tables) -> None:
        self._taxes = tables.taxes
        parts = [(row["line"], row["tax"], row["amount_minor"]) for row in step.outcome["taxes"]]
        self._is_taken = bool(step.outcome["taken"] & TAKEN_TAX)
        self._parts = parts or list(self._plain(step, tables))

    def of_line(self, line: int) -> list[Row]:
        return [self._shown(tax, amount) for at, tax, amount in self._parts if at == line]

    def of_order(self) -> list[Row]:
        """One row a name and rate, shipping included."""
        sums: dict[int, int] = {}
        for _, tax, amount in self._parts:
            sums[tax] = sums.get(tax, 0) + amount
        return [self._shown(tax, amount) for tax, amount in sums.items()]

    def _plain(self, step: Step, tables: Tables) -> Iterator[_Part]:
        shipping = step.outcome["tax_minor"]
        for number, money in enumerate(step.outcome["money_lines"]):
            shipping -= money["tax_minor"]
            if money["tax_minor"]:
                sku = step.given["lines"][number]["sku"]
                yield number, self._only(step, int(tables.skus.tax_class[sku])), money["tax_minor"]
        if shipping:
            yield SHIPPING, self._only(step, self._taxes.class_ids.index(_SHIPPING_CLASS)), shipping

    def _only(self, step: Step, column: int) -> int:
        if self._is_taken:
            return _DECLARED
        cell = step.given["tax_area"] * len(self._taxes.class_ids) + column
        return int(self._taxes.tax[self._taxes.offset[cell]])

    def _shown(self, tax: int, amount: int) -> Row:
        if tax == _DECLARED:
            return {"name": None, "percent": None, "amount": amount}
        percent: Any = float(Decimal(int(self._taxes.rate[tax])) / _OF_A_PERCENT)
        return {"name": self._taxes.names[tax] or None, "percent": percent, "amount": amount}
