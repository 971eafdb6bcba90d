"""The table ``stock`` as it is now: what the ledger has in each cell, by the lots that were put.

On-hand belongs to the ledger: what was put is true until something ships, and put again later it would bring units
back that have left. So rows are made of the cells, as the ledger reckons their lots, and put again they change nothing:
units that left are taken from the lot that expires first, those that are blocked for their age are of the oldest lots,
what came since and does not expire is a row without a lot. The table gives lots their names, the ledger knows none.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from router.tables.laid import laid
from router.tables.patch import Changes, patched
from router.tables.row_types import StockRow
from router.tables.rows import Rows
from router.tables.stock_rows import NEVER

Cell = tuple[str, str]  # SKU, node
Lots = Mapping[Cell, Sequence[StockRow]]
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_LAST_DAY = datetime.date.max.toordinal() - _EPOCH


@dataclass
class _Lot:
    name: str | None
    day: int  # of expiry, in days since the epoch
    room: int  # units that were told of
    there: int = 0  # units that lie there now


def note_lots(rows: Iterable[StockRow], lots: dict[Cell, list[StockRow]]) -> None:
    """Keep rows that are of a lot or expire, by cell; all others say only how many there were."""
    for row in rows:
        if row.lot or row.expires_on:
            lots.setdefault((row.sku, row.node), []).append(row)


def rows_of_cell(
    cell: Cell, on_hand: int, put: Lots, known: Sequence[tuple[int, int]] = (), blocked: int = 0
) -> list[StockRow]:
    """Rows that add up to ``on_hand``, which counts as 0 where outside truth left less than nothing, and ``blocked``;
    ``known`` are the lots (day of expiry, units) by the ledger, none where it knows of no unit that expires."""
    named = put.get(cell, ())
    lots = _known_lots(known, named) if known else [_Lot(row.lot or None, _day(row), row.on_hand) for row in named]
    lots.sort(key=lambda lot: lot.day)
    there, left = laid([lot.room for lot in lots], max(0, on_hand), blocked)
    for lot, units in zip(lots, there, strict=True):
        lot.there = units
    if left:
        # Of a cell whose lots the ledger knows, what is more than they were is the oldest.
        oldest = next((lot for lot in lots if lot.room), None) if known else None
        if oldest is None:
            lots.append(oldest := _Lot(None, NEVER, left))
        oldest.there += left
    return _rows(cell, _told_apart(lots)) or [StockRow(sku=cell[0], node=cell[1], on_hand=0)]


def _known_lots(known: Sequence[tuple[int, int]], named: Sequence[StockRow]) -> list[_Lot]:
    """Lots by the ledger, with the names under which they were put; those without one by their day."""
    names: dict[int, str] = {}
    for row in sorted(named, key=lambda row: row.expires_on is None):  # those that say their day leave others the rest
        alike = (
            at
            for at, (day, units) in enumerate(known)
            if at not in names and units == row.on_hand and (row.expires_on is None or day == _day(row))
        )
        if row.lot and (found := next(alike, None)) is not None:
            names[found] = row.lot
    for row in named:  # units of a lot that came back since lie in it again
        its = (at for at, (day, _) in enumerate(known) if at not in names and day == _day(row))
        if row.lot and row.lot not in names.values() and (found := next(its, None)) is not None:
            names[found] = row.lot
    unnamed: dict[int, _Lot] = {}
    for at, (day, units) in enumerate(known):
        if at not in names:
            unnamed.setdefault(day, _Lot(None, day, 0)).room += units
    return [*unnamed.values(), *(_Lot(name, *known[at]) for at, name in names.items())]


def _told_apart(lots: Sequence[_Lot]) -> list[_Lot]:
    """Lots of which a row each is made, no two of one name: of those without a name the one that never expires keeps
    none, or else the first; others are called by their day."""
    found = {lot.name: lot for lot in lots if lot.name}
    unnamed = sorted((lot for lot in lots if not lot.name and lot.there), key=lambda lot: lot.day < NEVER)
    for lot in unnamed[1:]:
        name = day = _date(lot.day).isoformat()
        number = 1
        while name in found and found[name].day != lot.day:
            number += 1
            name = f"{day}-{number}"
        found.setdefault(name, _Lot(name, lot.day, 0)).there += lot.there
    return sorted([*found.values(), *unnamed[:1]], key=lambda lot: lot.day)


def _rows(cell: Cell, lots: Sequence[_Lot]) -> list[StockRow]:
    return [
        StockRow(
            sku=cell[0],
            node=cell[1],
            on_hand=lot.there,
            lot=lot.name,
            expires_on=_date(lot.day) if lot.day <= _LAST_DAY else None,
        )
        for lot in lots
    ]


def _day(row: StockRow) -> int:
    return NEVER if row.expires_on is None else row.expires_on.toordinal() - _EPOCH


def _date(day: int) -> datetime.date:
    return datetime.date.fromordinal(min(day, _LAST_DAY) + _EPOCH)


def stock_patched(stands: Sequence[StockRow], body: bytes, media_type: str) -> tuple[Rows, Changes]:
    """Cells that a patch names, of which ``stands`` are the rows now; of a cell without a row nothing is there."""
    rows, changes = patched("stock", stands, body, media_type)
    named = {(row.sku, row.node) for row in rows.rows if isinstance(row, StockRow)}
    for sku, node in dict.fromkeys((row.sku, row.node) for row in stands):
        if (sku, node) not in named:
            rows.rows.append(StockRow(sku=sku, node=node, on_hand=0))
            rows.places.append(0)
    return rows, changes
