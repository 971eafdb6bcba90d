"""Where a SKU lies at a node: the bins of the table ``bins``, nearest first."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import NamedTuple

from router.tables.row_types import BinRow
from router.warehouse.walk import NO_BIN
from router.work.item import kept_text


class Bin(NamedTuple):
    walk: int  # number along the walk
    bin: str  # "" = no table says where
    zone: str


UNPLACED = Bin(NO_BIN, "", "")


class Bins:
    """Of all nodes."""

    def __init__(self, rows: Iterable[BinRow]) -> None:
        self._bins: dict[tuple[str, str], list[Bin]] = {}
        for row in rows:
            found = Bin(row.walk, kept_text(row.bin), kept_text(row.zone))
            self._bins.setdefault((row.node, kept_text(row.sku)), []).append(found)
        for of_sku in self._bins.values():
            of_sku.sort()

    def of(self, node: str, sku: str, blocked: Container[str]) -> Bin | None:
        """The first bin that is not blocked; None where all are. UNPLACED of a SKU without a row."""
        known = self._bins.get((node, sku))
        if known is None:
            return UNPLACED
        return next((each for each in known if each.bin not in blocked), None)
