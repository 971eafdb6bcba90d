"""Redis with a function in Lua: one call an order, each waiting for the last one's answer, and pipelined.

Does: everything in job.py in one call (three commands inside: is the id known, all rows of the order's SKUs, one write
of stock and order). Requests are bytes in Redis's protocol, made before and read after the clock; a thread a connection
keeps a window of orders under way.
Durable: ``appendonly yes`` with ``appendfsync always``: Redis syncs once for all commands that one turn of its loop
has read, so many connections share a sync. No snapshots, and the file is not rewritten during a run.
Leaves out: what job.py leaves out; a SKU's price, weight and tax class are packed into one value and its stock into
another, which nobody could change by hand.
"""

from __future__ import annotations

import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from bench.harness.arrays import F64
from bench.harness.server import free_port
from bench.peers.daemon import Daemon, find_binary
from bench.peers.job import Answer, Audit, Outcome, PeerAbsent
from bench.peers.redis_lua import FUNCTION, small_tables
from bench.peers.shop import Orders, Shop

SINGLE_CONNECTIONS = 64
PIPELINE_CONNECTIONS = 16
PIPELINE_AHEAD = 256  # orders sent and not answered on a connection
RECEIVE_BYTES = 1 << 18
LOAD_COMMANDS = 1_000  # of one message

SETTINGS = (
    "bind 127.0.0.1",
    "save ''",
    "appendonly yes",
    "appendfsync always",
    "auto-aof-rewrite-percentage 0",
    "daemonize no",
    "protected-mode yes",
)


