"""Taxes of one version of the tables, and what orders carry of them, as groups of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

from kernels._jit import IN_I32, IN_I32_2D, IN_I64, IN_U8, IN_U8_2D, OUT_I32, OUT_I64, group

Array = npt.NDArray[Any]


class TaxRates(NamedTuple):
    """Taxes by area and class: those of cell area * K + class are entries offset[cell] : offset[cell + 1]."""

    plain_rate: Array  # (A, K) i32  the only tax, always open, half up a line; 0 none; NOT_PLAIN = see the entries
    inclusive: Array  # (A, K) u8  1 = the price contains the taxes
    offset: Array  # (A * K + 1) i32
    tax: Array  # (E) i32  row of rate
    from_ms: Array  # (E) i64  inclusive
    until_ms: Array  # (E) i64  exclusive
    rate: Array  # (T) i32  of WHOLE
    once: Array  # (A) u8  1 = rounded once an order and tax, not once a line
    rounding: Array  # (A) u8  HALF_UP, HALF_EVEN, DOWN, UP


class TaxParts(NamedTuple):
    """What lines carry of each tax, of orders whose taxes are not plain."""

    line: Array  # (.) i32  of the order, from 0; SHIPPING = the fee
    tax: Array  # (.) i32
    amount: Array  # (.) i64
    net: Array  # (.) i64  scratch
    base: Array  # (.) i64  scratch


TAX_RATES = group(TaxRates, IN_I32_2D, IN_U8_2D, IN_I32, IN_I32, IN_I64, IN_I64, IN_I32, IN_U8, IN_U8)
TAX_PARTS = group(TaxParts, OUT_I32, OUT_I32, OUT_I64, OUT_I64, OUT_I64)
