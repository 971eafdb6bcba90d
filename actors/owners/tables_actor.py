"""The tables' process: the one writer of reference tables, and the one door for stock that comes from outside.

A new version is durable before anyone uses it, reaches the ledger before the shards (claims name the version they
were made with), and is answered when all of them use it. Uploads wait for each other; movements of stock do not wait
for them, and are read by the version that all use.
"""

from __future__ import annotations

from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from actors.owners.calls import until_answered
from actors.owners.remote_ledger import RemoteLedger
from actors.owners.seams import TablePatched, TableReplaced, TablesCalls
from actors.owners.stubs import Owners
from actors.owners.table_uploads import TableUploads
from actors.process.memory import memory_left
from actors.process.names import LEDGER
from actors.store.data_folder import DataFolder, now_ms
from actors.store.mapped import SharedArenaReader
from actors.store.table_store import TableStore
from router.config import Config
from router.ledger.shown_cells import CellsReader
from router.ledger.shown_lots import StockReader
from router.tables.footprint import copies
from router.tables.new_cells import refuse_new_cells
from router.tables.stock_rows import movement_results, parse_movements

ANSWER_TIMEOUT_S = 60.0


class TablesOwner(TablesCalls):
    """Takes tables in, keeps them, tells the engines."""

    def __init__(self, folder: str, config: bytes) -> None:
        data = DataFolder(folder)
        known = msgspec.json.decode(config, type=Config)
        self._owners = Owners(data.namespace, known.shards)
        self._ledger = RemoteLedger(self._owners.ledger)
        self._ledger_arena = data.shared / LEDGER
        self._store = TableStore(data.tables)
        self._store.put_policy(known.policy, now_ms())
        self._key = data.key()
        self._uploads = TableUploads(
            self._store, self._ledger, self._on_hand, lambda version: self._spread(version), self._key, copies(known)
        )

    def ready(self) -> None:
        """Made is ready."""

    def put(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TableReplaced:
        return self._uploads.put(table, body, media_type, replace, now_ms)

    def patch(self, table: str, body: bytes, media_type: str, replace: bool, now_ms: int) -> TablePatched:
        return self._uploads.patch(table, body, media_type, replace, now_ms)

    def stock(self, body: bytes, now_ms: int) -> bytes:
        parsed = parse_movements(body, self._store.load(self._uploads.used), self._key, now_ms)
        parsed = refuse_new_cells(parsed, self._are_open, memory_left())
        return msgspec.json.encode(movement_results(parsed, self._ledger.stock(parsed.batch, now_ms)))

    def _are_open(self, sku: npt.NDArray[np.int32], node: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
        """Which cells the ledger has. Asked where memory is short."""
        return CellsReader(SharedArenaReader(self._ledger_arena)).are_open(sku, node)

    def _on_hand(self) -> StockReader:
        """Made each time, for one thread: who asks is rare."""
        return StockReader(SharedArenaReader(self._ledger_arena))

    def _spread(self, version: int) -> None:
        """An engine that restarts meanwhile loads the version itself; asking again does no harm."""
        for engine in self._owners.engines:
            until_answered(partial(engine.use_tables, version), ANSWER_TIMEOUT_S)
