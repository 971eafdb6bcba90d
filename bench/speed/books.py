"""How long does an event take on an order's books, and what do the books of an open order weigh?

In one process, without log and ledger: many orders are open, of one to three lines from one or two nodes, and events
name them in mixed order, as the parcels of last week do. Of each kind of event the processor time that judging takes,
what applying what was told takes, and the memory that the books take afterwards.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from bench.harness import report as _harness
from bench.harness.arrays import I64
from kernels.life import layout
from router.arrow.arena import PrivateArena
from router.ids import hash_key
from router.life.books import Books, Opening
from router.life.event_types import OrderEvent
from router.life.states import OrderState, Stage, pack_state
from router.log.columns import Status

RECORD_ROWS = 1 << 16
NODES, SKUS, LINES_MAX = 64, 100_000, 3
E = OrderEvent


def run(orders: int, events: int) -> dict[str, Any]:
    conditions, rng = _harness.conditions(), np.random.default_rng(1)
    judged, applied = (Books(hash_key(b"books of a bench"), PrivateArena()) for _ in range(2))
    for first in range(0, orders, RECORD_ROWS):
        opening = _orders(rng, np.arange(first, min(first + RECORD_ROWS, orders)))
        for books in (judged, applied):
            books.open(first // RECORD_ROWS, opening)
    weights = {"open": judged.nbytes / orders}
    mixed = rng.permutation(orders)
    whole, partial = mixed[:events], mixed[-events:]
    times: dict[str, dict[str, float]] = {}
    for name, rows, fields in _kinds(whole, partial):
        before = judged.nbytes
        times[name] = _timed(judged, applied, rng, rng.permutation(rows), fields)
        weights[name] = (judged.nbytes - before) / len(rows)
    row_hi = np.arange(orders, dtype=np.uint64)
    digest = judged.state_hash(row_hi)
    assert digest == applied.state_hash(row_hi), "what was told does not lead to the same books"
    return {
        "bench": "books",
        "orders": orders,
        "events_each": events,
        **{f"{name}: ns": {step: round(spent) for step, spent in both.items()} for name, both in times.items()},
        "bytes_per_open_order": round(weights.pop("open"), 1),
        **{f"{name}: more bytes an order": round(weight, 1) for name, weight in weights.items()},
        "digest": f"{digest:016x}",
        "conditions": conditions,
    }


def _kinds(whole: I64, partial: I64) -> tuple[tuple[str, I64, dict[str, int]], ...]:
    """In the order in which they happen: name, orders and fields of an event each."""
    paid: dict[str, int] = {"event": E.PAYMENT_CAPTURED, "payment": 1}
    return (
        ("capture, payment and amount given", whole, {**paid, "amount_minor": 1_000}),
        ("pick of all", whole, {"event": E.PICK}),
        ("ship of all, with a tracking number", whole, {"event": E.SHIP, "tracking": 1}),
        ("scan by tracking number", whole, {"event": E.SCAN, "tracking": 1}),
        ("ship of one line", partial, {"event": E.SHIP, "tracking": 1, "lines": 1}),
        ("capture of a part", partial, {**paid, "amount_minor": 400}),
    )


def _orders(rng: np.random.Generator, rows: I64) -> Opening:
    """Allocated orders with a total of 1,000; half of the lines are split over two nodes."""
    count = len(rows)
    lines = rng.choice(LINES_MAX, count, p=[0.6, 0.25, 0.15]) + 1
    line_offset = np.concatenate([[0], np.cumsum(lines)]).astype(np.int32)
    of_order = np.repeat(np.arange(count), lines)
    split = rng.integers(0, 2, len(of_order)) * (rng.random(len(of_order)) < 0.3).astype(np.int64) + 1
    allocation_offset = np.concatenate([[0], np.cumsum(split)]).astype(np.int32)
    sku = rng.integers(0, SKUS, len(of_order)).astype(np.int32)
    first_node = _first_node(rows)
    of_line = np.repeat(np.arange(len(of_order)), split)
    place = np.arange(len(of_line)) - allocation_offset[of_line]
    node = (first_node[of_order[of_line]] + place).astype(np.int16)
    parcels = np.repeat(np.arange(count), 2)
    return Opening(
        rows=rows.astype(np.int64), status=np.full(count, Status.ALLOCATED, np.int8),
        state=np.full(count, pack_state(OrderState.ALLOCATED, 0), np.uint8),
        total_minor=np.full(count, 1_000, np.int64), currency=np.zeros(count, np.int16),
        version=np.ones(count, np.int32), granted_offset=np.zeros(count + 1, np.int32),
        customer=rng.integers(1, 1 << 60, count), line_offset=line_offset, line_sku=sku,
        line_qty=(2 * split).astype(np.int32), line_key=np.zeros(len(of_order), np.int64),
        line_total_minor=(1_000 // lines)[of_order], backordered=np.zeros(len(of_order), np.int32),
        allocation_offset=allocation_offset, allocation_sku=sku[of_line], allocation_node=node,
        allocation_qty=np.full(len(of_line), 2, np.int32),
        parcel_offset=(2 * np.arange(count + 1)).astype(np.int32),
        parcel_node=(first_node[parcels] + np.arange(2 * count) % 2).astype(np.int16),
        parcel_day=np.full(2 * count, 20_000, np.int32),
    )  # fmt: skip


def _first_node(rows: I64) -> I64:
    """Where the first units of each order's first line lie."""
    return np.asarray(rows * 7_919 % (NODES - 1), np.int64)


def _sent(rng: np.random.Generator, rows: I64, fields: dict[str, int]) -> layout.Sent:
    """An event an order, each with an id of its own; ids of payments and parcels are those of their order."""
    events = np.zeros(len(rows), layout.EVENT)
    events["event_key"] = rng.integers(1, 1 << 63, len(rows))
    events["fingerprint"] = rng.integers(1, 1 << 63, len(rows))
    for name in ("amount_minor", "currency", "node", "to_node", "disposition"):
        events[name] = -1
    for name, value in fields.items():
        if name != "lines":
            events[name] = rows + 1 if name in ("payment", "tracking") else value
    if "lines" in fields:
        events["node"] = _first_node(rows)  # which units, where a line is split over two nodes
    lines = np.zeros(len(rows) * fields.get("lines", 0), layout.EVENT_LINE)
    lines["qty"], lines["line"] = 1, 1
    events["line_last"] = np.arange(1, len(rows) + 1) * fields.get("lines", 0)
    events["line_first"] = events["line_last"] - fields.get("lines", 0)
    return layout.Sent(events, lines)


def _timed(
    judged: Books, applied: Books, rng: np.random.Generator, rows: I64, fields: dict[str, int]
) -> dict[str, float]:
    """Nanoseconds an event to judge it, and to apply what was told."""
    spent = {"judge": 0.0, "apply": 0.0}
    for first in range(0, len(rows), RECORD_ROWS):
        part = rows[first : first + RECORD_ROWS].astype(np.int64)
        sent = _sent(rng, part, fields)
        began = time.thread_time()
        told = judged.judge(1 << 20, sent, part, int(Stage.SHIPPED))
        between = time.thread_time()
        applied.apply(1 << 20, sent, part, told)
        spent["judge"] += between - began
        spent["apply"] += time.thread_time() - between
        assert (told.verdicts["result"] == layout.APPLIED).all(), fields
    return {step: 1e9 * seconds / len(rows) for step, seconds in spent.items()}


if __name__ == "__main__":
    for name, value in run(*(int(word) for word in sys.argv[1:3] or ("5000000", "1000000"))).items():
        print(f"{name}: {value}")
