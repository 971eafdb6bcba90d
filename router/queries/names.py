"""What the numbers in an order's records are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from router.tables.compiled import Tables

Naming = Callable[[int, int], Tables]  # tables that name the SKU and the node of these numbers, and all before them


class Names:
    """Names of SKUs, nodes and lines; later records may name what the tables of the order's day did not have yet."""

    def __init__(self, naming: Naming, line_ids: Sequence[str]) -> None:
        self._naming = naming
        self._tables = naming(-1, -1)
        self._line_ids = line_ids

    def line(self, line: int) -> str:
        return self._line_ids[line]

    def sku(self, number: int) -> str:
        if number >= len(self._tables.skus.ids):
            self._tables = self._naming(number, -1)
        return self._tables.skus.ids.text(number)

    def node(self, number: int) -> str:
        if number >= len(self._tables.nodes.ids):
            self._tables = self._naming(-1, number)
        return self._tables.nodes.ids.text(number)
