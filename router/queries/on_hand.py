"""Rows of the table ``stock`` as it is now: the ledger's cells under the names that people gave them."""

from __future__ import annotations

from collections.abc import Iterable

from router.ledger.shown_cells import CellsReader
from router.tables.compiled import Tables
from router.tables.row_types import StockRow
from router.tables.stock_now import Cell, Lots, rows_of_cell

SKUS_A_PAGE = 256


class OnHand:
    """Units in the building, of whole durable records; ``tables`` have to be as new as the cells, or newer."""

    def __init__(self, cells: CellsReader, tables: Tables) -> None:
        self._cells = cells
        self._skus, self._nodes = tables.skus.ids, tables.nodes.ids

    @property
    def pages(self) -> range:
        """First SKUs of the pages that all cells come in."""
        return range(0, len(self._skus), SKUS_A_PAGE)

    def page(self, first: int, lots: Lots) -> list[StockRow]:
        """Rows of the cells of some SKUs, by SKU and node; raises BlockBusy."""
        return [
            row
            for sku, node, units in self._units(first, min(first + SKUS_A_PAGE, len(self._skus)))
            for row in rows_of_cell(self._skus.text(sku), self._nodes.text(node), units, lots)
        ]

    def rows(self, cells: Iterable[Cell], lots: Lots) -> list[StockRow]:
        """Rows of these cells, where units ever were; raises BlockBusy."""
        nodes_of: dict[int, set[int]] = {}
        for sku, node in cells:
            if sku in self._skus and node in self._nodes:
                nodes_of.setdefault(self._skus.index(sku), set()).add(self._nodes.index(node))
        return [
            row
            for sku, nodes in nodes_of.items()
            for _, node, units in self._units(sku, sku + 1)
            if node in nodes
            for row in rows_of_cell(self._skus.text(sku), self._nodes.text(node), units, lots)
        ]

    def _units(self, first: int, last: int) -> Iterable[tuple[int, int, int]]:
        """SKU, node and units of every cell of some SKUs."""
        found = self._cells.cells_of(first, last, len(self._nodes))
        units = found.available + found.held + found.allocated
        return zip(found.sku.tolist(), found.node.tolist(), units.tolist(), strict=True)
