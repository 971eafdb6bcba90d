"""TPC-C-derived: the mix of an order-entry benchmark, as far as this router's interface has it, and its books checked.

    45 % New-Order     POST /v1/orders, 5 to 15 lines; 1 % end with a SKU that does not exist and must leave no trace;
                       1 % of the lines want a SKU that only another country's warehouses hold
    43 % Payment       POST /v1/events, payment_captured for an order that is not paid
     4 % Order-Status  GET /v1/orders/{id}, compared with what this terminal has been told
     4 % Delivery      POST /v1/events, pick, pack, ship and deliver for up to ten of the oldest orders
     4 % Stock-Level   POST /v1/availability for the SKUs of the terminal's last twenty orders

Terminals have no think time; each keeps its own books of what it was told, and peers/tpcc_books.py compares them with
the router afterwards. It is no TPC-C: there are no warehouses and districts of TPC-C's size, no customers looked up by
name, no amounts with a payment, and its figure must not be called tpmC.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import uvloop

from bench.harness import people
from bench.harness import report as _harness
from bench.harness.asking import Connection, Reply, connect, request_bytes
from bench.harness.server import Server
from bench.harness.tables import COUNTRIES, NODES, as_ndjson
from bench.harness.workload import CURRENCIES, Workload
from bench.peers.tpcc_books import Book, audit

MIX = {"new_order": 45, "payment": 43, "order_status": 4, "delivery": 4, "stock_level": 4}
LINES_MIN, LINES_MAX, QTY_MAX = 5, 15, 10
ROLLBACK_SHARE, REMOTE_SHARE = 0.01, 0.01
DELIVERED_AT_ONCE, STOCK_LEVEL_ORDERS = 10, 20
DELIVERY = ("pick", "pack", "ship", "deliver")
UNITS = 50_000  # of every SKU at every node that holds it
HELD_BY_ONE_EVERY = 50  # every so many SKUs one lies in the warehouses of one country only
UNKNOWN_SKU = "X-unknown"
PLACED_FROM_MS = 1_793_606_400_000  # 2026-11-02T08:00:00Z
VIOLATIONS_TOLD = 10


class Shelves:
    """Which SKUs lie where."""

    def __init__(self, skus: int) -> None:
        number = np.arange(skus)
        self.only_in = np.where(number % HELD_BY_ONE_EVERY == 0, number // HELD_BY_ONE_EVERY % len(COUNTRIES), -1)
        self.everywhere = np.flatnonzero(self.only_in < 0)
        self.abroad = {
            country: np.flatnonzero((self.only_in >= 0) & (self.only_in != at)) for at, country in enumerate(COUNTRIES)
        }

    def on_hand(self) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """(SKU, node)"""
        country = np.array([COUNTRIES.index(node[1]) for node in NODES])
        held = (self.only_in[:, None] < 0) | (self.only_in[:, None] == country[None, :])
        return np.where(held, UNITS, 0)


@dataclass
class Terminal:
    """One keyboard: draws transactions, keeps books."""

    number: int
    seed: int
    workload: Workload
    shelves: Shelves
    server: Server
    book: Book = field(default_factory=Book)
    done: Counter[str] = field(default_factory=Counter)
    waited_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng((self.seed, self.number))
        self._people = people.make_people(self.workload.seed)
        self._kinds = list(MIX)
        self._shares = np.array(list(MIX.values())) / 100
        self._address, self._key = self.server.address, self.server.key
        self._events = 0

    async def work(self, connection: Connection, turn: Iterator[int]) -> None:
        for _ in turn:
            kind = self._kinds[self._rng.choice(len(self._kinds), p=self._shares)]
            if not self.book.orders or (kind == "payment" and not self.book.unpaid):
                kind = "new_order"
            if kind == "delivery" and not self.book.undelivered:
                kind = "order_status"
            sent_s = time.perf_counter()
            await getattr(self, f"_{kind}")(connection)
            self.waited_ms[kind].append((time.perf_counter() - sent_s) * 1000)
            self.done[kind] += 1

    async def _new_order(self, connection: Connection) -> None:
        order = self._draw_order()
        reply = await self._send(connection, "POST", "/v1/orders", msgspec.json.encode(order))
        self.book.new_order(order, reply.status, msgspec.json.decode(reply.body))

    async def _payment(self, connection: Connection) -> None:
        order_id = self.book.unpaid[int(self._rng.integers(len(self.book.unpaid)))]
        reply = await self._send(connection, "POST", "/v1/events", self._event(order_id, "payment_captured"))
        self.book.paid(order_id, _rows(reply))

    async def _order_status(self, connection: Connection) -> None:
        order_id = self._rng.choice(list(self.book.orders))
        reply = await self._send(connection, "GET", f"/v1/orders/{order_id}")
        self.book.compare(order_id, reply.status, msgspec.json.decode(reply.body))

    async def _delivery(self, connection: Connection) -> None:
        due = self.book.undelivered[:DELIVERED_AT_ONCE]
        body = b"".join(self._event(order_id, step) for order_id in due for step in DELIVERY)
        self.book.delivered(due, _rows(await self._send(connection, "POST", "/v1/events", body)))

    async def _stock_level(self, connection: Connection) -> None:
        recent = list(self.book.orders.values())[-STOCK_LEVEL_ORDERS:]
        skus = sorted({sku for order in recent for sku in order.wanted})
        body = msgspec.json.encode({"skus": skus})
        reply = await self._send(connection, "POST", "/v1/availability", body)
        self.book.stock_level(skus, reply.status, msgspec.json.decode(reply.body))

    async def _send(self, connection: Connection, method: str, path: str, body: bytes = b"") -> Reply:
        return await connection.ask(request_bytes(method, path, self._address, self._key, body))

    def _event(self, order_id: str, kind: str) -> bytes:
        self._events += 1
        event_id = f"e{self.number}-{self._events}"
        return msgspec.json.encode({"event_id": event_id, "order_id": order_id, "type": kind}) + b"\n"

    def _draw_order(self) -> dict[str, Any]:
        rng, count = self._rng, len(self.book.orders) + len(self.book.rolled_back)
        person = int(rng.integers(people.PEOPLE))
        address = {name: column[person].as_py() for name, column in self._people.table.items()}
        ship_to = {name[8:]: text for name, text in address.items() if name.startswith("ship_to_") and text}
        currency = int(self._people.currency[person])
        lines = self._draw_lines(currency, ship_to["country"])
        if rng.random() < ROLLBACK_SHARE:
            lines[-1]["sku"] = UNKNOWN_SKU
        placed_ms = PLACED_FROM_MS + 100 * count
        return {
            "order_id": f"t{self.number}-{count}",
            "channel": "web",
            "placed_at": f"{np.datetime64(placed_ms, 'ms')}Z",
            "currency": CURRENCIES[currency],
            "customer": {"id": f"c{self.number}-{count}", "name": ship_to["name"], "email": address["customer_email"]},
            "ship_to": ship_to,
            "lines": lines,
            "payment": {"method": "card", "status": "authorized"},
        }

    def _draw_lines(self, currency: int, country: str) -> list[dict[str, Any]]:
        count = int(self._rng.integers(LINES_MIN, LINES_MAX + 1))
        chosen = self._rng.choice(self.shelves.everywhere, count, replace=False)
        remote = self._rng.random(count) < REMOTE_SHARE
        chosen[remote] = self._rng.choice(self.shelves.abroad[country], int(remote.sum()), replace=False)
        prices = self.workload.price_minor[currency, chosen].tolist()
        qtys = self._rng.integers(1, QTY_MAX + 1, count).tolist()
        return [
            {"sku": self.workload.sku_text[sku], "qty": qty, "unit_price": price}
            for sku, qty, price in zip(chosen.tolist(), qtys, prices, strict=True)
        ]


def run(transactions: int, terminals: int, shards: int, seed: int = 1) -> dict[str, Any]:
    """``violations`` is empty when every condition held."""
    conditions, workload = _harness.conditions(), Workload()
    shelves = Shelves(workload.mix.skus)
    with Server(shards=shards) as server:
        _load(server, workload, shelves)
        keyboards = [Terminal(number, seed, workload, shelves, server) for number in range(terminals)]
        elapsed_s = uvloop.run(_drive(server.address, keyboards, transactions))
        books = [terminal.book for terminal in keyboards]
        figures, violations = audit(server, books, workload.sku_text, shelves.on_hand())
    done = sum((terminal.done for terminal in keyboards), Counter())
    waited_ms = {kind: [ms for terminal in keyboards for ms in terminal.waited_ms[kind]] for kind in MIX}
    return {
        "bench": "TPC-C-derived",
        "transactions": done.total(),
        "terminals": terminals,
        "transactions_per_s": round(done.total() / elapsed_s),
        "new_orders_per_minute": round(figures["new_orders"] / elapsed_s * 60),
        **{kind: {"count": done[kind], **_harness.percentiles_ms(np.array(waited_ms[kind]))} for kind in MIX},
        **figures,
        "violation_count": len(violations),
        "violations": violations[:VIOLATIONS_TOLD],
        "shards": shards,
        "seed": seed,
        "conditions": conditions,
    }


def _load(server: Server, workload: Workload, shelves: Shelves) -> None:
    server.load(workload, 0)
    stock = (
        {"sku": workload.sku_text[sku], "node": NODES[node][0], "on_hand": units}
        for (sku, node), units in np.ndenumerate(shelves.on_hand())
    )
    status, answer = server.request("PUT", "/v1/tables/stock", as_ndjson(_plain(stock)), "application/x-ndjson")
    assert status == 200, answer[:500]


def _plain(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, object]]:
    for row in rows:
        yield {**row, "on_hand": int(row["on_hand"])}


async def _drive(address: tuple[str, int], terminals: list[Terminal], transactions: int) -> float:
    """Terminals take turns until the transactions are used up."""
    connections = [await connect(address) for _ in terminals]
    turn = iter(range(transactions))
    started_s = time.perf_counter()
    await asyncio.gather(*(each.work(opened, turn) for each, opened in zip(terminals, connections, strict=True)))
    elapsed_s = time.perf_counter() - started_s
    for opened in connections:
        opened.close()
    return elapsed_s


def _rows(reply: Reply) -> list[dict[str, Any]]:
    assert reply.status == 200, reply.body[:500]
    return [msgspec.json.decode(line) for line in reply.body.splitlines()]
