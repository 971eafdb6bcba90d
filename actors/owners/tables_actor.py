"""The tables' process: the one writer of reference tables, and the one door for stock that comes from outside.

A new version is durable before anyone uses it, reaches the ledger before the shards (claims name the version they
were made with), and is answered when all of them use it.
"""

from __future__ import annotations

import os
import time
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import ray
from ray.exceptions import RayError

from actors.owners.calls import owner
from actors.owners.remote_ledger import RemoteLedger
from actors.process.names import engine_names
from actors.store.data_folder import DataFolder, now_ms
from actors.store.table_store import TableStore
from router.config import Config
from router.errors import TableRejected, Unsupported
from router.tables.rows import parse_rows
from router.tables.stock_rows import movement_results, on_hand_movements, parse_movements

Message = npt.NDArray[np.uint8]
ANSWER_TIMEOUT_S = 60.0
PAUSE_S = 0.05


class TablesOwner:
    """Takes tables in, keeps them, tells the engines."""

    def __init__(self, folder: str, config: bytes) -> None:
        data = DataFolder(folder)
        self._namespace = data.namespace
        known = msgspec.json.decode(config, type=Config)
        self._shards = known.shards
        self._store = TableStore(data.tables)
        self._store.put_policy(known.policy, now_ms())
        self._key = data.key()
        self._ledger = RemoteLedger(data.namespace, self._shards)
        self._spread(self._store.current())  # a version made durable just before a crash

    def status(self) -> dict[str, Any]:
        return {"tables_version": self._store.current(), "pid": os.getpid()}

    def put(self, table: str, body: bytes, media_type: str, now_ms: int) -> dict[str, Any]:
        """``{"table", "version", "rows"}``, or ``{"errors", "count"}`` with nothing applied."""
        try:
            rows = parse_rows(table, body, media_type)
            version = self._store.put(rows, now_ms)
            tables = self._store.load(version)
            if table == "stock":
                self._ledger.stock(on_hand_movements(rows, tables, self._key, version), now_ms)
            else:
                self._spread(version)
        except TableRejected as refused:
            return {"table": table, "errors": msgspec.to_builtins(refused.errors), "count": refused.count}
        except Unsupported as refused:
            return {"table": table, "unsupported": str(refused)}
        return {"table": table, "version": version, "rows": len(rows.rows)}

    def stock(self, body: bytes, now_ms: int) -> bytes:
        """Results of stock movements sent as NDJSON: a JSON array, one object a line."""
        parsed = parse_movements(body, self._store.load(self._store.current()), self._key)
        return msgspec.json.encode(movement_results(parsed, self._ledger.stock(parsed.batch, now_ms)))

    def _spread(self, version: int) -> None:
        for name in engine_names(self._shards):
            self._tell(name, version)

    def _tell(self, name: str, version: int) -> None:
        """An engine that restarts meanwhile loads the version itself; asking again does no harm."""
        while True:
            try:
                tell = owner(self._namespace, name, self._shards)
                ray.get(tell("use_tables", version), timeout=ANSWER_TIMEOUT_S)
                return
            except (RayError, ValueError):
                time.sleep(PAUSE_S)
