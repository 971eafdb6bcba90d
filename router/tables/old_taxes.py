"""Taxes of tables that were compiled when a class of an area had one rate, in whole basis points."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.money.tax import WHOLE
from router.tables.arrays import frozen
from router.tables.periods import ALWAYS

_BP = WHOLE // 10_000


def taxes_of_rates(rate_bp: np.ndarray, inclusive: np.ndarray) -> dict[str, Any]:
    """The arrays of a TaxTable that taxes alike."""
    rates = rate_bp.astype(np.int32) * np.int32(_BP)
    distinct, number = np.unique(rates.reshape(-1), return_inverse=True)
    cells, areas = rates.size, len(rates)
    return {
        "plain_rate": frozen(rates),
        "inclusive": inclusive,
        "offset": frozen(np.arange(cells + 1, dtype=np.int32)),
        "tax": frozen(number.reshape(-1).astype(np.int32)),
        "from_ms": frozen(np.full(cells, ALWAYS.from_ms, np.int64)),
        "until_ms": frozen(np.full(cells, ALWAYS.until_ms, np.int64)),
        "names": [""] * len(distinct),
        "rate": frozen(distinct.astype(np.int32)),
        "once": frozen(np.zeros(areas, np.uint8)),
        "rounding": frozen(np.zeros(areas, np.uint8)),
    }
