"""Lots: until when units of a cell are good, so that nobody is sold what would be too old when it arrives.

A cell says what it holds and knows no lots: orders take units, and those are of the lot that expires first. So of it

    good     = units of the lots that are not too old + units that came since and belong to no lot
    too old  = what is available beyond that; what was sold was the oldest

Too old units are set aside as ``blocked`` by movements of the ledger's own (router/ledger/expiry.py), before any
question is answered; a count of the cell by the stock table counts them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from router.tables.stock_rows import NEVER

I64 = npt.NDArray[np.int64]
Cell = tuple[int, int]  # SKU, node
Day = int

MINUTE_MS = 60_000


@dataclass
class _CellLots:
    received: int  # of the cell when its lots were told, and what came as a lot since
    lots: list[tuple[Day, int]] = field(default_factory=list)  # day of expiry, units
    blocked: int = 0  # units that were set aside because they are too old

    def good(self, arrives: Day, received: int) -> int:
        """Units that are good on a day."""
        return sum(units for day, units in self.lots if day >= arrives) + max(0, received - self.received)


class Lots:
    """Cells of which some units expire. Few have any, so they lie in a dictionary."""

    def __init__(self) -> None:
        self._cells: dict[Cell, _CellLots] = {}
        self._late: set[Cell] = set()  # cells with a lot that is too old
        self._judged_min = -1

    def __len__(self) -> int:
        return len(self._cells)

    def came(self, cell: Cell, lots: list[tuple[Day, int]], received: int) -> None:
        """Lots came to a cell, which has ``received`` so many units with them."""
        self._judged_min = -1
        known = self._cells.get(cell)
        if known is None:
            units = sum(units for _, units in lots)
            known = self._cells[cell] = _CellLots(received - units, [(NEVER, max(0, received - units))])
        known.lots.extend(lots)
        known.received = received

    def counted(self, cell: Cell, lots: list[tuple[Day, int]], received: int) -> int:
        """All that lies in a cell was counted, by lots where some expires; returns units that were blocked, which are
        among them."""
        self._judged_min = -1
        known = self._cells.pop(cell, None)
        if any(day < NEVER for day, _ in lots):
            self._cells[cell] = _CellLots(received, sorted(lots))
        return known.blocked if known else 0

    def blocked(self, cell: Cell, units: int) -> None:
        """Units of a cell were set aside because they are too old."""
        self._cells[cell].blocked += units

    def is_due(self, now_ms: int) -> bool:
        """Whether cells have to be looked at before anything is decided: once a minute."""
        return bool(self._cells) and now_ms // MINUTE_MS != self._judged_min

    def given_back(self, sku: npt.NDArray[np.int32], node: npt.NDArray[np.int16]) -> None:
        """Orders gave units back to cells: where a lot is too old they are looked at before the next question."""
        if any(cell in self._late for cell in zip(sku.tolist(), node.tolist(), strict=True)):
            self._judged_min = -1

    def too_old(
        self, now_ms: int, arrives: Callable[[int], Day], numbers: Callable[[list[Cell]], tuple[I64, I64]]
    ) -> list[tuple[Cell, int]]:
        """Cells with units for sale that are too old when they arrive, and how many. ``arrives`` is the earliest day of
        a node; ``numbers`` what is available in cells, and was received."""
        self._judged_min = now_ms // MINUTE_MS
        days = {node: arrives(node) for node in {node for _, node in self._cells}}
        late = [
            cell
            for cell, known in self._cells.items()
            if any(day < days[cell[1]] and units for day, units in known.lots)
        ]
        self._late = set(late)
        available, received = numbers(late)
        found = []
        for cell, has, came in zip(late, available.tolist(), received.tolist(), strict=True):
            over = has - self._cells[cell].good(days[cell[1]], came)
            if over > 0:
                found.append((cell, over))
        return found

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        """(k, 4) SKU, node, received, blocked; (m, 4) SKU, node, day, units; both in order."""
        cells = [(*cell, known.received, known.blocked) for cell, known in sorted(self._cells.items())]
        lots = [(*cell, *lot) for cell, known in sorted(self._cells.items()) for lot in known.lots]
        return {
            "lot_cells": np.array(cells, np.int64).reshape(-1, 4),
            "lots": np.array(lots, np.int64).reshape(-1, 4),
        }

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self._judged_min, self._late = -1, set()
        self._cells = {
            (sku, node): _CellLots(received, [], blocked)
            for sku, node, received, blocked in arrays["lot_cells"].tolist()
        }
        for sku, node, day, units in arrays["lots"].tolist():
            self._cells[sku, node].lots.append((day, units))
