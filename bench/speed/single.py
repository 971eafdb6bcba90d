"""How near do single POSTs come to the least that aiohttp can do, every order durable?

The same client, connections and bodies drive the router and a bare aiohttp echo whose answer is as long as an
acknowledgement, in turns: a shared machine changes its pace from one second to the next, and both get their part of
each. Client and servers share this machine, so both figures include the client. Afterwards half as many orders a second
are due at random moments, whatever was answered, and wait from then on: what a customer waits on a busy day.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench.harness import report as _harness
from bench.harness.asking import Load, drive, pace, request_bytes
from bench.harness.server import Server
from bench.harness.workload import CHUNK_ORDERS, Workload

WARM_UP_ORDERS = 500
TURNS = 5
SECONDS_MAX = 120.0
HALF_LOAD_S, HALF_LOAD_SEED = 5.0, 5
Address = tuple[str, int]


def run(orders: int, connections: int, mix: str, shards: int) -> dict[str, Any]:
    workload, conditions = Workload(mix), _harness.conditions()
    with Server(shards=shards) as server:
        server.load(workload, 2 * orders)
        # The older orders: placed after those measured, they would keep the ledger's windows from ever ending.
        warm_up, router, bare = Load(), Load(), Load()
        _drive(warm_up, workload, server.address, server.key, connections, WARM_UP_ORDERS, 0)
        with _echo(warm_up.first_body) as echo:
            _drive(warm_up, workload, echo, "none", connections, WARM_UP_ORDERS, 0)
            for turn in range(TURNS):
                part = (orders * (turn + 1) // TURNS) - (first := orders * turn // TURNS)
                _drive(router, workload, server.address, server.key, connections, part, CHUNK_ORDERS + first)
                _drive(bare, workload, echo, "none", connections, part, CHUNK_ORDERS + first)
        half = _at_half_load(workload, server, connections, router.requests_per_s / 2, CHUNK_ORDERS + orders)
    return {
        "bench": f"single {mix}",
        "orders": len(router.waited_ms),
        "connections": connections,
        "orders_per_s": round(router.requests_per_s),
        "latency": router.percentiles_ms(),
        "echo_per_s": round(bare.requests_per_s),
        "echo_latency": bare.percentiles_ms(),
        "ratio_to_echo": round(router.requests_per_s / bare.requests_per_s, 3),
        "by_http_status": {str(status): count for status, count in sorted((router.statuses + half.statuses).items())},
        "at_half_load": {"orders_per_s": round(half.requests_per_s), **half.percentiles_ms()},
        "shards": shards,
        "conditions": conditions,
    }


def _drive(
    load: Load, workload: Workload, address: Address, key: str, connections: int, orders: int, first: int
) -> None:
    posts = _posts(workload, orders, address, key, first)
    load.elapsed_s += drive(address, posts, connections, load.note, SECONDS_MAX)


def _at_half_load(workload: Workload, server: Server, connections: int, per_s: float, first: int) -> Load:
    """As many a second as asked for on average, at moments drawn from a Poisson process."""
    load, orders = Load(), round(per_s * HALF_LOAD_S)
    due_s = np.cumsum(np.random.default_rng(HALF_LOAD_SEED).exponential(1 / per_s, orders)).tolist()
    posts = _posts(workload, orders, server.address, server.key, first)
    load.elapsed_s = pace(server.address, posts, due_s, connections, load.note)
    return load


def _posts(workload: Workload, orders: int, address: Address, key: str, first: int) -> list[bytes]:
    """Requests made before the clock starts, of the orders from ``first`` on."""
    begin = first // CHUNK_ORDERS * CHUNK_ORDERS
    chunks = workload.ndjson(-(-(first + orders - begin) // CHUNK_ORDERS) * CHUNK_ORDERS, begin)
    bodies = [line for chunk in chunks for line in chunk.splitlines()][first - begin :][:orders]
    return [request_bytes("POST", "/v1/orders", address, key, body) for body in bodies]


@contextmanager
def _echo(answer: bytes) -> Iterator[Address]:
    command = [sys.executable, "-m", "bench.harness.echo", "x" * len(answer)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:
        try:
            assert echo.stdout is not None
            yield "127.0.0.1", int(echo.stdout.readline())
        finally:
            echo.terminate()
