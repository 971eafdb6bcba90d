"""How near do single POSTs come to the least that aiohttp can do, every order durable?

The same client, connections and bodies drive the router and then a bare aiohttp echo whose answer is as long as an
acknowledgement. Client and servers share this machine, so both figures include the client.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench import _harness
from bench._closed_loop import Load, drive, request_bytes
from bench._server import Server
from bench.workload import CHUNK_ORDERS, Workload

WARM_UP_ORDERS = 500
SECONDS_MAX = 120.0


def run(orders: int, connections: int, mix: str, shards: int) -> dict[str, Any]:
    workload, conditions = Workload(mix), _harness.conditions()
    with Server(shards=shards) as server:
        server.load(workload, orders)
        # The older orders: placed after those measured, they would keep the ledger's windows from ever ending.
        drive(server.address, _posts(workload, WARM_UP_ORDERS, server.address, server.key), connections, SECONDS_MAX)
        posts = _posts(workload, orders, server.address, server.key, first=CHUNK_ORDERS)
        router = drive(server.address, posts, connections, SECONDS_MAX)
    bare = _drive_echo(workload, orders, connections, router.first_body)
    return {
        "bench": f"single {mix}",
        "orders": len(router.waited_ms),
        "connections": connections,
        "orders_per_s": round(router.requests_per_s),
        "latency": router.percentiles_ms(),
        "echo_per_s": round(bare.requests_per_s),
        "echo_latency": bare.percentiles_ms(),
        "ratio_to_echo": round(router.requests_per_s / bare.requests_per_s, 3),
        "by_http_status": {str(status): count for status, count in sorted(router.statuses.items())},
        "shards": shards,
        "conditions": conditions,
    }


def _posts(workload: Workload, orders: int, address: tuple[str, int], key: str, first: int = 0) -> Iterator[bytes]:
    """Requests made before the clock starts, of the orders from ``first`` on."""
    rounded = -(-orders // CHUNK_ORDERS) * CHUNK_ORDERS
    bodies = [line for chunk in workload.ndjson(rounded, first) for line in chunk.splitlines()][:orders]
    return iter([request_bytes("POST", "/v1/orders", address, key, body) for body in bodies])


def _drive_echo(workload: Workload, orders: int, connections: int, answer: bytes) -> Load:
    command = [sys.executable, "-m", "bench._echo", "x" * len(answer)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:
        try:
            assert echo.stdout is not None
            address = ("127.0.0.1", int(echo.stdout.readline()))
            drive(address, _posts(workload, WARM_UP_ORDERS, address, "none"), connections, SECONDS_MAX)
            return drive(address, _posts(workload, orders, address, "none"), connections, SECONDS_MAX)
        finally:
            echo.terminate()
