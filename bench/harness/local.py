"""The whole router in one process on real logs, for benches: tables loaded, and started again when asked to."""

from __future__ import annotations

import pathlib
import shutil
import tempfile

from actors.process.heap import freeze_heap, keep_freed_memory
from actors.store.lmdb_log import LmdbLog
from bench.harness.tables import as_ndjson, tables_for
from bench.harness.workload import PLACED_FROM, Workload
from router.config import Config, Limits
from router.ids import hash_key
from router.local import LocalRouter
from router.ports import Log
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.row_types import TableRows
from router.tables.rows import parse_rows
from router.tables.stock_rows import on_hand_movements

NOW_MS = int(PLACED_FROM.timestamp() * 1000) + 3_600_000
KEY = hash_key(b"bench" * 3 + b"!")
BATCHES_MIN = 8  # a small run has smaller batches, so that some are left to be measured after the warm-up


def config_for(orders: int, shards: int = 1) -> Config:
    """The default, except that batches of a small run are smaller."""
    rows = min(Limits().batch_rows_max, max(1, orders // BATCHES_MIN))
    return Config(shards=shards, limits=Limits(batch_rows_max=rows))


class LocalHome:
    """``with LocalHome(workload, planned_orders) as home: home.router …``; the folder goes at the end."""

    def __init__(self, workload: Workload, planned_orders: int, config: Config) -> None:
        keep_freed_memory()
        self.config = config
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="order-router-bench-"))
        self.logs: dict[str, LmdbLog] = {}
        self.versions: dict[int, Tables] = {}
        self._workload = workload
        self._planned_orders = planned_orders

    def __enter__(self) -> LocalHome:
        self.start()
        self._load()
        freeze_heap()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Engines with the newest tables and nothing else; what the logs hold is not replayed."""
        self.router = LocalRouter(self.config, KEY, self._log_of, self.versions.__getitem__)
        self.tables = self.versions[max(self.versions)] if self.versions else empty_tables(NOW_MS)
        self._use(self.tables)

    def stop(self) -> None:
        for log in self.logs.values():
            log.close()
        self.logs.clear()

    def _log_of(self, name: str, parts: int) -> Log:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        self.logs[name] = LmdbLog(folder, self.config.log, parts)
        return self.logs[name]

    def _use(self, tables: Tables) -> None:
        self.tables = self.versions[tables.version] = tables
        self.router.use_tables(tables)

    def _load(self) -> None:
        rows = TableRows()
        for name, given in tables_for(self._workload, self._planned_orders).items():
            upload = parse_rows(name, as_ndjson(given), "application/x-ndjson")
            rows = accept(upload, rows, self.tables)
            tables = compile_tables(self.tables.version + 1, rows, self.tables, NOW_MS)
            if name == "stock":
                movements = on_hand_movements(upload, tables, KEY, tables.version, 0)
                self.router.stock(movements, NOW_MS)
            self._use(tables)
