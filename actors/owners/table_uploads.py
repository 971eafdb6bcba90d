"""Uploads of tables, one after the other: a version is durable, then the engines use it, then it is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from actors.owners.seams import TablePatched, TableReplaced
from actors.store.table_store import TableStore
from router.ledger.shown_lots import StockReader
from router.queries.on_hand import OnHand
from router.tables.patch import Changes, keys_in, patched
from router.tables.remarks import remarks
from router.tables.row_types import StockRow
from router.tables.rows import Rows, parse_rows
from router.tables.stock_now import Cell, note_lots, stock_patched
from router.tables.stock_rows import on_hand_movements
from router.tables.withdrawn import Numbers, UnitsInUse


class StockLedger(Protocol):
    """What uploads ask of the ledger."""

    def stock(self, movements: pa.RecordBatch, now_ms: int) -> pa.RecordBatch: ...

    def in_use(self, skus: Numbers, nodes: Numbers) -> UnitsInUse: ...


class TableUploads:
    """For any number of threads; ``spread`` brings a version to all engines, ``stock`` gives a reader of the ledger's
    cells to the thread that asks."""

    def __init__(
        self,
        store: TableStore,
        ledger: StockLedger,
        stock: Callable[[], StockReader],
        spread: Callable[[int], None],
        key: npt.NDArray[np.uint64],
        copies: int,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._stock = stock
        self._spread = spread
        self._key = key
        self._copies = copies
        self._putting = threading.Lock()
        self.used = store.current()  # the version that all engines use
        spread(self.used)  # a version made durable just before a crash

    def put(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TableReplaced:
        rows = parse_rows(table, body, media_type)
        with self._putting:
            version = self._put(rows, replace, now_ms)
        return TableReplaced(table, version, len(rows.rows), remarks(rows))

    def patch(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TablePatched:
        with self._putting:
            rows, changes = self._patched(table, body, media_type)
            rows.findings.raise_if_any()
            version = self._put(rows, replace, now_ms) if any(changes) else self.used
        return TablePatched(table, version, len(rows.rows), *changes, remarks(rows))

    def _patched(self, table: str, body: bytes, media_type: str) -> tuple[Rows, Changes]:
        """Of stock only the cells that are named, as they are now."""
        stands = self._store.newest_rows()
        if table != "stock":
            return patched(table, getattr(stands, table), body, media_type)
        cells = [(sku, node) for sku, node, _ in keys_in(table, body, media_type)]
        on_hand = OnHand(self._stock(), self._store.load(self.used))
        lots: dict[Cell, list[StockRow]] = {}
        note_lots(stands.stock, lots)
        return stock_patched(on_hand.rows(cells, lots), body, media_type)

    def _put(self, rows: Rows, replace: bool, now_ms: int) -> int:
        version = self._store.put(rows, now_ms, self._copies, None if replace else self._ledger.in_use)
        if rows.table == "stock":
            self._ledger.stock(on_hand_movements(rows, self._store.load(version), self._key, version, now_ms), now_ms)
        else:
            self._spread(version)
        self.used = version
        return version
