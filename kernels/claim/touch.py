"""Touch: bring what the next orders will look up into the cache.

Orders look at few but scattered places: a customer, a basket, the cells of some SKUs. One after another each is a
wait for memory; read ahead for many orders at once, the waits overlap. Nothing is decided here.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import rule
from kernels.cells.find import block_on
from kernels.claim.recent import first_slot, slot_segments
from kernels.claim.segments import home_of, segments_of, spread_of
from kernels.layout import INT64

Array = npt.NDArray[Any]

ROWS_AHEAD = 32
LINES_TOUCHED = 8  # of one order; what longer orders cost hides the waits


@rule
def touch_ahead(
    first: int, claims: Array, line_sku: Array, skus: Array, slots: Array, shelves: Array, blocks: Array,
    available: Array, allocated: Array, customers: Array, basket_slots: Array,
) -> int:  # fmt: skip
    """Read the places of ROWS_AHEAD orders from ``first`` on; the result only keeps the reads from being left out."""
    seen: int = INT64(0)
    for row in range(first, min(first + ROWS_AHEAD, claims.shape[0])):
        claim = claims[row]
        seen ^= customers[home_of(claim.customer, segments_of(customers))].key
        seen ^= basket_slots[first_slot(spread_of(claim.basket), INT64(0), slot_segments(basket_slots))]
        for line in range(claim.line_first, min(claim.line_first + LINES_TOUCHED, claim.line_last)):
            sku = line_sku[line]
            if sku >= 0:
                seen ^= skus[sku].weight_g ^ slots[sku] ^ shelves[sku].first
    for row in range(first, min(first + ROWS_AHEAD, claims.shape[0])):
        claim = claims[row]
        for line in range(claim.line_first, min(claim.line_first + LINES_TOUCHED, claim.line_last)):
            sku = line_sku[line]
            if sku >= 0:
                cell = block_on(shelves[sku], INT64(0), blocks).first
                seen ^= available[cell] ^ allocated[cell]
    return seen
