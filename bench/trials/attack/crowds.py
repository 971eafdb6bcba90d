"""Connections rather than bodies: bytes that drip, readers that are shown nothing, tables that change in mid-stream."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence

from bench.harness.asking import request_bytes
from bench.harness.tables import as_ndjson
from bench.trials.attack.attack import Attack, Body, Target, Told, orders, table
from bench.trials.attack.ground import plain_orders, rate
from bench.trials.chaos.hostile import drips

DRIPS = {"stream": 200}
SECONDS = 8.0
READERS = 80
SWAPS = 16
STREAMED = 60_000


def dripping(target: Target, _: Sequence[Body]) -> Told:
    """A byte a second on each of many connections."""
    told = Told()
    with drips(target.server.address, target.keys["channel"], DRIPS) as opened:
        time.sleep(SECONDS)
    told.sent(int(sum(DRIPS.values()) * SECONDS), f"{opened[0]} connections")
    return told


def reading(target: Target, _: Sequence[Body]) -> Told:
    """Status streams whose filter matches nothing look through the whole log."""
    told = Told()
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(_reader(target)) for _ in range(READERS)]
        until_s = time.monotonic() + SECONDS
        for connection in connections:
            told.sent(0, connection.recv(4_096)[9:12].decode())
            connection.setblocking(False)
        while time.monotonic() < until_s:
            time.sleep(0.1)
            for connection in connections:
                _read_on(connection)
    return told


@contextlib.contextmanager
def _reader(target: Target) -> Iterator[socket.socket]:
    path = "/v1/stream?order_id=nosuch&wait=60"
    with socket.create_connection(target.server.address, timeout=30) as connection:
        connection.sendall(request_bytes("GET", path, target.server.address, target.keys["viewer"]))
        yield connection


def _read_on(connection: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        connection.recv(1 << 20)


def swapping(target: Target, bodies: Sequence[Body]) -> Told:
    """The first body streams; the others are put meanwhile, one after the other, again and again."""
    told, streamed = Told(), Told()
    stream = threading.Thread(target=lambda: streamed.add(target.send(bodies[0])))
    stream.start()
    while stream.is_alive():
        for body in bodies[1:]:
            told.add(target.send(body))
    stream.join()
    told.add(streamed)
    return told


def tables_in_turn() -> list[Body]:
    """A long stream of plain orders, and rates of different prices."""
    rates = [as_ndjson([rate("standard", price), rate("express", 2 * price)]) for price in range(300, 300 + SWAPS)]
    return [orders(plain_orders("swap", STREAMED)), *(table("rates", rows) for rows in rates)]


ATTACKS = (
    Attack("crowds", "NDJSON drip, 200 connections", strike=dripping),
    Attack("crowds", "80 readers whose filter fits nothing", strike=reading),
    Attack("crowds", "tables put in the middle of a stream", tables_in_turn, swapping, restores=("rates",)),
)
