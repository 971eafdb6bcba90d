"""Lots of cells as other processes on this machine map them, and what they are read with: a cell and its lots of one
and the same durable record.

    lots-header   (1) i64 rows in use
    lots-rows     (., 5) i64 SKU (-1: a free row), node, place among the cell's rows, day of expiry, units

A cell's rows are its lots in the order in which the ledger has them, and one of what is blocked for its age, whose day
is BLOCKED. They change under the sequence lock of the cells (router/ledger/shown_cells.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.arrow.arena import Arena, ArenaReader
from router.ledger.lots import Cell, Lot, ToldLots
from router.ledger.shown_cells import CellsReader
from router.tables.stock_rows import NEVER

I64 = npt.NDArray[np.int64]

BLOCKED = NEVER + 1
_SKU, _NODE, _PLACE, _DAY, _UNITS = range(5)
_WIDTH = 5
_ROW_BYTES = 8 * _WIDTH
_MIN_ROWS = 64
_FREE = -1
_NO_ROWS = np.zeros((0, _WIDTH), np.int64)


class CellNow(NamedTuple):
    """What lies in a cell, by one durable record."""

    sku: int
    node: int
    units: int  # available, held, allocated; less than nothing where outside truth says so
    lots: list[Lot]  # units that were told of, those that left among them; none: no unit of the cell expires
    blocked: int  # units that lie aside because they are too old


class ShownLots:
    """The owner's side. Call it under the cells' lock."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._header = arena.allocate("lots-header", 8).view(np.int64)
        self._rows: I64 = arena.allocate("lots-rows", _ROW_BYTES * _MIN_ROWS).view(np.int64).reshape(-1, _WIDTH)
        self._places: dict[Cell, list[int]] = {}  # rows of a cell
        self._free: list[int] = []

    def forget(self) -> None:
        """Show nothing."""
        self._places, self._free = {}, []
        self._header[0] = 0

    def show(self, cells: Iterable[ToldLots]) -> None:
        """Show these cells as they are now, and others as they were."""
        told: list[tuple[int, ...]] = []
        where: list[int] = []
        for cell, lots, blocked in cells:
            rows = [*lots, (BLOCKED, blocked)] if lots else []
            places = self._places_for(cell, len(rows))
            where += places
            told += [(*cell, place, *row) for place, row in enumerate(rows)]
        if where:
            self._rows[where] = told

    def _places_for(self, cell: Cell, count: int) -> list[int]:
        """So many rows for a cell, in place of those that it has."""
        freed = self._places.pop(cell, [])
        self._rows[freed, _SKU] = _FREE
        self._free += reversed(freed)
        found = [self._free.pop() if self._free else self._another() for _ in range(count)]
        if found:
            self._places[cell] = found
        return found

    def _another(self) -> int:
        used = int(self._header[0])
        if used == len(self._rows):
            self._rows = self._arena.extend("lots-rows", 2 * _ROW_BYTES * used).view(np.int64).reshape(-1, _WIDTH)
        self._header[0] = used + 1
        return used


class StockReader:
    """Cells with their lots as other processes on this machine see them."""

    def __init__(self, arena: ArenaReader) -> None:
        self._arena = arena
        self._cells = CellsReader(arena)

    def cells_of(self, first: int, last: int, nodes: int) -> Iterator[CellNow]:
        """Cells of the SKUs from ``first`` to before ``last`` at so many ``nodes``, by SKU and node, as one record left
        them; raises BlockBusy."""
        seen: list[I64] = []

        def look() -> None:
            seen[:] = [rows_shown(self._arena, first, last)]

        found = self._cells.cells_of(first, last, nodes, look)
        lots = by_cell(seen[0])
        units = found.available + found.held + found.allocated
        for sku, node, on_hand in zip(found.sku.tolist(), found.node.tolist(), units.tolist(), strict=True):
            yield CellNow(sku, node, on_hand, *lots.get((sku, node), ([], 0)))


def rows_shown(arena: ArenaReader, first: int, last: int) -> I64:
    """(m, 5) rows of the SKUs from ``first`` to before ``last``; whatever stands there while it changes."""
    header, block = arena.view("lots-header"), arena.view("lots-rows")
    if header is None or block is None:
        return _NO_ROWS
    used = min(max(int(header[:8].view(np.int64)[0]), 0), len(block) // _ROW_BYTES)
    rows = block[: used * _ROW_BYTES].view(np.int64).reshape(-1, _WIDTH)
    found: I64 = rows[(rows[:, _SKU] >= first) & (rows[:, _SKU] < last)]
    return found


def by_cell(rows: I64) -> dict[Cell, tuple[list[Lot], int]]:
    """Lots in their order, and blocked units, by cell."""
    found: dict[Cell, tuple[list[Lot], int]] = {}
    for sku, node, _, day, units in rows[np.argsort(rows[:, _PLACE], kind="stable")].tolist():
        lots, _ = found.setdefault((sku, node), ([], 0))
        if day == BLOCKED:
            found[sku, node] = lots, units
        else:
            lots.append((day, units))
    return found
