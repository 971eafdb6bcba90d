"""The tables' process: the one writer of reference tables, and the one door for stock that comes from outside.

A new version is durable before anyone uses it, reaches the ledger before the shards (claims name the version they
were made with), and is answered when all of them use it. Uploads wait for each other; movements of stock do not wait
for them, and are read by the version that all use.
"""

from __future__ import annotations

import threading
from functools import partial

import msgspec
import numpy as np
import numpy.typing as npt

from actors.owners.calls import until_answered
from actors.owners.remote_ledger import RemoteLedger
from actors.owners.seams import TableReplaced, TablesCalls
from actors.owners.stubs import Owners
from actors.process.memory import memory_left
from actors.process.names import LEDGER
from actors.store.data_folder import DataFolder, now_ms
from actors.store.mapped import SharedArenaReader
from actors.store.table_store import TableStore
from router.config import Config
from router.ledger.cells import CellsReader
from router.tables.footprint import copies
from router.tables.new_cells import refuse_new_cells
from router.tables.remarks import remarks
from router.tables.rows import parse_rows
from router.tables.stock_rows import movement_results, on_hand_movements, parse_movements

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
        self._copies = copies(known)
        self._store.put_policy(known.policy, now_ms())
        self._key = data.key()
        self._putting = threading.Lock()
        self._used = self._store.current()  # the version that all engines use
        self._spread(self._used)  # a version made durable just before a crash

    def ready(self) -> None:
        """Made is ready."""

    def put(self, table: str, body: bytes, media_type: str, now_ms: int) -> TableReplaced:
        rows = parse_rows(table, body, media_type)
        with self._putting:
            version = self._store.put(rows, now_ms, self._copies)
            if table == "stock":
                self._ledger.stock(
                    on_hand_movements(rows, self._store.load(version), self._key, version, now_ms), now_ms
                )
            else:
                self._spread(version)
            self._used = version
        return TableReplaced(table, version, len(rows.rows), remarks(rows))

    def stock(self, body: bytes, now_ms: int) -> bytes:
        parsed = parse_movements(body, self._store.load(self._used), self._key, now_ms)
        parsed = refuse_new_cells(parsed, self._are_open, memory_left())
        return msgspec.json.encode(movement_results(parsed, self._ledger.stock(parsed.batch, now_ms)))

    def _are_open(self, sku: npt.NDArray[np.int32], node: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
        """Which cells the ledger has. Asked where memory is short, so a reader is made each time, for one thread."""
        return CellsReader(SharedArenaReader(self._ledger_arena)).are_open(sku, node)

    def _spread(self, version: int) -> None:
        """An engine that restarts meanwhile loads the version itself; asking again does no harm."""
        for engine in self._owners.engines:
            until_answered(partial(engine.use_tables, version), ANSWER_TIMEOUT_S)
