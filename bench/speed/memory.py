"""What does an order cost when many are stored: time for the next one, memory, disk? And while it lives, and after?

Streams Arrow rounds into one router and, after each, notes the rate, the memory of all its processes (pages they
share counted once; no checkpoint is being written then, which keeps a copy of everything) and the size of the data
folder. An order's bytes are the middle one of what the rounds added, the fixed part is the rest. Then everything is
killed, and the time counts until the router is ready again. Last, of orders drawn from all:

    opened    one in ten is paid by half and one unit of it is picked: units and money are told apart from then on
    closed    as many others live to their close; as many new orders are stored then, and use the books that became
              free, so that what memory grows by is what a closed order keeps
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.harness import report as _harness
from bench.harness.answers import EventAnswers, WrongAnswers
from bench.harness.arrays import I64
from bench.harness.event_load import CLOSE, LIFE, PAID, PICK, EventLoad, event_pieces, lives
from bench.harness.pieces import make_pieces
from bench.harness.server import Server
from bench.harness.stored import Stored
from bench.harness.streaming import EVENT_STREAM, ORDER_STREAM, exchange
from bench.harness.workload import CHUNK_ORDERS, Workload

ROUND_ORDERS = 32 * CHUNK_ORDERS
WARM_UP_ORDERS = 4 * CHUNK_ORDERS  # fills buffers and pools, which are no cost of an order
PART = 10  # one in so many is opened, and as many others are closed
CHECKPOINT_S_MAX = 60.0
SETTLE_S = 0.5  # until a thread that wrote one has let its copies go
STREAM_ORDERS = 16 * CHUNK_ORDERS  # whose events are made at once

Step = dict[str, int]


def run(orders: int, shards: int) -> dict[str, Any]:
    workload, conditions = Workload(), _harness.conditions()
    with Server(shards=shards) as server:
        server.load(workload, orders + orders // PART + ROUND_ORDERS)
        stored = Stored(orders + orders // PART + 2 * CHUNK_ORDERS)
        _round(server, Workload(seed=2), WARM_UP_ORDERS, 0, Stored(WARM_UP_ORDERS))
        steps = _store(server, workload, orders, stored)
        server.kill_everything()
        server.start()
        _round(server, Workload(seed=3), min(ROUND_ORDERS, orders), 0, Stored(ROUND_ORDERS))  # buffers grow again
        lived = _lives(server, workload, stored, orders)
    first, last, each = steps[0], steps[-1], _middle_growth(steps)
    return {
        "bench": "memory",
        "orders": orders,
        **{f"after_{step['stored']}": step for step in steps},
        "cost_last_to_first": round(steps[1]["orders_per_s"] / last["orders_per_s"], 3),
        "memory_bytes_per_order": round(each, 1),
        "fixed_memory_bytes": round(last["memory_bytes"] - each * last["stored"]),
        **lived,
        "memory_bytes_per_opened_order": round(each + lived["more_bytes_per_opened_order"], 1),
        "disk_bytes_per_order": round((last["disk_bytes"] - first["disk_bytes"]) / orders, 1),
        "ready_after_kill_s": round(server.ready_after_s, 2),
        "shards": shards,
        "conditions": conditions,
    }


def _store(server: Server, workload: Workload, orders: int, stored: Stored) -> list[Step]:
    steps = [{"stored": 0, "memory_bytes": _memory_bytes(server), "disk_bytes": server.disk_bytes()}]
    while (so_far := steps[-1]["stored"]) < orders:
        count = min(ROUND_ORDERS, orders - so_far)
        rate = round(count / _round(server, workload, count, so_far, stored))
        memory, disk = _memory_bytes(server), server.disk_bytes()
        steps.append({"stored": so_far + count, "orders_per_s": rate, "memory_bytes": memory, "disk_bytes": disk})
    return steps


def _round(server: Server, workload: Workload, orders: int, first: int, stored: Stored) -> float:
    """Seconds that a round of new orders took."""
    pieces = make_pieces(workload, "arrow", orders, first)
    told = exchange(server.address, server.key, ORDER_STREAM["arrow"], pieces)
    stored.placed(told.body)
    return told.elapsed_s


def _middle_growth(steps: list[Step]) -> float:
    """Bytes an order: buffers that grow once make some rounds dear."""
    pairs = zip(steps[:-1], steps[1:], strict=True)
    return float(np.median([(b["memory_bytes"] - a["memory_bytes"]) / (b["stored"] - a["stored"]) for a, b in pairs]))


def _lives(server: Server, workload: Workload, stored: Stored, orders: int) -> dict[str, float]:
    """Bytes that an opened and a closed order take."""
    part, next_chunk = -(-orders // PART), -(-orders // CHUNK_ORDERS) * CHUNK_ORDERS
    fit = np.random.default_rng(1).permutation(stored.allocated(workload.unpaid_numbers(orders)))
    opened, closed, others = np.split(fit[: 3 * part], [part, 2 * part])
    _send(server, EventLoad(stored.due), others[: part // 2], (PAID,))  # so that events find their buffers
    more_opened = _growth(server, lambda: _send(server, EventLoad(stored.due, parts=True), opened, (PAID, PICK)))
    _send(server, EventLoad(stored.due), closed, (*LIFE, CLOSE))
    kept = _growth(server, lambda: _round(server, workload, len(closed), next_chunk, stored))
    return {
        "opened_orders": len(opened),
        "more_bytes_per_opened_order": round(more_opened / len(opened), 1),
        "closed_orders": len(closed),
        "memory_bytes_per_closed_order": round(kept / len(closed), 1),
    }


def _growth(server: Server, work: Callable[[], object]) -> int:
    before = _memory_bytes(server)
    work()
    return _memory_bytes(server) - before


def _memory_bytes(server: Server) -> int:
    until_s = time.monotonic() + CHECKPOINT_S_MAX
    while any(server.folder.rglob("checkpoint-*.tmp")) and time.monotonic() < until_s:
        time.sleep(0.1)
    time.sleep(SETTLE_S)
    return server.memory_bytes()


def _send(server: Server, load: EventLoad, numbers: I64, stages: Sequence[int]) -> None:
    for at in range(0, len(numbers), STREAM_ORDERS):
        pieces = event_pieces(load, "arrow", *lives(numbers[at : at + STREAM_ORDERS], stages))
        answers = EventAnswers()
        answers.add("arrow", exchange(server.address, server.key, EVENT_STREAM["arrow"], pieces).body)
        if set(answers.by_status) != {"applied"}:
            raise WrongAnswers(f"Events that were sound were answered {dict(answers.by_status)}.")
