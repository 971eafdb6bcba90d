"""How many orders a second does the router answer durably over HTTP, client and all on this machine?

Starts its own router on a temporary folder, loads tables, sends bytes made beforehand over one connection and reads
the answers meanwhile. More than ROUND_ORDERS are sent in rounds, one connection each; the clock stands still between
them, and the first and the last show whether an order costs more when many are stored. Latency of a piece (1 MiB of
JSON or 8,192 Arrow rows): from its last byte handed to the kernel to its last answer received, at full load.

Not measured: a network, several clients, a replica.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.harness import report as _harness
from bench.harness.answers import Answers, check_answers
from bench.harness.limits import decode_orders_per_s
from bench.harness.pieces import make_pieces
from bench.harness.server import Server
from bench.harness.streaming import ORDER_STREAM, exchange
from bench.harness.workload import CHUNK_ORDERS, Workload

# Bytes of a round are made before it and kept. A short round mostly measures how the path fills and empties, 0.2 s.
ROUND_ORDERS = {"ndjson": 64 * CHUNK_ORDERS, "arrow": 128 * CHUNK_ORDERS}
WARM_UP_ORDERS = 128 * CHUNK_ORDERS  # until every process has touched the memory that batches need


def run(stream_format: str, orders: int, mix: str, shards: int) -> dict[str, Any]:
    workload = Workload(mix)
    result: dict[str, Any] = {"bench": f"stream {stream_format} {mix}", "conditions": _harness.conditions()}
    warm_up = warm_up_orders(workload, orders)
    with Server(shards=shards) as server:
        server.load(workload, orders + warm_up)
        _warm_up(server, workload, stream_format, warm_up)
        result |= {"warm_up_orders": warm_up, **measure(server, workload, stream_format, orders, warm_up)}
    return {**result, "shards": shards, "ready_after_s": round(server.ready_after_s, 2)}


def warm_up_orders(workload: Workload, orders: int) -> int:
    """Whole chunks, not many more than are measured; orders of many lines fill the same memory sooner."""
    wanted = min(WARM_UP_ORDERS, orders) // max(1, workload.mix.lines_fixed // 12)
    return -(-wanted // CHUNK_ORDERS) * CHUNK_ORDERS


def _warm_up(server: Server, workload: Workload, stream_format: str, count: int) -> None:
    """Orders before those measured, not counted; those of a flash sale at wrong prices, so that they take no units.

    They are the older ones: placed after those measured, they would keep the ledger's windows from ever ending.
    """
    if workload.mix.hot_sku:
        workload = Workload("flash_sale", seed=2)
    exchange(server.address, server.key, ORDER_STREAM[stream_format], make_pieces(workload, stream_format, count, 0))


def measure(
    server: Server, workload: Workload, stream_format: str, orders: int, first_order: int = 0
) -> dict[str, Any]:
    answers, rates, waited_ms, elapsed_s, sent_bytes, limit = Answers(), [], [], 0.0, 0, 0.0
    used_s: dict[str, float] = {}
    last_order = first_order + orders
    for first in range(first_order, last_order, ROUND_ORDERS[stream_format]):
        pieces = make_pieces(workload, stream_format, min(ROUND_ORDERS[stream_format], last_order - first), first)
        limit = limit or decode_orders_per_s(stream_format, pieces)
        before = server.processor_s()
        round_trip = exchange(server.address, server.key, ORDER_STREAM[stream_format], pieces)
        now_used_s = server.processor_s_since(before) | {"client": round_trip.talk.processor_s}
        used_s |= {part: used_s.get(part, 0.0) + seconds for part, seconds in now_used_s.items()}
        answers.add(stream_format, round_trip.body)
        waited_ms.append(round_trip.latencies_ms(pieces))
        rates.append(sum(piece.rows for piece in pieces) / round_trip.elapsed_s)
        elapsed_s += round_trip.elapsed_s
        sent_bytes += sum(len(piece.body) for piece in pieces)
    expected = workload.expected(orders, first_order)
    check_answers(answers, expected)
    rate = orders / elapsed_s
    return {
        "orders": orders,
        "elapsed_s": round(elapsed_s, 3),
        "orders_per_s": round(rate),
        "first_round_per_s": round(rates[0]),
        "last_round_per_s": round(rates[-1]),
        "processor_us_per_order": _harness.processor_us(used_s, orders),
        "bytes_per_order": round(sent_bytes / orders),
        "latency_of_a_piece": _harness.percentiles_ms(np.concatenate(waited_ms)),
        "bare_decode_per_s": round(limit),
        "ratio_to_bare_decode": round(rate / limit, 3),
        "by_status": dict(answers.by_status),
        "duplicates": answers.duplicates,
        "total_minor": answers.total_minor,
        "checksum": answers.checksum,
    }
