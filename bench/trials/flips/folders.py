"""Data folders for ``bench flips``: a small one whose every bit can be turned, and a large one."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import msgspec

from actors.run.route import route
from actors.store.checkpoints import write_checkpoint
from actors.store.data_folder import DataFolder
from actors.store.lmdb_log import LmdbLog
from actors.store.table_store import TableStore
from router.arrow.arena import PrivateArena
from router.config import Config, LogConfig
from router.ledger.engine import LedgerEngine
from router.ledger.replay import replay_ledger
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_bodies

CONFIG = Config(shards=2, log=LogConfig(log_bytes_max=1 << 30, disk_free_bytes_min=0))
SMALL_BATCHES, SMALL_BATCH_ORDERS = 4, 10
LARGE_BATCH_ORDERS = 1_024
_NOW_MS = 1_772_370_000_000  # an hour after the orders were placed
_SKU: dict[str, object] = {
    "sku": "S",
    "name": "S",
    "price": 1_250,
    "currency": "EUR",
    "weight_g": 300,
    "tax_class": "standard",
}
_NODE: dict[str, object] = {"node": "BER", "kind": "warehouse", "country": "DE", "postcode": "10115"}
_RATE = {"carrier": "DHL", "service": "standard", "from_zone": "*", "to_zone": "DE", "min_g": 0, "max_g": None}
_TABLES: dict[str, list[dict[str, object]]] = {
    "skus": [_SKU],
    "nodes": [_NODE],
    "rates": [{**_RATE, "price": 490, "days": 2}],
    "taxes": [{"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True}],
    "stock": [{"sku": "S", "node": "BER", "on_hand": 10_000_000}],
}


def small_folder(path: pathlib.Path) -> DataFolder:
    """Two shards, some batches, a checkpoint of the ledger in the middle of its log."""
    data = _folder(path, SMALL_BATCHES * SMALL_BATCH_ORDERS, SMALL_BATCH_ORDERS)
    _keep_checkpoint(data, SMALL_BATCHES)
    return data


def large_folder(path: pathlib.Path, orders: int) -> DataFolder:
    return _folder(path, orders, LARGE_BATCH_ORDERS)


def _folder(path: pathlib.Path, orders: int, batch_orders: int) -> DataFolder:
    tables = path.with_name(path.name + "-tables")
    tables.mkdir(parents=True)
    for table, rows in _TABLES.items():
        (tables / f"{table}.ndjson").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    route(_batches(orders, batch_orders), tables, CONFIG, path, lambda _answers: None, lambda: _NOW_MS)
    return DataFolder(path)


def _batches(orders: int, batch_orders: int) -> Iterator[WireBatch]:
    for first in range(0, orders, batch_orders):
        bodies = [msgspec.json.encode(_order(number)) for number in range(first, first + batch_orders)]
        yield decode_bodies(bodies, CONFIG.limits)


def _order(number: int) -> dict[str, object]:
    address = {"name": "Erika Muster", "line1": "Hauptstr. 1", "city": "Berlin", "postcode": "10117", "country": "DE"}
    return {
        "order_id": f"o-{number}",
        "channel": "web",
        "placed_at": "2026-03-01T12:00:00Z",
        "currency": "EUR",
        "customer": {"id": f"c-{number}", "name": "Erika Muster"},
        "ship_to": address,
        "lines": [{"sku": "S", "qty": 1 + number % 3, "unit_price": 1_250}],
    }


def _keep_checkpoint(data: DataFolder, sequence: int) -> None:
    engine = LedgerEngine(CONFIG.policy, PrivateArena())
    log = LmdbLog(data.ledger, CONFIG.log, 1)
    try:
        replay_ledger(engine, (entry for entry in log.iterate(1) if entry[0] <= sequence), TableStore(data.tables).load)
        write_checkpoint(data.ledger, sequence, log.chains_at(sequence), engine.dump())
    finally:
        log.close()