class Redis:
    """A server of its own."""

    def __init__(self) -> None:
        try:
            import hiredis
        except ImportError:
            raise PeerAbsent("hiredis is not installed; pip install hiredis") from None
        self._hiredis: Any = hiredis
        self._binary = find_binary("redis-server", ["usr/bin", "usr/local/bin"], "redis-server")
        self._daemon = Daemon("redis")
        self._port = free_port()
        self._nodes = 0

    def __enter__(self) -> Self:
        settings = self._daemon.folder / "redis.conf"
        settings.write_text("\n".join([*SETTINGS, f"port {self._port}", f"dir {self._daemon.folder}", ""]))
        self._daemon.start([str(self._binary), str(settings)], self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.end(signal.SIGKILL)  # on SIGTERM it would still write; nobody needs the folder

    @property
    def version(self) -> str:
        [told] = self._ask([("INFO", "server")])
        return next(f"Redis {line[14:]}" for line in told.splitlines() if line.startswith("redis_version:"))

    def load(self, shop: Shop) -> None:
        """An empty database, the shop, and the function, which has the small tables as Lua tables."""
        self._nodes = shop.on_hand.shape[1]
        self._ask([("FLUSHALL",)])
        rows = zip(shop.weight_g.tolist(), shop.tax_class.tolist(), *shop.price_minor.tolist(), strict=True)
        commands = [("SET", f"c{sku}", struct.pack(">5q", *row)) for sku, row in enumerate(rows)]
        commands += [
            ("SET", f"s{sku}", struct.pack(f">{self._nodes}i", *units))
            for sku, units in enumerate(shop.on_hand.tolist())
        ]
        for at in range(0, len(commands), LOAD_COMMANDS):
            self._ask(commands[at : at + LOAD_COMMANDS])
        self._ask([("FUNCTION", "LOAD", "REPLACE", "#!lua name=peer\n" + small_tables(shop) + FUNCTION)])

    def one_by_one(self, orders: Orders) -> Outcome:
        return self._drive(orders, SINGLE_CONNECTIONS, ahead=1)

    def pipelined(self, orders: Orders, connections: int = PIPELINE_CONNECTIONS) -> Outcome:
        return self._drive(orders, connections, PIPELINE_AHEAD)

    def audit(self) -> Audit:
        stored = total = 0
        cursor = "0"
        while True:
            [[cursor, keys]] = self._ask([("SCAN", cursor, "MATCH", "o:*", "COUNT", 10_000)])
            found = self._ask([("MGET", *keys)], encoding="latin-1")[0] if keys else []
            stored += len(found)
            total += sum(int(text.partition("\n")[0].split()[2]) for text in found)
            if cursor == "0":
                break
        [skus] = self._ask([("EVAL", "return #redis.call('KEYS', 's*')", 0)])
        packed = self._ask([("GET", f"s{sku}") for sku in range(skus)], encoding=None)
        units = np.frombuffer(b"".join(packed), ">i4").reshape(skus, self._nodes)
        return Audit(stored, total, units.astype(np.int64))

    def _drive(self, orders: Orders, connections: int, ahead: int) -> Outcome:
        """Connection c has every c-th order: each reads its own answers, in order."""
        requests = [self._request(orders, row) for row in range(len(orders))]
        opened = [_Pipe(self._connect(), requests[at::connections], ahead) for at in range(connections)]
        started_s = time.perf_counter()
        for pipe in opened:
            pipe.start()
        for pipe in opened:
            pipe.join()
        elapsed_s = time.perf_counter() - started_s
        answers: list[Answer] = [Answer(0, 0, 0, False)] * len(orders)
        for at, pipe in enumerate(opened):
            answers[at::connections] = [_answer(text) for text in self._replies(b"".join(pipe.received))]
        return Outcome(answers, elapsed_s, np.concatenate([pipe.waited_ms() for pipe in opened]))

    def _request(self, orders: Orders, row: int) -> bytes:
        skus, qtys = orders.lines(row)
        keys = [f"o:{orders.ids[row]}", *(f"c{sku}" for sku in skus), *(f"s{sku}" for sku in skus)]
        place = (int(orders.area[row]), int(orders.currency[row]), int(orders.express[row]))
        command = ("FCALL", "place_order", len(keys), *keys, orders.documents[row], *place, *qtys)
        packed: bytes = self._hiredis.pack_command(command)
        return packed

    def _answers(self) -> bool:
        try:
            self._ask([("PING",)])
            return True
        except OSError:
            return False

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _ask(self, commands: Sequence[tuple[Any, ...]], encoding: str | None = "utf-8") -> list[Any]:
        """Commands of the set-up and the check, in one message."""
        reader = self._hiredis.Reader(encoding=encoding) if encoding else self._hiredis.Reader()
        replies: list[Any] = []
        with self._connect() as connection:
            connection.sendall(b"".join(self._hiredis.pack_command(command) for command in commands))
            while len(replies) < len(commands):
                reader.feed(_received(connection))
                replies += _whole(reader)
        return replies

    def _replies(self, received: bytes) -> Iterator[str]:
        reader = self._hiredis.Reader(encoding="ascii")
        reader.feed(received)
        yield from _whole(reader)


class _Pipe:
    """One connection and its thread: a window of orders is under way, filled up again when half of it is answered."""

    def __init__(self, connection: socket.socket, requests: list[bytes], ahead: int) -> None:
        self._connection = connection
        self._requests = requests
        self._ahead = ahead
        self._sent_s = np.zeros(len(requests))
        self._answered_s = np.zeros(len(requests))
        self._sent = self._answered = self._line_ends = 0
        self.received: list[bytes] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.start, self.join = self._thread.start, self._thread.join

    def waited_ms(self) -> F64:
        waited: F64 = (self._answered_s - self._sent_s) * 1000
        return waited

    def _run(self) -> None:
        with self._connection:
            while self._answered < len(self._requests):
                if self._sent - self._answered <= self._ahead // 2:
                    self._send()
                self._receive()

    def _send(self) -> None:
        end = min(self._answered + self._ahead, len(self._requests))
        if end > self._sent:
            self._sent_s[self._sent : end] = time.perf_counter()
            self._connection.sendall(b"".join(self._requests[self._sent : end]))
            self._sent = end

    def _receive(self) -> None:
        """Every answer is a text of one line after a line with its length: two line ends an answer."""
        data = _received(self._connection)
        self.received.append(data)
        self._line_ends += data.count(b"\n")
        answered = self._line_ends // 2
        self._answered_s[self._answered : answered] = time.perf_counter()
        self._answered = answered


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(RECEIVE_BYTES)
    if not data:
        raise ConnectionError("Redis closed the connection")
    return data


def _whole(reader: Any) -> Iterator[Any]:
    """Replies that have arrived whole; ``gets`` answers False where there is none."""
    while (reply := reader.gets()) is not False:
        if isinstance(reply, Exception):
            raise reply
        yield reply


def _answer(text: str) -> Answer:
    status, node, total, duplicate = text.split(" ")
    return Answer(int(status), int(node), int(total), duplicate == "1")
