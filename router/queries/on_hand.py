"""Rows of the table ``stock`` as it is now: the ledger's cells under the names that people gave them."""

from __future__ import annotations

from collections.abc import Iterable

from router.ledger.shown_lots import CellNow, StockReader
from router.tables.compiled import Tables
from router.tables.row_types import StockRow
from router.tables.stock_now import Cell, Lots, rows_of_cell

SKUS_A_PAGE = 256


class OnHand:
    """Units in the building and those that are blocked for their age, of whole durable records; ``tables`` have to be
    as new as the cells, or newer."""

    def __init__(self, stock: StockReader, tables: Tables) -> None:
        self._stock = stock
        self._skus, self._nodes = tables.skus.ids, tables.nodes.ids

    @property
    def pages(self) -> range:
        """First SKUs of the pages that all cells come in."""
        return range(0, len(self._skus), SKUS_A_PAGE)

    def page(self, first: int, lots: Lots) -> list[StockRow]:
        """Rows of the cells of some SKUs, by SKU and node; raises BlockBusy."""
        found = self._cells(first, min(first + SKUS_A_PAGE, len(self._skus)))
        return [row for cell in found for row in self._rows(cell, lots)]

    def rows(self, cells: Iterable[Cell], lots: Lots) -> list[StockRow]:
        """Rows of these cells, where units ever were; raises BlockBusy."""
        nodes_of: dict[int, set[int]] = {}
        for sku, node in cells:
            if sku in self._skus and node in self._nodes:
                nodes_of.setdefault(self._skus.index(sku), set()).add(self._nodes.index(node))
        return [
            row
            for sku, nodes in nodes_of.items()
            for cell in self._cells(sku, sku + 1)
            if cell.node in nodes
            for row in self._rows(cell, lots)
        ]

    def _cells(self, first: int, last: int) -> Iterable[CellNow]:
        return self._stock.cells_of(first, last, len(self._nodes))

    def _rows(self, cell: CellNow, lots: Lots) -> list[StockRow]:
        names = self._skus.text(cell.sku), self._nodes.text(cell.node)
        return rows_of_cell(names, cell.units, lots, cell.lots, cell.blocked)
