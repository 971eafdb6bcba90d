"""Lots: until when units of a cell are good, so that nobody is sold what would be too old when it arrives.

A cell says what it holds and knows no lots: orders take units, and those are of the lot that expires first. So of it

    good     = units of the lots that are not too old + units that came since and belong to no lot
    too old  = what is available beyond that; what was sold was the oldest

Too old units are set aside as ``blocked`` by movements of the ledger's own (router/ledger/expiry.py), before any
question is answered; a count of the cell by the stock table counts them again. What was promised since units were
blocked is of lots that were good: it stays so when they are counted again.

A count by the stock table says what is there. What is not there then (shipped, picked short, set aside, on its way) is
*away*: it stays of the lot that it is reckoned to be of, and is as good as that when it comes back, what expires last
first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.tables.laid import laid
from router.tables.stock_rows import NEVER

I64 = npt.NDArray[np.int64]
Cell = tuple[int, int]  # SKU, node
Numbers = Callable[[list[Cell]], tuple[I64, I64]]  # available and received of cells
Day = int
Lot = tuple[Day, int]  # day of expiry, units

MINUTE_MS = 60_000
AWAY_DAYS_MAX = 64  # days of expiry that a cell has units away of; of more, the oldest are taken to be of one day


class ToldLots(NamedTuple):
    """What readers are shown of a cell's lots; nothing where it has none."""

    cell: Cell
    lots: list[Lot]  # as they were told, and what came since and belongs to no lot
    blocked: int  # units that lie aside because they are too old


class Recount(NamedTuple):
    """A cell with blocked units that a table counts again."""

    qty: int  # units that are counted
    gone: int  # of lots that are good, since the others were blocked: promised, or shipped


class Shelf(NamedTuple):
    """A cell before it is counted."""

    on_hand: int  # available, held, allocated; less than nothing where outside truth says so
    received: int
    blocked: int  # units that lie aside because they are too old

    @property
    def away(self) -> int:
        """Units that do not lie there and may come back."""
        return max(0, self.received - self.on_hand - self.blocked)


@dataclass
class _CellLots:
    received: int  # of the cell when its lots were told, and what came as a lot since, less what left
    lots: list[Lot] = field(default_factory=list)
    blocked: int = 0  # units that were set aside because they are too old
    away: list[Lot] = field(default_factory=list)  # units that were not there when the cell was counted, by day

    def in_order(self, received: int) -> list[Lot]:
        """The lots, and what came since and belongs to none, what expires first first."""
        return sorted([*self.lots, (NEVER, self.came(received))])

    def add(self, day: Day, units: int) -> None:
        """Units of a lot came back."""
        at = next((at for at, (known, _) in enumerate(self.lots) if known == day), None)
        if at is None:
            self.lots.append((day, units))
        else:
            self.lots[at] = (day, self.lots[at][1] + units)

    def good(self, arrives: Day, received: int) -> int:
        """Units that are good on a day."""
        return sum(units for day, units in self.lots if day >= arrives) + self.came(received)

    def came(self, received: int) -> int:
        """Units that came since and belong to no lot."""
        return max(0, received - self.received)


