"""The whole router in memory, and what its readers see of one order after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from router.arrow.arena import PrivateArena
from router.config import Config, Limits
from router.ids import hash_key, hash_text
from router.life.books import Books
from router.local import LocalRouter
from router.log.memory import MemoryLog
from router.queries import ViewTerms, order_view, timeline_view
from router.queries.source import Indexed
from router.shard.engine import ShardEngine
from router.shard.partition import shard_of
from router.tables.compiled import Tables
from router.tables.stock_rows import on_hand_movements
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.table_cases import NOW_MS
from tests.labs.telling import event_terms, tell

KEY = hash_key(bytes(range(16)))
NODES = ("N1", "N2", "N3")
SKUS = ("A", "B", "C", "SET")
SET = ({"sku": "A", "qty": 2}, {"sku": "B", "qty": 1})
Row = dict[str, Any]
STAGES = (
    "backordered", "held", "allocated", "picked", "packed", "shipped", "delivered", "returned", "lost", "cancelled",
)  # fmt: skip


def order_row(order_id: str, lines: Sequence[Row] = ({"sku": "A", "qty": 1},), **changes: Any) -> Row:
    ship_to = {"name": "Ada", "line1": "Street 1", "city": "Berlin", "postcode": "10115", "country": "DE"}
    return {
        "order_id": order_id, "channel": "web", "placed_at": "2025-11-21T12:00:00Z", "currency": "EUR",
        "customer": {"id": order_id, "name": "Ada"}, "ship_to": ship_to, "lines": list(lines),
    } | changes  # fmt: skip


class OrderLab:
    """A router with the SKUs A, B and C at 12.50, SET of two A and one B, and three nodes."""

    def __init__(self, shards: int = 2, **stock: int) -> None:
        """``stock`` is units by SKU and node, such as ``A_N1=5``."""
        self.logs: dict[str, MemoryLog] = {}
        self.tables = table_cases.tables_of(
            skus=[*({**table_cases.SKU, "sku": sku} for sku in ("A", "B", "C")),
                  {**table_cases.SKU, "sku": "SET", "price": 3_000, "bundle": list(SET)}],
            nodes=[{**table_cases.NODE, "node": node, "daily_capacity": 1_000} for node in NODES],
            rates=[{**table_cases.RATE, "max_g": None}],
            taxes=[table_cases.TAX],
        )  # fmt: skip
        self.arenas: dict[str, PrivateArena] = {}
        self.router = LocalRouter(Config(shards=shards), KEY, self._log_of, arena_of=self._arena_of)
        self.router.use_tables(self.tables)
        self.router.recover()
        self.now_ms = NOW_MS
        self._events = 0
        self._versions = {self.tables.version: self.tables}
        self.views = ViewTerms(KEY, self._versions.__getitem__, lambda *_: self.tables, Config(shards=shards))
        self.stock(**stock)

    def _log_of(self, name: str, parts: int) -> MemoryLog:
        return self.logs.setdefault(name, MemoryLog(parts))

    def _arena_of(self, name: str) -> PrivateArena:
        return self.arenas.setdefault(name, PrivateArena())

    def stock(self, **on_hand: int) -> None:
        """What lies at nodes now; who waits is served."""
        places = (place.split("_") for place in on_hand)
        rows = [{"sku": sku, "node": node, "on_hand": on_hand[f"{sku}_{node}"]} for sku, node in places]
        if rows:
            self.now_ms += 1
            upload = table_cases.upload("stock", *rows)
            self.router.stock(on_hand_movements(upload, self.tables, KEY, self.now_ms, self.now_ms), self.now_ms)

    def order(self, order_id: str, lines: Sequence[Row] = ({"sku": "A", "qty": 1},), **changes: Any) -> None:
        wire = decode_bodies([json.dumps(order_row(order_id, lines, **changes)).encode()], Limits())
        assert not wire.refused, wire.refused
        self.now_ms += 1
        self.router.submit(wire, self.now_ms)

    def events(self, *events: Row) -> list[Row]:
        """One answer each; an ``event_id`` is made where there is none."""
        for event in events:
            self._events += 1
            event.setdefault("event_id", f"e{self._events}")
        self.now_ms += 1
        return tell(self.router, event_terms(self.tables, KEY, self.now_ms), events)

    def event(self, order_id: str, kind: str, **fields: Any) -> Row:
        (answer,) = self.events({"order_id": order_id, "type": kind, **fields})
        return answer

    def done(self, order_id: str, kind: str, **fields: Any) -> str:
        """An event that must be applied; its id."""
        answer = self.event(order_id, kind, **fields)
        assert answer["status"] == "applied", answer
        event_id: str = answer["event_id"]
        return event_id

    # --- readers ---------------------------------------------------------------------------------

    def found(self, order_id: str) -> tuple[int, Indexed]:
        engine, row = self.engine(order_id)
        at = np.array([row])
        index = engine.index
        found = int(index.reference(at)[0]), int(index.state(at)[0]), int(index.version(at)[0])
        return engine.number, found

    def engine(self, order_id: str) -> tuple[ShardEngine, int]:
        """The order's shard, and its row in the index."""
        hi, lo = (np.array([half], np.uint64) for half in hash_text(KEY, order_id))
        engine = self.router.shards[int(shard_of(lo, len(self.router.shards))[0])].engine
        return engine, int(engine.index.find(hi, lo)[0])

    def books(self, order_id: str) -> tuple[Books, int]:
        """The shard's own books, and the order's row in them."""
        engine, row = self.engine(order_id)
        return engine.books, row

    def source(self, shard: int) -> MemoryLog:
        return self.logs[f"shard-{shard:03d}"]

    def view(self, order_id: str) -> Row:
        shard, found = self.found(order_id)
        view = order_view(shard, found, self.source(shard), self.views)
        assert view is not None
        return json.loads(json.dumps(view))  # type: ignore[no-any-return]

    def timeline(self, order_id: str, **page: Any) -> Row:
        shard, found = self.found(order_id)
        view = timeline_view(shard, found, self.source(shard), self.views, **page)
        assert view is not None
        return json.loads(json.dumps(view))  # type: ignore[no-any-return]

    def tables_with(self, **more: list[Row]) -> Tables:
        """Newer tables, in use from now on."""
        self.tables = table_cases.tables_of(self.tables, **more)
        self._versions[self.tables.version] = self.tables
        self.router.use_tables(self.tables)
        return self.tables
