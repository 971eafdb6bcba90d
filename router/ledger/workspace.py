"""Scratch and result arrays of ``claim.decide``: kept between batches, grown when a batch needs more."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import layout
from kernels.layout import Answers, Scratch
from router.ledger.batch import Claims
from router.ledger.tables import LedgerTables

Rows = npt.NDArray[Any]


class Workspace:
    """Arguments of ``claim.decide`` that hold nothing between two batches."""

    def __init__(self) -> None:
        self.scratch = Scratch(
            slots=np.zeros(0, np.int32),
            siblings=np.zeros(0, np.int32),
            demands=np.zeros(0, layout.DEMAND),
            first_days=np.zeros(0, layout.FIRST_DAY),
            candidates=np.zeros(0, layout.CANDIDATE),
            states=np.zeros(layout.STATES, layout.STATE),
            open_nodes=np.zeros(0, np.int64),
            loads=np.zeros(0, layout.LOAD),
            parcels=np.zeros(layout.PARCELS_MAX, layout.PARCEL),
            take=np.zeros((layout.PARCELS_MAX, 0), np.int64),
            plans=np.zeros(1, layout.PLAN),
            customer_uses=np.zeros(0, np.int64),
            mask=np.zeros(0, np.uint8),
        )
        self.answers = Answers(
            orders=np.zeros(0, layout.ORDER_OUT),
            granted=np.zeros(0, np.int16),
            parcels=np.zeros(0, layout.PARCEL_OUT),
            backordered=np.zeros(0, np.int32),
            line_end=np.zeros(0, np.int32),
            allocations=np.zeros(0, layout.ALLOCATION_OUT),
        )

    def fit(self, claims: Claims, tables: LedgerTables) -> None:
        """Room for a batch."""
        rows, parcels_max = tables.rows, int(tables.rows.terms["parcels_max"][0])
        orders, lines = len(claims.rows), len(claims.asked.line_sku)
        distinct = len(rows.skus) * (1 + len(rows.nodes) * claims.names_nodes)
        demands = min(distinct, claims.lines_max * tables.components_max)
        old, answers = self.scratch, self.answers
        self.scratch = old._replace(
            slots=_room(old.slots, len(rows.skus)),
            siblings=_room(old.siblings, demands),
            demands=_room(old.demands, demands),
            first_days=_room(old.first_days, len(rows.nodes)),
            candidates=_room(old.candidates, len(rows.nodes)),
            open_nodes=np.zeros(rows.active_nodes.shape[1], np.int64),
            loads=_room(old.loads, len(rows.nodes)),
            take=_wide(old.take, demands),
            customer_uses=_room(old.customer_uses, claims.candidates_max),
            mask=_room(old.mask, claims.candidates_max),
        )
        self.scratch.first_days["known_min"] = -1
        self.answers = Answers(
            orders=_room(answers.orders, orders),
            granted=_room(answers.granted, len(claims.asked.promotions)),
            parcels=_room(answers.parcels, orders * parcels_max),
            backordered=_room(answers.backordered, lines),
            line_end=_room(answers.line_end, lines),
            allocations=_room(answers.allocations, self._components(claims, tables) * parcels_max),
        )

    def fit_waiting(self, lines_max: int, tables: LedgerTables) -> None:
        """Room for what an order of so many lines waits for."""
        skus, old = len(tables.rows.skus), self.scratch
        demands = min(skus * (1 + len(tables.rows.nodes)), lines_max * tables.components_max)
        self.scratch = old._replace(
            slots=_room(old.slots, skus),
            siblings=_room(old.siblings, demands),
            demands=_room(old.demands, demands),
        )

    def _components(self, claims: Claims, tables: LedgerTables) -> int:
        """Components of all lines, a line that is no bundle counting once."""
        line_sku = claims.asked.line_sku
        if tables.components_max == 1:
            return len(line_sku)
        entries = tables.rows.skus[np.maximum(line_sku, 0)]
        return int(np.maximum(entries["last"] - entries["first"], 1).sum())

    def answered(self, claims: Claims, allocations: int) -> Answers:
        """What the kernel filled in, cut to the batch."""
        orders, lines = len(claims.rows), len(claims.asked.line_sku)
        filled = self.answers.orders[:orders]
        granted, parcels = (int(filled[name][-1]) if orders else 0 for name in ("granted", "parcels"))
        return Answers(
            filled,
            self.answers.granted[:granted],
            self.answers.parcels[:parcels],
            self.answers.backordered[:lines],
            self.answers.line_end[:lines],
            self.answers.allocations[:allocations],
        )


def _room(array: Rows, count: int) -> Rows:
    """The array itself, or a larger one; what it held is of no interest."""
    return array if len(array) >= count else np.zeros(max(count, 2 * len(array)), array.dtype)


def _wide(array: Rows, columns: int) -> Rows:
    return array if array.shape[1] >= columns else np.zeros((len(array), max(columns, 2 * array.shape[1])), array.dtype)
