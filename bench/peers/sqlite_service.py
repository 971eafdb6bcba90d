"""The plain service: aiohttp in front of SQLite, one process, one writer. Run as a process; prints its port.

    POST /orders ─▶ decode ─▶ queue ─▶ writer thread: all that waits in one transaction ─▶ answers

Answers 200 with the decision, 208 with the first decision of a known id, 422 for an unknown SKU.
"""

from __future__ import annotations

import argparse
import asyncio
import pathlib
import pickle
import sqlite3
from collections import defaultdict
from typing import NamedTuple

import msgspec
import uvloop
from aiohttp import web

from bench.harness.echo import listen
from bench.harness.workload import CURRENCIES
from bench.peers.job import NO_NODE, Answer, Status, choose_node, fee_minor, line_total_minor
from bench.peers.shop import AREAS, SERVICES, Shop

HTTP_STATUS = {Status.ALLOCATED: 200, Status.BACKORDERED: 200, Status.REJECTED: 422}
HTTP_DUPLICATE = 208


class _Place(msgspec.Struct):
    country: str
    region: str = ""


class _Line(msgspec.Struct):
    sku: str
    qty: int


class _Shipping(msgspec.Struct):
    service: str = ""


class _Order(msgspec.Struct):
    order_id: str
    currency: str
    ship_to: _Place
    lines: list[_Line]
    shipping: _Shipping = msgspec.field(default_factory=_Shipping)


class _Waiting(NamedTuple):
    order: _Order
    document: bytes
    answered: asyncio.Future[Answer]


class Store:
    """The database and the catalogue that the service keeps in memory."""

    def __init__(self, database: pathlib.Path, shop: Shop, sku_text: list[str]) -> None:
        self._shop = shop
        self._sku = {text: number for number, text in enumerate(sku_text)}
        self._area = {area: number for number, area in enumerate(AREAS)}
        self._nodes = range(shop.on_hand.shape[1])
        self._database = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -200000;"
        )

    def make_tables(self) -> None:
        columns = ", ".join(f"n{node} INTEGER NOT NULL" for node in self._nodes)
        self._database.executescript(
            f"CREATE TABLE stock (sku INTEGER PRIMARY KEY, {columns});"
            "CREATE TABLE orders (order_id TEXT PRIMARY KEY, status INTEGER NOT NULL, node INTEGER NOT NULL,"
            " total_minor INTEGER NOT NULL, document BLOB NOT NULL) WITHOUT ROWID;"
        )
        rows = ((sku, *units) for sku, units in enumerate(self._shop.on_hand.tolist()))
        self._database.execute("BEGIN")
        self._database.executemany(f"INSERT INTO stock VALUES (?{', ?' * len(self._nodes)})", rows)
        self._database.execute("COMMIT")

    def place_all(self, batch: list[_Waiting]) -> list[Answer]:
        """One transaction, on disk when this returns."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            answers = [self._place(waiting.order, waiting.document) for waiting in batch]
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        return answers

    def _place(self, order: _Order, document: bytes) -> Answer:
        known = self._database.execute(
            "SELECT status, node, total_minor FROM orders WHERE order_id = ?", (order.order_id,)
        ).fetchone()
        if known is not None:
            status, node, total = known
            return Answer(status, node, total, duplicate=True)
        wanted: dict[int, int] = defaultdict(int)
        for line in order.lines:
            wanted[self._sku.get(line.sku, -1)] += line.qty
        if -1 in wanted:
            return Answer(Status.REJECTED, NO_NODE, 0, duplicate=False)
        area = self._area[order.ship_to.country, order.ship_to.region]
        units = [self._database.execute("SELECT * FROM stock WHERE sku = ?", (sku,)).fetchone()[1:] for sku in wanted]
        node = choose_node(self._shop.preference[area].tolist(), units, list(wanted.values()))
        if node != NO_NODE:
            taken = [(qty, sku) for sku, qty in wanted.items()]
            self._database.executemany(f"UPDATE stock SET n{node} = n{node} - ? WHERE sku = ?", taken)
        status = Status.BACKORDERED if node == NO_NODE else Status.ALLOCATED
        answer = Answer(status, node, self._total_minor(order, area, wanted), duplicate=False)
        row = (order.order_id, int(status), node, answer.total_minor, document)
        self._database.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", row)
        return answer

    def _total_minor(self, order: _Order, area: int, wanted: dict[int, int]) -> int:
        shop, currency = self._shop, CURRENCIES.index(order.currency)
        total = weight_g = 0
        for sku, qty in wanted.items():
            net = int(shop.price_minor[currency, sku]) * qty
            total += line_total_minor(net, int(shop.tax_bp[area, shop.tax_class[sku]]), int(shop.inclusive[area]))
            weight_g += int(shop.weight_g[sku]) * qty
        return total + fee_minor(shop.fees[SERVICES.index(order.shipping.service)], weight_g)


class Service:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._decode = msgspec.json.Decoder(_Order).decode

    async def post(self, request: web.Request) -> web.Response:
        document = await request.read()
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(self._decode(document), document, answered))
        answer = await answered
        status = HTTP_DUPLICATE if answer.duplicate else HTTP_STATUS[Status(answer.status)]
        return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")

    async def write(self) -> None:
        """Orders that arrive while a transaction is on its way to the disk share the next one."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            answers = await asyncio.to_thread(self._store.place_all, batch)
            for waiting, answer in zip(batch, answers, strict=True):
                waiting.answered.set_result(answer)


async def _serve(store: Store) -> None:
    service = Service(store)
    app = web.Application()
    app.router.add_post("/orders", service.post)
    await listen(app)
    await service.write()


def main() -> None:
    parser = argparse.ArgumentParser(description="SQLite behind HTTP, for `order-router bench peers`.")
    parser.add_argument("--database", type=pathlib.Path, required=True)
    parser.add_argument("--shop", type=pathlib.Path, required=True, help="pickled by the bench that starts this")
    given = parser.parse_args()
    shop, sku_text = pickle.loads(given.shop.read_bytes())
    store = Store(given.database, shop, sku_text)
    store.make_tables()
    uvloop.run(_serve(store))


if __name__ == "__main__":
    main()
