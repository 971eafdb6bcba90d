"""Stock from outside: MOVEMENTS, each once, on the ledger's state."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.claim import move as kernels
from router.arrow.arrays import list_parts, numbers, record_batch
from router.ledger.lots import Cell, Lot
from router.ledger.moves import moves_of
from router.ledger.state import LedgerState
from router.life.states import CellAccount
from router.log.columns import STOCK_RESULTS

Column = npt.NDArray[Any]

_ASIDE_FIRST = kernels.SET_ASIDE  # kinds from here on name units that are not for sale

_TAKES = (kernels.DAMAGE, kernels.TRANSFER, kernels.SCRAP, kernels.DISPATCH)  # from what a cell received

# Kinds by which units come to lie in a cell, or are counted there; a transfer at its target.
_TELLS_OF_SHELF = (kernels.RECEIPT, kernels.COUNT, kernels.TRANSFER, kernels.PUT_BACK, kernels.ARRIVE)


def apply_stock(movements: pa.RecordBatch, state: LedgerState) -> tuple[pa.RecordBatch, list[int]]:
    """STOCK_RESULTS row by row, and the SKUs that may be found again where they were missed.

    All cells named were opened before.
    """
    sku, node, to_node, qty, kind = (numbers(movements, name) for name in ("sku", "node", "to_node", "qty", "kind"))
    goes = (kind == kernels.TRANSFER) | (kind == kernels.DISPATCH)
    assert not len(sku) or (sku.min() >= 0 and node.min() >= 0), "a movement names no cell"
    assert (to_node[goes] >= 0).all() and (qty >= 0).all(), "a movement without a target or with qty < 0"
    cells, memory = state.cells, state.memory
    memory.reserve(0, 0, len(sku), cells.nodes)
    results = np.zeros(len(sku), np.int8)
    key = np.maximum(numbers(movements, "hash_lo"), np.uint64(1)).view(np.int64)  # 0 would be a free place
    (place,), aside = cells.aside.open((_account(movements), sku, np.where(goes, to_node, node)))
    kernels.stock(
        key, numbers(movements, "hash_hi").view(np.int64), numbers(movements, "fingerprint").view(np.int64), kind, sku,
        node, to_node, qty, place, cells.units, aside, memory.counts, memory.ever("movements"), results,
    )  # fmt: skip
    cells.aside.close(aside)
    _tell_lots(movements, results, state)
    for ends in ((sku, node), (sku[goes], to_node[goes])):
        state.touch(*ends)
        state.lots.touch(*ends)
    told = (results == kernels.APPLIED) & np.isin(kind, _TELLS_OF_SHELF)
    there = np.where(kind == kernels.TRANSFER, to_node, node)
    return record_batch(STOCK_RESULTS, {"result": results}), state.waiting.lift(sku[told], there[told])


def _tell_lots(movements: pa.RecordBatch, results: Column, state: LedgerState) -> None:
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
    frees = np.isin(kind, (kernels.PUT_BACK, kernels.SCRAP)) & (_account(movements) == CellAccount.BLOCKED)
    for cell in cells(applied & frees):
        state.lots.unblock(cell, state.aside_blocked(cell))
    again = [(*cell, state.lots.blocked(cell, state.aside_blocked(cell))) for cell in cells(applied & counts)]
    state.move(moves_of([cell for cell in again if cell[2]], CellAccount.BLOCKED, CellAccount.GONE))
    rows = np.flatnonzero(applied & (has_lots | counts))
    _, received = state.cells.numbers_of(sku[rows], node[rows])  # without what is blocked no more
    came: dict[Cell, list[Lot]] = {}
    for row, cell, units in zip(rows.tolist(), cells(rows), received.tolist(), strict=True):
        lots = [(lot["expires_day"], lot["qty"]) for lot in movements.column("lots")[row].as_py()]
        if counts[row]:
            state.lots.counted(cell, lots, units)
        else:
            came.setdefault(cell, []).extend(lots)
    units_of = dict(zip(cells(rows), received.tolist(), strict=True))
    for cell, lots in came.items():
        state.lots.came(cell, lots, units_of[cell])
    by_expiry = applied & (numbers(movements, "by_expiry") == 1)
    for cell, units in zip(cells(by_expiry), qty[by_expiry].tolist(), strict=True):
        state.lots.block(cell, units)


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
