"""Stock from outside: MOVEMENTS, each once, on the ledger's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.claim import move as kernels
from router.arrow.arrays import list_parts, numbers, record_batch
from router.ledger.lots import Cell, Lot, Shelf
from router.ledger.moves import moves_of
from router.ledger.state import LedgerState
from router.life.states import CellAccount
from router.log.columns import STOCK_RESULTS
from router.tables.stock_rows import NEVER

Column = npt.NDArray[Any]

_ASIDE_FIRST = kernels.SET_ASIDE  # kinds from here on name units that are not for sale

_TAKES = (kernels.DAMAGE, kernels.TRANSFER, kernels.SCRAP, kernels.DISPATCH)  # from what a cell received

# Kinds by which units come to lie in a cell, or are counted there; a transfer at its target.
_TELLS_OF_SHELF = (kernels.RECEIPT, kernels.COUNT, kernels.TRANSFER, kernels.PUT_BACK, kernels.ARRIVE)


class Before(NamedTuple):
    """Of the cell of each movement, before any of them was made."""

    on_hand: npt.NDArray[np.int64]
    received: npt.NDArray[np.int64]


def apply_stock(movements: pa.RecordBatch, state: LedgerState) -> tuple[pa.RecordBatch, list[int]]:
    """STOCK_RESULTS row by row, and the SKUs that may be found again where they were missed.

    All cells named were opened before.
    """
    sku, node, to_node, qty, kind = (numbers(movements, name) for name in ("sku", "node", "to_node", "qty", "kind"))
    goes = (kind == kernels.TRANSFER) | (kind == kernels.DISPATCH)
    assert not len(sku) or (sku.min() >= 0 and node.min() >= 0), "a movement names no cell"
    assert (to_node[goes] >= 0).all() and (qty >= 0).all(), "a movement without a target or with qty < 0"
    cells, memory = state.cells, state.memory
    before = Before(*cells.on_hand_of(sku, node))
    memory.reserve(0, 0, len(sku), cells.nodes)
    results = np.zeros(len(sku), np.int8)
    key = np.maximum(numbers(movements, "hash_lo"), np.uint64(1)).view(np.int64)  # 0 would be a free place
    (place,), aside = cells.aside.open((_account(movements), sku, np.where(goes, to_node, node)))
    kernels.stock(
        key, numbers(movements, "hash_hi").view(np.int64), numbers(movements, "fingerprint").view(np.int64), kind, sku,
        node, to_node, qty, place, cells.units, aside, memory.counts, memory.ever("movements"), results,
    )  # fmt: skip
    cells.aside.close(aside)
    _tell_lots(movements, results, before, state)
    for ends in ((sku, node), (sku[goes], to_node[goes])):
        state.touch(*ends)
        state.lots.touch(*ends)
    told = (results == kernels.APPLIED) & np.isin(kind, _TELLS_OF_SHELF)
    there = np.where(kind == kernels.TRANSFER, to_node, node)
    return record_batch(STOCK_RESULTS, {"result": results}), state.waiting.lift(sku[told], there[told])


def _tell_lots(movements: pa.RecordBatch, results: Column, before: Before, state: LedgerState) -> None:
    """What movements say of lots; units that were blocked by their age and are counted again are blocked no more."""
    offset, _ = list_parts(movements.column("lots"))
    has_lots = np.diff(offset) > 0
    if not len(state.lots) and not has_lots.any():
        return
    sku, node, qty, kind = (numbers(movements, name) for name in ("sku", "node", "qty", "kind"))
    applied, counts = results == kernels.APPLIED, by_table(movements)

    def cells(rows: Column) -> list[Cell]:
        return list(zip(sku[rows].tolist(), node[rows].tolist(), strict=True))

    takes = applied & np.isin(kind, _TAKES)
    for cell, units in zip(cells(takes), qty[takes].tolist(), strict=True):
        state.lots.left(cell, units)
    _come_back(movements, applied, state)
    again = {cell: state.lots.blocked(cell, state.aside_blocked(cell)) for cell in cells(applied & counts)}
    blocked = [(*cell, units) for cell, units in again.items() if units]
    state.move(moves_of(blocked, CellAccount.BLOCKED, CellAccount.GONE))
    _tell_counted(movements, applied & counts, before, again, state)
    _tell_came(movements, applied & has_lots & ~counts, state)
    by_expiry = applied & (numbers(movements, "by_expiry") == 1)
    for cell, units in zip(cells(by_expiry), qty[by_expiry].tolist(), strict=True):
        state.lots.block(cell, units)


def _come_back(movements: pa.RecordBatch, applied: Column, state: LedgerState) -> None:
    """Units that lay aside, or were on their way, lie there again: of their lots, but for those that are too old."""
    kind, account = numbers(movements, "kind"), _account(movements)
    ends = applied & np.isin(kind, (kernels.PUT_BACK, kernels.SCRAP, kernels.ARRIVE))
    for row in np.flatnonzero(ends).tolist():
        cell = int(numbers(movements, "sku")[row]), int(numbers(movements, "node")[row])
        is_blocked = account[row] == CellAccount.BLOCKED
        too_old = state.lots.unblock(cell, state.aside_blocked(cell)) if is_blocked else 0
        if kind[row] != kernels.SCRAP:
            state.lots.came_back(cell, max(0, int(numbers(movements, "qty")[row]) - too_old))


def _tell_counted(
    movements: pa.RecordBatch, which: Column, before: Before, blocked: Mapping[Cell, int], state: LedgerState
) -> None:
    """What a table counts, of cells of which ``blocked`` units were too old."""
    rows = np.flatnonzero(which)
    sku, node, qty, of_lots = (numbers(movements, name)[rows] for name in ("sku", "node", "qty", "of_lots"))
    _, received = state.cells.numbers_of(sku, node)  # without what is blocked no more
    cells = zip(sku.tolist(), node.tolist(), strict=True)
    for row, cell, units, there, by_lot in zip(
        rows.tolist(), cells, received.tolist(), qty.tolist(), of_lots.tolist(), strict=True
    ):
        was = Shelf(int(before.on_hand[row]), int(before.received[row]), blocked[cell]) if by_lot else None
        state.lots.counted(cell, _lots_of(movements, row) or [(NEVER, there)], units, was)


def _tell_came(movements: pa.RecordBatch, which: Column, state: LedgerState) -> None:
    """Lots that receipts bring, all of a cell at once."""
    came: dict[Cell, list[Lot]] = {}
    for row in np.flatnonzero(which).tolist():
        cell = int(numbers(movements, "sku")[row]), int(numbers(movements, "node")[row])
        came.setdefault(cell, []).extend(_lots_of(movements, row))
    if came:
        _, received = state.numbers_of(list(came))
        for (cell, lots), units in zip(came.items(), received.tolist(), strict=True):
            state.lots.came(cell, lots, units)


def _lots_of(movements: pa.RecordBatch, row: int) -> list[Lot]:
    return [(lot["expires_day"], lot["qty"]) for lot in movements.column("lots")[row].as_py()]


def by_table(movements: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Which MOVEMENTS are counts by the stock table."""
    kind, fingerprint = numbers(movements, "kind"), numbers(movements, "fingerprint")
    counts: npt.NDArray[np.bool_] = (kind == kernels.COUNT) & (fingerprint == 0)
    return counts


def _account(movements: pa.RecordBatch) -> Column:
    """The account beside available that each row names, -1 none."""
    kind, state = numbers(movements, "kind"), numbers(movements, "state")
    travels = (kind == kernels.DISPATCH) | (kind == kernels.ARRIVE)
    account = np.where(travels, np.int8(CellAccount.IN_TRANSIT), state)
    assert ((account >= 0) == (kind >= _ASIDE_FIRST)).all(), "a movement of units that lie aside names their state"
    return account
