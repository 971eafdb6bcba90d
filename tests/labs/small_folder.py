"""A small data folder as ``serve`` would leave it: two shards, some batches, made in this process without Ray."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from actors.run.route import RouteSummary, route
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

Row = dict[str, Any]

CONFIG = Config(shards=2, log=LogConfig(log_bytes_max=16 << 20, disk_free_bytes_min=0))
BATCHES, BATCH_ORDERS = 4, 20
ORDERS = BATCHES * BATCH_ORDERS
SKUS = tuple(f"SKU-{number}" for number in range(5))
PRICE_MINOR = 1_250
_RATE = {"carrier": "DHL", "service": "standard", "from_zone": "*", "to_zone": "DE", "min_g": 0, "max_g": None}
_SKU = {"price": PRICE_MINOR, "currency": "EUR", "weight_g": 300, "tax_class": "standard"}
_NODES = (("BER", "10115"), ("MUC", "80331"))
TABLES: dict[str, list[Row]] = {
    "skus": [{"sku": sku, "name": sku, **_SKU} for sku in SKUS],
    "nodes": [{"node": node, "kind": "warehouse", "country": "DE", "postcode": code} for node, code in _NODES],
    "rates": [{**_RATE, "price": 490, "days": 2}],
    "taxes": [{"country": "DE", "tax_class": "standard", "rate_bp": 1_900, "inclusive": True}],
    "promotions": [
        {"code": "TEN", "when": {"coupon": True}, "then": {"percent": 10}, "limit": 1, "priority": 1},
    ],
    "stock": [{"sku": sku, "node": node, "on_hand": 1_000} for sku in SKUS for node, _ in _NODES],
}


def order(number: int, **members: Any) -> Row:
    """Order ``number``: allocated as long as there is stock."""
    address = {"name": "Erika Muster", "line1": "Hauptstr. 1", "city": "Berlin", "postcode": "10117", "country": "DE"}
    line = {"sku": SKUS[number % len(SKUS)], "qty": 1 + number % 3, "unit_price": PRICE_MINOR}
    return {
        "order_id": f"o-{number}",
        "channel": "web",
        "placed_at": "2026-03-01T12:00:00Z",
        "currency": "EUR",
        "customer": {"id": f"c-{number}", "name": "Erika Muster"},
        "ship_to": address,
        "lines": [line],
        **members,
    }


def write_tables(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in TABLES.items():
        (folder / f"{table}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_orders(path: pathlib.Path, rows: list[Row]) -> pathlib.Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_folder(path: pathlib.Path) -> tuple[DataFolder, RouteSummary]:
    """``ORDERS`` orders in ``BATCHES`` batches, each over both shards."""
    rows = [order(number) for number in range(ORDERS)]
    return DataFolder(path), _route(path, rows, BATCH_ORDERS, lambda _: None)


def decide_one_by_one(path: pathlib.Path, rows: Sequence[Row]) -> tuple[DataFolder, list[Row]]:
    """A folder with these orders, and the answer to each."""
    answers: list[bytes] = []
    _route(path, rows, 1, answers.append)
    return DataFolder(path), [json.loads(line) for line in b"".join(answers).splitlines()]


def _route(
    path: pathlib.Path, rows: Sequence[Row], batch_orders: int, write: Callable[[bytes], object]
) -> RouteSummary:
    tables = write_tables(path.with_name(path.name + "-tables"))
    return route(_batches(rows, batch_orders), tables, CONFIG, path, write)


def _batches(rows: Sequence[Row], batch_orders: int) -> Iterator[WireBatch]:
    for first in range(0, len(rows), batch_orders):
        bodies = [json.dumps(row).encode() for row in rows[first : first + batch_orders]]
        yield decode_bodies(bodies, CONFIG.limits)


def keep_ledger_checkpoint(data: DataFolder, sequence: int, units_added: int = 0) -> pathlib.Path:
    """A checkpoint of the ledger after a record, with units that nobody received when asked for."""
    engine = LedgerEngine(CONFIG.policy, PrivateArena())
    log = LmdbLog(data.ledger, CONFIG.log, 1)
    try:
        records = (entry for entry in log.iterate(1) if entry[0] <= sequence)
        replay_ledger(engine, records, TableStore(data.tables).load)
        arrays = engine.snapshot()
        arrays["cell_units"][0] += units_added
        return write_checkpoint(data.ledger, sequence, log.chains_at(sequence), arrays)
    finally:
        log.close()
