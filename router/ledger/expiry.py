"""What nobody may be sold any more, set aside by movements of the ledger's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import xxhash

from kernels.claim import move as kernels
from router.arrow.arrays import numbers, record_batch
from router.ledger.lots import Cell, Recount
from router.ledger.state import LedgerState
from router.ledger.stock import by_table
from router.ledger.tables import LedgerTables
from router.life.states import CellAccount
from router.log.columns import MOVEMENTS


def recounts(
    movements: pa.RecordBatch, state: LedgerState, tables: LedgerTables | None, now_ms: int
) -> Mapping[Cell, Recount]:
    """Of the cells that MOVEMENTS of a table are about to count, those with units that are blocked for their age."""
    if tables is None or not len(state.lots):
        return {}
    arrivals, rows = tables.arrivals, np.flatnonzero(by_table(movements))
    cells = zip(*(numbers(movements, name)[rows].tolist() for name in ("sku", "node")), strict=True)
    counted = zip(cells, numbers(movements, "qty")[rows].tolist(), strict=True)
    return state.lots.recounts(counted, lambda node: arrivals.earliest(node, now_ms), state.numbers_of)


def expiry_movements(
    state: LedgerState, tables: LedgerTables | None, now_ms: int, record: int, recounted: Mapping[Cell, Recount]
) -> pa.RecordBatch | None:
    """MOVEMENTS of units for sale that would be too old when they arrive; None: there are none, or none are due."""
    if tables is None or not state.lots.is_due(now_ms):
        return None
    arrivals = tables.arrivals
    found = state.lots.too_old(now_ms, lambda node: arrivals.earliest(node, now_ms), state.numbers_of, recounted)
    return _movements(found, record) if found else None


def _movements(found: list[tuple[Cell, int]], record: int) -> pa.RecordBatch:
    """Their ids derive from the record that they stand in."""
    digests = [xxhash.xxh3_128_intdigest(f"expired {record} {sku} {node}".encode()) for (sku, node), _ in found]
    rows = len(found)
    return record_batch(
        MOVEMENTS,
        {
            "hash_hi": np.array([digest >> 64 for digest in digests], np.uint64),
            "hash_lo": np.array([digest & (1 << 64) - 1 for digest in digests], np.uint64),
            "kind": np.full(rows, kernels.SET_ASIDE, np.int8),
            "sku": np.array([sku for (sku, _), _ in found], np.int32),
            "node": np.array([node for (_, node), _ in found], np.int16),
            "to_node": np.full(rows, -1, np.int16),
            "qty": np.array([units for _, units in found], np.int64),
            "state": np.full(rows, CellAccount.BLOCKED, np.int8),
            "fingerprint": np.zeros(rows, np.uint64),
            "reason": pa.array(["expired"] * rows, pa.string()),
            "reference": pa.array([""] * rows, pa.string()),
            "lots": pa.array([[]] * rows, MOVEMENTS.field("lots").type),
            "by_expiry": np.ones(rows, np.uint8),
            "of_lots": np.zeros(rows, np.uint8),
        },
    )