class Lots:
    """Cells of which some units expire. Few have any, so they lie in a dictionary."""

    def __init__(self) -> None:
        self._cells: dict[Cell, _CellLots] = {}
        self._late: set[Cell] = set()  # cells with a lot that is too old
        self._changed: set[Cell] = set()  # since readers were told
        self._judged_min = -1

    def __len__(self) -> int:
        return len(self._cells)

    def came(self, cell: Cell, lots: list[Lot], received: int) -> None:
        """All lots of a batch came to a cell, which has ``received`` so many units with them."""
        self._judged_min = -1
        self._changed.add(cell)
        before = received - sum(units for _, units in lots)
        known = self._cells.get(cell)
        if known is None:
            known = self._cells[cell] = _CellLots(before, [(NEVER, max(0, before))])
        elif others := known.came(before):
            known.lots.append((NEVER, others))
        known.lots.extend(lots)
        known.received = received

    def counted(self, cell: Cell, lots: list[Lot], received: int, before: Shelf | None) -> None:
        """All that lies in a cell was counted, by lots; what was blocked is among it. ``before``: as the cell was, None
        in records by the older rule, by which nothing is away."""
        self._judged_min = -1
        known = self._cells.pop(cell, None)
        away = [] if before is None else _away(known, before)
        if any(day < NEVER for day, _ in (*lots, *away)):
            self._cells[cell] = _CellLots(received, sorted(lots), away=away)
        if known is not None or cell in self._cells:
            self._changed.add(cell)

    def came_back(self, cell: Cell, units: int) -> None:
        """Units of a cell that did not lie there do again: what expires last first, as it is reckoned."""
        known = self._cells.get(cell)
        while known is not None and units and known.away:
            day, away = known.away.pop()
            back = min(units, away)
            units -= back
            known.add(day, back)
            if back < away:
                known.away.append((day, away - back))
            self._changed.add(cell)

    def lost(self, cell: Cell, units: int) -> None:
        """Units of a cell that did not lie there never will; what comes later does not take their place."""
        known = self._cells.get(cell)
        if known is not None and known.away:
            away = sum(qty for _, qty in known.away)
            known.away = _at_most(known.away, away - units)
            known.received -= min(units, away)

    def left(self, cell: Cell, units: int) -> None:
        """Units left a cell, not to buyers; what comes later does not take their place."""
        if cell in self._cells:
            self._cells[cell].received -= units

    def block(self, cell: Cell, units: int) -> None:
        """Units of a cell were set aside because they are too old."""
        self._cells[cell].blocked += units
        self._changed.add(cell)

    def blocked(self, cell: Cell, aside: int) -> int:
        """Units that lie aside because they are too old, of the ``aside`` ones that are blocked for any reason."""
        known = self._cells.get(cell)
        return min(known.blocked, aside) if known else 0

    def unblock(self, cell: Cell, aside: int) -> int:
        """Blocked units were scrapped or put back; no more than those ``aside`` can be too old. Returns the too old."""
        known = self._cells.get(cell)
        if known is None:
            return 0
        before, known.blocked = known.blocked, self.blocked(cell, aside)
        return before - known.blocked

    def touch(self, sku: npt.NDArray[np.int32], node: npt.NDArray[np.int16]) -> None:
        """Units came to cells or left them, not to buyers, or lie aside or do no more."""
        if self._cells:
            self._changed.update(cell for cell in zip(sku.tolist(), node.tolist(), strict=True) if cell in self._cells)

    def take_changed(self) -> list[Cell]:
        """Cells of which readers have to be told anew."""
        changed, self._changed = sorted(self._changed), set()
        return changed

    @property
    def cells(self) -> list[Cell]:
        return list(self._cells)

    def told(self, cell: Cell, received: int, aside: int) -> ToldLots:
        """A cell's lots as they are now; ``received`` by the cell, ``aside`` of it and blocked for any reason."""
        known = self._cells.get(cell)
        if known is None:
            return ToldLots(cell, [], 0)
        came = known.came(received)
        return ToldLots(cell, [*known.lots, *([(NEVER, came)] if came else [])], self.blocked(cell, aside))

    def is_due(self, now_ms: int) -> bool:
        """Whether cells have to be looked at before anything is decided: once a minute."""
        return bool(self._cells) and now_ms // MINUTE_MS != self._judged_min

    def look_again(self) -> None:
        """Newer tables may say otherwise when units arrive."""
        self._judged_min = -1

    def given_back(self, sku: npt.NDArray[np.int32], node: npt.NDArray[np.int16]) -> None:
        """Orders gave units back to cells: where a lot is too old they are looked at before the next question."""
        if any(cell in self._late for cell in zip(sku.tolist(), node.tolist(), strict=True)):
            self._judged_min = -1

    def recounts(
        self, counted: Iterable[tuple[Cell, int]], arrives: Callable[[int], Day], numbers: Numbers
    ) -> dict[Cell, Recount]:
        """Of cells that a table is about to count, and units: those with blocked ones. Otherwise as ``too_old``."""
        units = {cell: qty for cell, qty in counted if cell in self._cells and self._cells[cell].blocked}
        if not units:
            return {}
        rows = zip(units.items(), *(column.tolist() for column in numbers(list(units))), strict=True)
        return {
            cell: Recount(qty, max(0, self._cells[cell].good(arrives(cell[1]), received) - available))
            for (cell, qty), available, received in rows
        }

    def too_old(
        self, now_ms: int, arrives: Callable[[int], Day], numbers: Numbers, recounts: Mapping[Cell, Recount]
    ) -> list[tuple[Cell, int]]:
        """Cells with units for sale that are too old when they arrive, and how many. ``arrives`` is the earliest day of
        a node; ``numbers`` what is available in cells, and was received; ``recounts`` what was counted just now."""
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
            if cell in recounts:  # what it does not have for sale is promised
                qty, gone = recounts[cell]
                over = min(has, over + min(gone, qty - has))
            if over > 0:
                found.append((cell, over))
        return found

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        """(k, 4) SKU, node, received, blocked; (m, 4) and (a, 4) SKU, node, day, units of lots, and of what is away; in
        order."""
        cells = [(*cell, known.received, known.blocked) for cell, known in sorted(self._cells.items())]
        lots = [(*cell, *lot) for cell, known in sorted(self._cells.items()) for lot in known.lots]
        away = [(*cell, *lot) for cell, known in sorted(self._cells.items()) for lot in known.away]
        return {
            "lot_cells": np.array(cells, np.int64).reshape(-1, 4),
            "lots": np.array(lots, np.int64).reshape(-1, 4),
            "lots_away": np.array(away, np.int64).reshape(-1, 4),
        }

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self._judged_min, self._late, self._changed = -1, set(), set()
        self._cells = {
            (sku, node): _CellLots(received, [], blocked)
            for sku, node, received, blocked in arrays["lot_cells"].tolist()
        }
        for sku, node, day, units in arrays["lots"].tolist():
            self._cells[sku, node].lots.append((day, units))
        if "lots_away" in arrays:  # checkpoints from before units were away have none
            for sku, node, day, units in arrays["lots_away"].tolist():
                self._cells[sku, node].away.append((day, units))


def _away(known: _CellLots | None, shelf: Shelf) -> list[Lot]:
    """Units that are not there, by the lots that they are of; no more than there are. Of a cell without lots they are
    as good as all others."""
    if known is None:
        return [(NEVER, shelf.away)] if shelf.away else []
    lots, by_day = known.in_order(shelf.received), defaultdict[Day, int](int, known.away)
    there, _ = laid([units for _, units in lots], max(0, shelf.on_hand), shelf.blocked)
    for (day, units), lies in zip(lots, there, strict=True):
        by_day[day] += units - lies
    days = sorted(day for day, units in by_day.items() if units)
    for day in days[1:-AWAY_DAYS_MAX]:
        by_day[days[0]] += by_day.pop(day)
    return _at_most([(day, by_day[day]) for day in days if day in by_day], shelf.away)


def _at_most(away: list[Lot], units: int) -> list[Lot]:
    """So many units of these, those that expire last."""
    found: list[Lot] = []
    for day, qty in reversed(away):
        if units <= 0:
            break
        found.append((day, min(qty, units)))
        units -= qty
    return found[::-1]
