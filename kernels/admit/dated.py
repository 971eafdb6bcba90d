"""Dated: the catalogue price of a SKU at the time an order was placed, where it has prices that begin or end."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

from kernels._jit import IN_I16, IN_I64, group, rule

Array = npt.NDArray[Any]


class DatedPrices(NamedTuple):
    """Prices of SKU s are rows offset[s] : offset[s + 1]; an empty offset = there are none at all."""

    offset: Array  # (S + 1) i64, or (0)
    currency: Array  # (d) i16
    from_ms: Array  # (d) i64  inclusive
    until_ms: Array  # (d) i64  exclusive
    price_minor: Array  # (d) i64


DATED = group(DatedPrices, IN_I64, IN_I16, IN_I64, IN_I64, IN_I64)


@rule
def price_at(sku: Any, currency: Any, placed_at_ms: Any, otherwise: Any, dated: Any) -> Any:
    """The price that counts at this time, else the one that always does (-1 none)."""
    for row in range(dated.offset[sku], dated.offset[sku + 1]):
        if dated.currency[row] == currency and dated.from_ms[row] <= placed_at_ms < dated.until_ms[row]:
            return dated.price_minor[row]
    return otherwise
