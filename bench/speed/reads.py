"""Do reads stay quick while orders stream in at full rate?

A process of its own streams orders without a pause; meanwhile this one asks, first for single orders over a few
connections, then for availability of 1,000 SKUs a call.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from typing import Any

import msgspec
import numpy as np

from bench.harness import report as _harness
from bench.harness.answers import WrongAnswers
from bench.harness.asking import Load, drive, request_bytes
from bench.harness.pieces import make_pieces
from bench.harness.server import Server
from bench.harness.streaming import ORDER_STREAM, exchange
from bench.harness.workload import CHUNK_ORDERS, Workload
from router.log.columns import STATUS_NAMES

STORED_ORDERS = 4 * CHUNK_ORDERS
ROUND_ORDERS = 16 * CHUNK_ORDERS
SKUS_PER_CALL = 1_000
GET_CONNECTIONS, AVAILABILITY_CONNECTIONS = 8, 2


def run(stream_format: str, seconds: float, shards: int) -> dict[str, Any]:
    workload, conditions = Workload(), _harness.conditions()
    spawn = multiprocessing.get_context("spawn")
    begun, stop, rates = spawn.Event(), spawn.Event(), spawn.Queue()
    with Server(shards=shards) as server:
        server.load(workload, 100 * ROUND_ORDERS)
        stored = make_pieces(workload, stream_format, STORED_ORDERS, 0)
        exchange(server.address, server.key, ORDER_STREAM[stream_format], stored)
        writer = spawn.Process(
            target=_write, args=(server.address, server.key, stream_format, begun, stop, rates), daemon=True
        )
        writer.start()
        try:
            assert begun.wait(120), "the writer did not start"
            orders = _drive(server, _gets(workload, server), GET_CONNECTIONS, seconds)
            stock = _drive(server, _asks(workload, server), AVAILABILITY_CONNECTIONS, seconds)
            _check(orders, stock)
        finally:
            stop.set()
        rate = rates.get(timeout=300)
        writer.join()
    return {
        "bench": f"reads during stream {stream_format}",
        "stream_orders_per_s": round(rate),
        "get_order_per_s": round(orders.requests_per_s),
        "get_order_latency": orders.percentiles_ms(),
        "get_order_by_http_status": {str(status): count for status, count in orders.statuses.items()},
        "availability_skus_per_s": round(stock.requests_per_s * SKUS_PER_CALL),
        "availability_latency": stock.percentiles_ms(),
        "availability_by_http_status": {str(status): count for status, count in stock.statuses.items()},
        "shards": shards,
        "conditions": conditions,
    }


def _drive(server: Server, requests: Iterator[bytes], connections: int, seconds: float) -> Load:
    load = Load()
    load.elapsed_s = drive(server.address, requests, connections, load.note, seconds)
    return load


def _check(orders: Load, stock: Load) -> None:
    """A fast wrong answer is no result."""
    for load in (orders, stock):
        if set(load.statuses) != {200}:
            raise WrongAnswers(f"Reads were answered {dict(load.statuses)}.")
    order, items = msgspec.json.decode(orders.first_body), msgspec.json.decode(stock.first_body)["items"]
    if not order["lines"] or order["status"] not in STATUS_NAMES:
        raise WrongAnswers(f"This is no order: {orders.first_body[:300]!r}")
    if len(items) != SKUS_PER_CALL or any(item["available"] != sum(item["nodes"].values()) for item in items):
        raise WrongAnswers(f"{len(items)} SKUs answered, {SKUS_PER_CALL} asked for, or units that do not add up.")


def _write(
    address: tuple[str, int],
    key: str,
    stream_format: str,
    begun: Event,
    stop: Event,
    rates: multiprocessing.Queue[float],
) -> None:
    """Stream rounds until told to stop; orders/s over the rounds alone, without the time that makes their bytes."""
    workload, sent, elapsed_s = Workload(seed=3), 0, 0.0
    for first in itertools.count(0, ROUND_ORDERS):
        pieces = make_pieces(workload, stream_format, ROUND_ORDERS, first)
        begun.set()
        elapsed_s += exchange(address, key, ORDER_STREAM[stream_format], pieces).elapsed_s
        sent += ROUND_ORDERS
        if stop.is_set():
            break
    rates.put(sent / elapsed_s)


def _gets(workload: Workload, server: Server) -> Iterator[bytes]:
    rng = np.random.default_rng(5)
    for number in itertools.cycle(rng.choice(workload.own_numbers(STORED_ORDERS), 10_000).tolist()):
        yield request_bytes("GET", f"/v1/orders/{workload.order_id(number)}", server.address, server.key)


def _asks(workload: Workload, server: Server) -> Iterator[bytes]:
    rng = np.random.default_rng(6)
    chosen = rng.integers(0, workload.mix.skus, (50, SKUS_PER_CALL)).tolist()
    bodies = [msgspec.json.encode({"skus": [workload.sku_text[at] for at in skus]}) for skus in chosen]
    requests = [request_bytes("POST", "/v1/availability", server.address, server.key, body) for body in bodies]
    return itertools.cycle(requests)
