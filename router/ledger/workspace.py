"""Scratch and result arrays of ``claim.decide``: kept between batches, grown when a batch needs more."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import layout
from router.ledger.batch import Claims, Decided
from router.ledger.tables import LedgerTables

Rows = npt.NDArray[Any]


class Workspace:
    """Arguments of ``claim.decide`` that hold nothing between two batches."""

    def __init__(self) -> None:
        self.slots = np.zeros(0, np.int32)
        self.demands = np.zeros(0, layout.DEMAND)
        self.candidates = np.zeros(0, layout.CANDIDATE)
        self.first_days = np.zeros(0, layout.FIRST_DAY)
        self.states = np.zeros(layout.STATES, layout.STATE)
        self.parcels = np.zeros(layout.PARCELS_MAX, layout.PARCEL)
        self.take = np.zeros((layout.PARCELS_MAX, 0), np.int64)
        self.plan = np.zeros(1, layout.PLAN)
        self.customer_uses = np.zeros(0, np.int64)
        self.mask = np.zeros(0, np.uint8)
        self.orders = np.zeros(0, layout.ORDER_OUT)
        self.granted = np.zeros(0, np.int16)
        self.parcels_out = np.zeros(0, layout.PARCEL_OUT)
        self.backordered = np.zeros(0, np.int32)
        self.line_end = np.zeros(0, np.int32)
        self.allocations = np.zeros(0, layout.ALLOCATION_OUT)

    def fit(self, asked: Claims, tables: LedgerTables) -> None:
        """Room for a batch."""
        orders, lines = len(asked.rows), len(asked.line_sku)
        parcels_max = int(tables.terms["parcels_max"][0])
        demands = min(len(tables.skus), asked.lines_max * tables.components_max)
        self.slots = _room(self.slots, len(tables.skus))
        self.demands = _room(self.demands, demands)
        self.candidates = _room(self.candidates, len(tables.nodes))
        self.first_days = _room(self.first_days, len(tables.nodes))
        self.first_days["known_min"] = -1
        if self.take.shape[1] < demands:
            self.take = np.zeros((layout.PARCELS_MAX, len(self.demands)), np.int64)
        self.customer_uses = _room(self.customer_uses, asked.candidates_max)
        self.mask = _room(self.mask, asked.candidates_max)
        self.orders = _room(self.orders, orders)
        self.granted = _room(self.granted, len(asked.promotions))
        self.parcels_out = _room(self.parcels_out, orders * parcels_max)
        self.backordered = _room(self.backordered, lines)
        self.line_end = _room(self.line_end, lines)
        self.allocations = _room(self.allocations, self._components(asked, tables) * parcels_max)

    def _components(self, asked: Claims, tables: LedgerTables) -> int:
        """Components of all lines, a line that is no bundle counting once."""
        if tables.components_max == 1:
            return len(asked.line_sku)
        entries = tables.skus[np.maximum(asked.line_sku, 0)]
        return int(np.maximum(entries["last"] - entries["first"], 1).sum())

    def decided(self, asked: Claims, allocations: int) -> Decided:
        """What the kernel filled in, cut to the batch."""
        orders, lines = len(asked.rows), len(asked.line_sku)
        filled = self.orders[:orders]
        granted, parcels = (int(filled[name][-1]) if orders else 0 for name in ("granted", "parcels"))
        return Decided(
            filled,
            self.granted[:granted],
            self.parcels_out[:parcels],
            self.backordered[:lines],
            self.line_end[:lines],
            self.allocations[:allocations],
        )


def _room(array: Rows, count: int) -> Rows:
    """The array itself, or a larger one; what it held is of no interest."""
    return array if len(array) >= count else np.zeros(max(count, 2 * len(array)), array.dtype)
