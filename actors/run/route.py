"""``order-router route``: orders from a file through the same engines in one process, without Ray or HTTP."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from actors.client.asking import CSV, NDJSON, finding
from actors.store.data_folder import DataFolder, now_ms
from actors.store.lmdb_log import LmdbLog
from actors.store.table_store import TableStore
from router.arrow.arrays import Bytes
from router.config import Config
from router.ids import hash_key
from router.local import LocalRouter
from router.log.columns import STATUS_NAMES
from router.log.memory import MemoryLog
from router.ports import Log
from router.tables.compile import accept, compile_tables, empty_tables
from router.tables.compiled import Tables
from router.tables.names import TABLES
from router.tables.remarks import remarks
from router.tables.row_types import TableRows
from router.tables.rows import parse_rows
from router.tables.stock_rows import on_hand_movements
from router.wire.ack_json import encode_json
from router.wire.batch import WireBatch
from router.wire.refused_values import with_values

U64 = npt.NDArray[np.uint64]
# Ids are hashed with a key that outsiders cannot guess where they are kept. Here the key decides no more than in which
# order the shards are asked, and repeating a run matters more.
_KEY_OF_NO_FOLDER = bytes(16)
MEDIA_TYPES = {".ndjson": NDJSON, ".jsonl": NDJSON, ".csv": CSV}


@dataclass
class RouteSummary:
    orders: int = 0
    by_status: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUS_NAMES, 0))
    duplicates: int = 0
    unreadable: int = 0
    state_hash: str = ""
    warnings: list[str] = field(default_factory=list)  # of rows of tables that may not mean what they say


def route(
    batches: Iterable[WireBatch],
    tables_folder: pathlib.Path,
    config: Config,
    folder: pathlib.Path | None,
    write: Callable[[Bytes], object],
    clock_ms: Callable[[], int] = now_ms,
) -> RouteSummary:
    """Decide every order of the batches; acknowledgements go to ``write`` as JSON lines, in order.

    With a data folder everything is kept there as ``serve`` would keep it; without, nothing is, and the same input at
    the same time gives the same answers byte for byte.
    """
    key, log_of, close = _home(folder, config)
    try:
        store = None if folder is None else TableStore(DataFolder(folder).tables)
        local = LocalRouter(config, key, log_of, None if store is None else store.load)
        summary = RouteSummary()
        tables = _load(local, tables_folder, key, store, clock_ms, summary.warnings)
        for wire in batches:
            decided = local.submit(wire, clock_ms())
            wire = with_values(wire, decided.ack, tables, config)
            write(encode_json(wire, decided.ack, decided.shard_of_row, tables.nodes.ids, tables.skus.ids))
            _count(summary, wire, decided.ack.column("status").to_numpy(), decided.ack.column("duplicate").to_numpy())
        summary.state_hash = "".join(f"{number:016x}" for number in local.state_hashes())
        return summary
    finally:
        close()


def _count(
    summary: RouteSummary, wire: WireBatch, status: npt.NDArray[np.int8], duplicate: npt.NDArray[np.uint8]
) -> None:
    summary.orders += wire.count
    summary.unreadable += len(wire.refused)
    summary.duplicates += int(duplicate.sum())
    for name, count in zip(STATUS_NAMES, np.bincount(status, minlength=len(STATUS_NAMES)).tolist(), strict=True):
        summary.by_status[name] += count


def _home(folder: pathlib.Path | None, config: Config) -> tuple[U64, Callable[[str, int], Log], Callable[[], None]]:
    """Key of ids, maker of logs, and what closes them."""
    if folder is None:
        return hash_key(_KEY_OF_NO_FOLDER), lambda _, parts: MemoryLog(parts), lambda: None
    data = DataFolder(folder)
    data.create(config)
    lock = data.lock()
    data.keep_config(config)
    logs: list[LmdbLog] = []

    def log_of(name: str, parts: int) -> Log:
        logs.append(LmdbLog(data.path / name, config.log, parts))
        return logs[-1]

    def close() -> None:
        for log in logs:
            log.close()
        lock.close()

    return data.key(), log_of, close


def _load(
    local: LocalRouter,
    tables_folder: pathlib.Path,
    key: U64,
    store: TableStore | None,
    clock_ms: Callable[[], int],
    warnings: list[str],
) -> Tables:
    """Tables of a folder of files, compiled and given to the engines; what a data folder holds comes first."""
    tables = empty_tables(clock_ms()) if store is None else store.load(store.current())
    local.use_tables(tables)
    if store is not None:
        local.recover()
    rows = TableRows()
    for path in _table_files(tables_folder):
        upload = parse_rows(path.name.partition(".")[0], path.read_bytes(), MEDIA_TYPES[path.suffix])
        warnings += [f"{upload.table} {finding(said)}" for said in remarks(upload)]
        if store is not None:
            tables = store.load(store.put(upload, clock_ms()))
        else:
            rows = accept(upload, rows, tables)
            tables = compile_tables(tables.version + 1, rows, tables, clock_ms())
        if upload.table == "stock":
            local.stock(on_hand_movements(upload, tables, key, tables.version, clock_ms()), clock_ms())
        local.use_tables(tables)
    return tables


def _table_files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for table in TABLES:
        yield from sorted(path for path in folder.glob(f"{table}.*") if path.suffix in MEDIA_TYPES)
