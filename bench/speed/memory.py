"""What does an order cost when many are stored: time for the next one, memory, disk? And while it lives, and after?

Streams Arrow rounds into one router and, after each, notes the rate, the memory of all its processes (pages they
share counted once) and the size of the data folder. Then, of orders drawn from all:

    opened    one in ten is paid by half and one unit of it is picked: units and money are told apart from then on
    closed    as many others live to their close; as many new orders are stored then, and use the books that became
              free, so that what memory grows by is what a closed order keeps

Then everything is killed, and the time counts until the router is ready again. The slope is between the first half of
the rounds and all of them: what a start takes at once is no cost of an order.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.harness import report as _harness
from bench.harness.answers import EventAnswers, WrongAnswers
from bench.harness.event_load import CLOSE, LIFE, PAID, PICK, EventLoad, event_pieces, lives
from bench.harness.pieces import make_pieces
from bench.harness.server import Server
from bench.harness.stored import Stored
from bench.harness.streaming import EVENT_STREAM, ORDER_STREAM, exchange
from bench.harness.workload import CHUNK_ORDERS, Workload

ROUND_ORDERS = 32 * CHUNK_ORDERS
WARM_UP_ORDERS = 4 * CHUNK_ORDERS  # fills buffers and pools, which are no cost of an order
PART = 10  # one in so many is opened, and as many others are closed
STREAM_ORDERS = 16 * CHUNK_ORDERS  # whose events are made at once

I64 = npt.NDArray[np.int64]
Step = dict[str, int]


def run(orders: int, shards: int) -> dict[str, Any]:
    workload, conditions = Workload(), _harness.conditions()
    with Server(shards=shards) as server:
        server.load(workload, orders + orders // PART)
        stored = Stored(orders + orders // PART + 2 * CHUNK_ORDERS)
        _round(server, Workload(seed=2), WARM_UP_ORDERS, 0, Stored(WARM_UP_ORDERS))
        steps = _store(server, workload, orders, stored)
        lived = _lives(server, workload, stored, orders)
        server.kill_everything()
        server.start()
    first, last = steps[0], steps[-1]
    together = (last["memory_bytes"] - first["memory_bytes"]) / orders
    lived["memory_bytes_per_opened_order"] = round(together + lived["more_bytes_per_opened_order"], 1)
    return {
        "bench": "memory",
        "orders": orders,
        **{f"after_{step['stored']}": step for step in steps},
        "cost_last_to_first": round(steps[1]["orders_per_s"] / last["orders_per_s"], 3),
        "memory_bytes_per_order": round(together, 1),
        **_slope(steps),
        **lived,
        "disk_bytes_per_order": round((last["disk_bytes"] - first["disk_bytes"]) / orders, 1),
        "ready_after_kill_s": round(server.ready_after_s, 2),
        "shards": shards,
        "conditions": conditions,
    }


def _store(server: Server, workload: Workload, orders: int, stored: Stored) -> list[Step]:
    steps = [{"stored": 0, "memory_bytes": server.memory_bytes(), "disk_bytes": _disk_bytes(server.folder)}]
    while (so_far := steps[-1]["stored"]) < orders:
        count = min(ROUND_ORDERS, orders - so_far)
        rate = round(count / _round(server, workload, count, so_far, stored))
        memory, disk = server.memory_bytes(), _disk_bytes(server.folder)
        steps.append({"stored": so_far + count, "orders_per_s": rate, "memory_bytes": memory, "disk_bytes": disk})
    return steps


def _round(server: Server, workload: Workload, orders: int, first: int, stored: Stored) -> float:
    """Seconds that a round of new orders took."""
    pieces = make_pieces(workload, "arrow", orders, first)
    told = exchange(server.address, server.key, ORDER_STREAM["arrow"], pieces)
    stored.placed(told.body)
    return told.elapsed_s


def _slope(steps: list[Step]) -> dict[str, float]:
    half, last = steps[len(steps) // 2], steps[-1]
    each = (last["memory_bytes"] - half["memory_bytes"]) / max(1, last["stored"] - half["stored"])
    return {"slope_bytes_per_order": round(each, 1), "fixed_bytes": round(last["memory_bytes"] - each * last["stored"])}


def _lives(server: Server, workload: Workload, stored: Stored, orders: int) -> dict[str, float]:
    """Bytes that an opened and a closed order take."""
    part, next_chunk = -(-orders // PART), -(-orders // CHUNK_ORDERS) * CHUNK_ORDERS
    fit = np.random.default_rng(1).permutation(stored.allocated(workload.unpaid_numbers(orders)))
    opened, closed = fit[:part], fit[part : 2 * part]
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
    before = server.memory_bytes()
    work()
    return server.memory_bytes() - before


def _send(server: Server, load: EventLoad, numbers: I64, stages: Sequence[int]) -> None:
    for at in range(0, len(numbers), STREAM_ORDERS):
        pieces = event_pieces(load, "arrow", *lives(numbers[at : at + STREAM_ORDERS], stages))
        answers = EventAnswers()
        answers.add("arrow", exchange(server.address, server.key, EVENT_STREAM["arrow"], pieces).body)
        if set(answers.by_status) != {"applied"}:
            raise WrongAnswers(f"Events that were sound were answered {dict(answers.by_status)}.")


def _disk_bytes(folder: pathlib.Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
