"""What does an order cost when many are stored: time for the next one, memory, disk?

Streams Arrow rounds into one router and, after each, notes the rate, the memory of all its processes (pages they
share counted once) and the size of the data folder. Then everything is killed, and the time counts until the router
is ready again.
"""

from __future__ import annotations

import pathlib
from typing import Any

from bench.harness import report as _harness
from bench.harness.pieces import make_pieces
from bench.harness.server import Server
from bench.harness.streaming import ORDER_STREAM, exchange
from bench.harness.workload import CHUNK_ORDERS, Workload

ROUND_ORDERS = 32 * CHUNK_ORDERS
WARM_UP_ORDERS = 4 * CHUNK_ORDERS  # fills buffers and pools, which are no cost of an order


def run(orders: int, shards: int) -> dict[str, Any]:
    workload, conditions = Workload(), _harness.conditions()
    with Server(shards=shards) as server:
        server.load(workload, orders)
        _round(server, Workload(seed=2), WARM_UP_ORDERS, 0)
        steps = [{"stored": 0, "memory_bytes": server.memory_bytes(), "disk_bytes": _disk_bytes(server.folder)}]
        while steps[-1]["stored"] < orders:
            stored = steps[-1]["stored"]
            count = min(ROUND_ORDERS, orders - stored)
            rate = round(count / _round(server, workload, count, stored))
            memory, disk = server.memory_bytes(), _disk_bytes(server.folder)
            steps.append({"stored": stored + count, "orders_per_s": rate, "memory_bytes": memory, "disk_bytes": disk})
        server.kill_everything()
        server.start()
    first, last = steps[0], steps[-1]
    return {
        "bench": "memory",
        "orders": orders,
        **{f"after_{step['stored']}": step for step in steps},
        "cost_last_to_first": round(steps[1]["orders_per_s"] / last["orders_per_s"], 3),
        "memory_bytes_per_order": round((last["memory_bytes"] - first["memory_bytes"]) / orders, 1),
        "disk_bytes_per_order": round((last["disk_bytes"] - first["disk_bytes"]) / orders, 1),
        "ready_after_kill_s": round(server.ready_after_s, 2),
        "shards": shards,
        "conditions": conditions,
    }


def _round(server: Server, workload: Workload, orders: int, first: int) -> float:
    """Seconds that a round of new orders took."""
    pieces = make_pieces(workload, "arrow", orders, first)
    return exchange(server.address, server.key, ORDER_STREAM["arrow"], pieces).elapsed_s


def _disk_bytes(folder: pathlib.Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
