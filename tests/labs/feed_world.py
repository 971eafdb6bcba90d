"""A small router whose logs are followed: orders, events and stock from the outside, its shards' logs as sources."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from router.config import Config, Limits, Policy
from router.ids import hash_key
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES
from router.local import LocalRouter
from router.log.event_fields import FIELDS
from router.log.memory import MemoryLog
from router.ports import Log
from router.tables.stock_rows import on_hand_movements
from router.wire.event_answer_json import encode_event_json
from router.wire.event_answers import refused_events
from router.wire.event_ndjson import decode_events
from router.wire.event_wire import EventTerms, Names
from router.wire.ndjson import decode_bodies
from tests.labs import table_cases
from tests.labs.event_cases import form_makers
from tests.labs.table_cases import NOW_MS

KEY = hash_key(bytes(range(16)))
SKUS, NODES = ("A", "B"), ("N1", "N2")
TABLES = table_cases.tables_of(
    skus=[{**table_cases.SKU, "sku": sku} for sku in SKUS],
    nodes=[{**table_cases.NODE, "node": node} for node in NODES],
    rates=[{**table_cases.RATE, "max_g": None}],
    taxes=[table_cases.TAX],
)
TEXTS = ("x", "Zoë", 'a"b', "back\\slash", "line\nbreak\ttab", "\x01\x1f", "東京", "x" * 60)
SELDOM_RIGHT = (
    "lines",
    "node",
    "shipment_id",
    "tracking_number",
    "amount",
    "hold",
)  # drawn for an order that has others
Row = dict[str, Any]


def order(order_id: str, **changes: Any) -> Row:
    return {
        "order_id": order_id,
        "channel": "web",
        "placed_at": "2025-11-21T12:00:00Z",
        "currency": "EUR",
        "customer": {"id": order_id, "name": "Ada"},
        "ship_to": {"name": "Ada", "line1": "Street 1", "city": "Berlin", "postcode": "10115", "country": "DE"},
        "lines": [{"sku": "A", "qty": 1}],
    } | changes


class FeedWorld:
    """``log_of(name, parts)`` gives each owner its log; logs in memory by default."""

    def __init__(
        self, shards: int = 2, log_of: Callable[[str, int], Log] | None = None, policy: Policy | None = None
    ) -> None:
        self.logs: dict[str, Log] = {}
        make = log_of or (lambda _, parts: MemoryLog(parts))

        def kept(name: str, parts: int) -> Log:
            self.logs[name] = make(name, parts)
            return self.logs[name]

        self.router = LocalRouter(Config(shards=shards, policy=policy or Policy()), KEY, kept)
        self.router.use_tables(TABLES)
        self.router.recover()
        self.now_ms = NOW_MS
        self.told_orders = self.told_events = 0  # of stories

    @property
    def sources(self) -> list[Any]:
        return [self.logs[name] for name in sorted(self.logs) if name.startswith("shard")]

    def stock(self, **units: int) -> None:
        """On-hand units of SKUs, at each node."""
        rows = [{"sku": sku, "node": node, "on_hand": qty} for sku, qty in units.items() for node in NODES]
        movements = on_hand_movements(
            table_cases.upload("stock", *rows), TABLES, KEY, self._later(), table_cases.NOW_MS
        )
        self.router.stock(movements, self.now_ms)

    def orders(self, *orders: Row) -> list[Row]:
        wire = decode_bodies([json.dumps(one).encode() for one in orders], Limits())
        answers: list[Row] = self.router.submit(wire, self._later()).ack.to_pylist()
        return answers

    def events(self, *events: Row) -> list[Row]:
        names = Names(TABLES.nodes.ids, TABLES.currencies)
        terms = EventTerms(KEY, "global", Limits(), lambda again: names, self._later)
        wire = decode_events(b"".join(json.dumps(event).encode() + b"\n" for event in events), terms)
        ack = self.router.submit_events(wire, self._later())
        return [
            json.loads(line) for line in bytes(encode_event_json(wire, ack, refused_events(wire, ack))).splitlines()
        ]

    def _later(self) -> int:
        self.now_ms += 7
        return self.now_ms


def any_story(world: FeedWorld, rng: random.Random, steps: int = 12) -> None:
    """Orders of few channels, events of all types with any of their fields, stock that comes late, in any order; a
    world goes on where its last story ended."""
    world.stock(A=rng.randrange(1, 30), B=rng.randrange(0, 5))
    for _ in range(steps):
        what = rng.random()
        if what < 0.35 or not world.told_orders:
            count = rng.randrange(1, 12)
            world.orders(*(any_order(rng, world.told_orders + number) for number in range(count)))
            world.told_orders += count
        elif what < 0.95:
            count = rng.randrange(1, 20)
            world.events(*(any_event(rng, world.told_events + number, world.told_orders) for number in range(count)))
            world.told_events += count
        else:
            world.stock(A=rng.randrange(10, 60), B=rng.randrange(5, 20))


def any_order(rng: random.Random, number: int) -> Row:
    changes: Row = {"channel": rng.choice(("web", "shop", 'odd"\n')), "lines": []}
    if rng.random() < 0.4:
        changes["seller"] = rng.choice(TEXTS)
    for sku in rng.sample(SKUS, rng.randrange(1, 3)):
        changes["lines"].append({"sku": sku if rng.random() < 0.95 else "unknown", "qty": rng.randrange(1, 4)})
    if rng.random() < 0.5:
        changes["payment"] = {"method": "card", "status": rng.choice(("paid", "authorized", "failed"))}
    return order(f"o-{number}{rng.choice(('', TEXTS[2], TEXTS[4]))}", **changes)


def any_event(rng: random.Random, number: int, orders: int) -> Row:
    kind = rng.choice([*EVENT_TYPES, "ship", "ship", "scan", "return"])
    takes, needs = TAKES[EVENT_TYPES[kind]], NEEDS.get(EVENT_TYPES[kind], ())
    event: Row = {"event_id": f"e-{number}", "order_id": f"o-{rng.randrange(orders)}", "type": kind}
    makers = _makers(rng)
    if rng.random() < 0.5:
        event |= {"at": "2025-11-22T10:00:00.5+01:00", "source": rng.choice(TEXTS)}
    return event | {
        name: makers[name]()
        for name in takes
        if name in needs or rng.random() < (0.15 if name in SELDOM_RIGHT else 0.4)
    }


def _makers(rng: random.Random) -> dict[str, Callable[[], Any]]:
    """Every field by its form; where few values are right, some of those."""
    makers = form_makers(rng, TEXTS)
    return {name: makers[field.form] for name, field in FIELDS.items()} | {
        "reversed_event_id": lambda: f"e-{rng.randrange(60)}",
        "amount": lambda: rng.randrange(0, 2000),
        "currency": lambda: "EUR",
        "eta": lambda: rng.choice(("2025-12-01T00:00:00Z", "2025-12-01T00:00:00Z", "1969-12-31T23:59:59Z")),
        "lines": lambda: [{"line_id": "1"} | ({"qty": 1} if rng.random() < 0.5 else {})],
        "node": lambda: rng.choice(NODES),
        "to_node": lambda: rng.choice(NODES),
        "disposition": lambda: rng.choice(("restock", "scrap")),
    }
