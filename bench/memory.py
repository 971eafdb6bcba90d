"""What does an order cost when many are stored: time for the next one, memory, disk?

Streams Arrow rounds into one router and, after each, notes the rate, the memory of all its processes (pages they
share counted once) and the size of the data folder.
"""

from __future__ import annotations

import pathlib
from typing import Any

from bench import _harness
from bench._pieces import make_pieces
from bench._server import Server
from bench._stream_client import exchange
from bench.workload import CHUNK_ORDERS, Workload

ROUND_ORDERS = 32 * CHUNK_ORDERS


def run(orders: int, shards: int) -> dict[str, Any]:
    workload, conditions = Workload(), _harness.conditions()
    rounds: list[dict[str, int]] = []
    with Server(shards=shards) as server:
        server.load(workload, orders)
        stored = 0
        empty = server.memory_bytes()
        while stored < orders:
            count = min(ROUND_ORDERS, orders - stored)
            pieces = make_pieces(workload, "arrow", count, stored)
            took_s = exchange(server.address, server.key, "arrow", pieces).elapsed_s
            stored += count
            rounds.append(
                {
                    "stored": stored,
                    "orders_per_s": round(count / took_s),
                    "memory_mib": server.memory_bytes() >> 20,
                    "disk_mib": _disk_bytes(server.folder) >> 20,
                }
            )
        full = server.memory_bytes()
        disk = _disk_bytes(server.folder)
    return {
        "bench": "memory",
        "orders": orders,
        **{f"after_{entry['stored']}": entry for entry in rounds},
        "cost_last_to_first": round(rounds[0]["orders_per_s"] / rounds[-1]["orders_per_s"], 3),
        "memory_bytes_per_order": round((full - empty) / orders, 1),
        "disk_bytes_per_order": round(disk / orders, 1),
        "shards": shards,
        "conditions": conditions,
    }


def _disk_bytes(folder: pathlib.Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
