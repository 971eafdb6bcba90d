"""The table ``stock`` as it is now: what the ledger has in each cell, by the lots that were put.

On-hand belongs to the ledger: what was put is true until something ships, and put again later it would bring units
back that have left. So rows are made of the cells; of a cell whose lots are known, units that left are taken from the
lot that expires first, and what came since is a row without a lot.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from router.tables.patch import Changes, patched
from router.tables.row_types import StockRow
from router.tables.rows import Rows

Cell = tuple[str, str]  # SKU, node
Lots = Mapping[Cell, Sequence[StockRow]]
_NEVER = datetime.date.max


def note_lots(rows: Iterable[StockRow], lots: dict[Cell, list[StockRow]]) -> None:
    """Keep rows that are of a lot or expire, by cell; all others say only how many there were."""
    for row in rows:
        if row.lot or row.expires_on:
            lots.setdefault((row.sku, row.node), []).append(row)


def rows_of_cell(sku: str, node: str, on_hand: int, lots: Lots) -> list[StockRow]:
    """Rows that add up to ``on_hand``, which is 0 where outside truth left less than nothing."""
    left, rows = max(0, on_hand), list[StockRow]()
    first_out = sorted(lots.get((sku, node), ()), key=lambda row: row.expires_on or _NEVER)
    for lot in reversed(first_out):  # what expires last is there the longest
        there = min(lot.on_hand, left)
        rows.append(msgspec.structs.replace(lot, on_hand=there))
        left -= there
    rows.reverse()
    if left or not rows:
        rows.append(StockRow(sku=sku, node=node, on_hand=left))
    return rows


def stock_patched(stands: Sequence[StockRow], body: bytes, media_type: str) -> tuple[Rows, Changes]:
    """Cells that a patch names, of which ``stands`` are the rows now; of a cell without a row nothing is there."""
    rows, changes = patched("stock", stands, body, media_type)
    named = {(row.sku, row.node) for row in rows.rows if isinstance(row, StockRow)}
    for sku, node in dict.fromkeys((row.sku, row.node) for row in stands):
        if (sku, node) not in named:
            rows.rows.append(StockRow(sku=sku, node=node, on_hand=0))
            rows.places.append(0)
    return rows, changes
