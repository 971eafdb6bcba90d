"""Units that cannot be sold: awaiting inspection, damaged, blocked, in transit. Few cells have any, so they lie in a
dictionary, and kernels get the balances that a batch names as an array."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from router.life.states import CellAccount

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Column = npt.NDArray[Any]
Leg = tuple[Column, Column, Column]  # account, SKU, node of every row

ASIDE = (CellAccount.INSPECTION, CellAccount.DAMAGED, CellAccount.BLOCKED, CellAccount.IN_TRANSIT)


class Aside:
    """Units by (SKU, node, account)."""

    def __init__(self) -> None:
        self._units: dict[tuple[int, int, int], int] = {}
        self._open: list[tuple[int, int, int]] = []

    def open(self, *legs: Leg) -> tuple[list[I32], I64]:
        """For every leg the place of each row, -1 where its account is none of these; and what lies in the places."""
        numbers: dict[tuple[int, int, int], int] = {}
        places = [np.full(len(account), -1, np.int32) for account, _, _ in legs]
        for (account, sku, node), place in zip(legs, places, strict=True):
            for row in np.flatnonzero((account >= ASIDE[0]) & (account <= ASIDE[-1])).tolist():
                key = int(sku[row]), int(node[row]), int(account[row])
                place[row] = numbers.setdefault(key, len(numbers))
        self._open = list(numbers)
        return places, np.array([self._units.get(key, 0) for key in numbers], np.int64)

    def close(self, balances: I64) -> None:
        """Take over what the places hold now."""
        for key, units in zip(self._open, balances.tolist(), strict=True):
            if units:
                self._units[key] = units
            else:
                self._units.pop(key, None)

    def per_cell(self) -> dict[tuple[int, int], int]:
        """Units of all accounts together, by cell."""
        found: defaultdict[tuple[int, int], int] = defaultdict(int)
        for (sku, node, _), units in self._units.items():
            found[sku, node] += units
        return found

    def units(self, sku: int, node: int, account: CellAccount) -> int:
        """Units of one account of one cell."""
        return self._units.get((sku, node, int(account)), 0)

    def units_of(self, account: CellAccount) -> dict[tuple[int, int], int]:
        """Units of one account, by cell."""
        return {(sku, node): units for (sku, node, named), units in self._units.items() if named == account}

    def dump(self) -> I64:
        """(k, 4) SKU, node, account, units, in order."""
        rows = [(*key, units) for key, units in sorted(self._units.items())]
        return np.array(rows, np.int64).reshape(-1, 4)

    def restore(self, rows: I64) -> None:
        self._units = {(sku, node, account): units for sku, node, account, units in rows.tolist()}
