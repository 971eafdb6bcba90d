"""Brunel's OrderList: one line an order, at the handling cost of its plant, rounded to cents; no tax and no freight."""

from __future__ import annotations

import pathlib
from fractions import Fraction

from tests.labs.real_sets.counted import Counted, Line, Order, rounded, rows_of

_QTY_MAX = 100_000  # units of a line, the router's usual limit


def count(orders: pathlib.Path, costs: pathlib.Path) -> Counted:
    counted = Counted()
    cents = {row["WH"]: rounded(Fraction(row["Cost/unit"]) * 100) for row in rows_of(costs)}
    for row in rows_of(orders):
        counted.rows += 1
        qty = int(row["Unit quantity"])
        assert row["Order ID"] not in counted.orders
        counted.orders[row["Order ID"]] = Order([Line(row["Product ID"], qty, cents[row["Plant Code"]])])
        if qty > _QTY_MAX:
            counted.refused[row["Order ID"]] = "qty_range"
            counted.refused_rows.append(tuple(row.values()))
    return counted
