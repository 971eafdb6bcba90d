"""Where does the processor time of an order go, step by step?

The gateway's decoder and encoder, one shard and the ledger in one process on real logs; no HTTP, no Ray. Steps are
called one after the other by one thread and timed by that thread's processor clock, so waiting for the disk costs
nothing here. What the log's own threads use is the process' time above that.

    decode ─▶ begin ─▶ ask    ─▶ finish ─▶ encode
              admit    ledger    commit
              log ▪    log ▪     log ▪         ▪ = one write an order

The figure of a step is the lower quartile over the batches, because a shared machine can only add to it; the mean
stands beside it. Batches before the clock starts are a fifth of all. Not measured: two things at once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from actors.gateway.http.forms import ArrowForm, JsonForm, OrderForm
from bench.harness import report as _harness
from bench.harness.answers import Answers, check_answers
from bench.harness.limits import decode_orders_per_s
from bench.harness.local import KEY, NOW_MS, LocalHome, config_for
from bench.harness.pieces import make_pieces
from bench.harness.streaming import Piece
from bench.harness.workload import Workload
from router.arrow.arrays import Bytes
from router.config import Limits
from router.log.kinds import Kind
from router.shard.order_lane import OrderBatch
from router.shard.split_batch import Decided, merge_answers, split_batch
from router.wire.batch import WireBatch

STEPS = ("decode", "begin", "ask", "finish", "encode")
WRITES_PER_ORDER = 3  # the shard's two parts and the ledger's record
WARM_UP_PART = 5

T = TypeVar("T")


@dataclass
class Clock:
    """Processor microseconds an order, by step and batch."""

    steps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _now: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def time(self, step: str, work: Callable[[], T]) -> T:
        began_s = time.thread_time()
        try:
            return work()
        finally:
            self._now[step] += time.thread_time() - began_s

    def batch_ends(self, orders: int) -> None:
        for step, used_s in self._now.items():
            self.steps[step].append(used_s * 1e6 / orders)
        self._now.clear()

    def figures(self) -> dict[str, float]:
        return {step: round(float(np.percentile(self.steps[step], 25)), 4) for step in STEPS}


def run(stream_format: str, orders: int, mix: str) -> dict[str, Any]:
    workload, conditions = Workload(mix), _harness.conditions()
    pieces = make_pieces(workload, stream_format, orders, 0)
    bare_us = 1e6 / decode_orders_per_s(stream_format, pieces)
    answers = Answers()
    with LocalHome(workload, orders, config_for(orders)) as home:
        clock, others_us, mean_us = _walk(home, stream_format, pieces, answers)
    check_answers(answers, workload.expected(orders))
    steps_us = clock.figures() | {"log_write": round(others_us / WRITES_PER_ORDER, 4)}
    return {
        "bench": f"pipeline {stream_format} {mix}",
        "orders": orders,
        "batches": len(clock.steps["begin"]),
        "processor_us_per_order": steps_us,
        "mean_us_per_order": round(mean_us, 4),
        "bare_decode_us": round(bare_us, 4),
        "cost_to_bare_decode": {step: round(us / bare_us, 3) for step, us in steps_us.items()},
        "by_status": dict(answers.by_status),
        "total_minor": answers.total_minor,
        "checksum": answers.checksum,
        "conditions": conditions,
    }


def _walk(home: LocalHome, stream_format: str, pieces: list[Piece], answers: Answers) -> tuple[Clock, float, float]:
    """All batches through all steps; the clock, and what other threads and all threads used, in µs an order."""
    form = form_of(stream_format, home.config.limits)
    total = sum(piece.rows for piece in pieces)
    clock, done, counted, used_s, own_s = Clock(), 0, 0, time.process_time(), time.thread_time()
    body: list[Bytes] = [form.begin()]
    batches = wire_batches(stream_format, home.config.limits, pieces)
    while (wire := clock.time("decode", lambda: next(batches, None))) is not None:
        body.append(_submit(home, clock, form, wire, done))
        if done < total // WARM_UP_PART:
            clock = Clock()
            counted, used_s, own_s = 0, time.process_time(), time.thread_time()
        else:
            clock.batch_ends(wire.count)
            counted += wire.count
        done += wire.count
    used_s, own_s = time.process_time() - used_s, time.thread_time() - own_s
    answers.add(stream_format, b"".join([*body, form.end(None)]))
    return clock, (used_s - own_s) * 1e6 / counted, used_s * 1e6 / counted


def wire_batches(stream_format: str, limits: Limits, pieces: list[Piece]) -> Iterator[WireBatch]:
    """Batches as a gateway makes them of a client that never pauses."""
    form = form_of(stream_format, limits)
    for piece in pieces:
        yield from form.feed([piece.body], False)
    yield from form.finish()


def form_of(stream_format: str, limits: Limits) -> OrderForm:
    return JsonForm(limits) if stream_format == "ndjson" else ArrowForm(limits)


def _submit(home: LocalHome, clock: Clock, form: OrderForm, wire: WireBatch, number: int) -> Bytes:
    """One batch from its columns to the bytes of its answers."""
    shard = home.router.shards[0]
    parts = clock.time("decode", lambda: split_batch(wire, KEY, 1))
    if not parts:
        return form.encode(wire, merge_answers(wire, [], []), home.tables)
    batch = OrderBatch((1, number), parts[0].orders, parts[0].skus, parts[0].documents, NOW_MS)
    begun = clock.time("begin", lambda: shard.begin(Kind.ORDERS, batch))
    clock.time("ask", lambda: shard.ask(begun))
    clock.time("finish", lambda: shard.finish(begun))
    shard.conclude(begun)
    shard.show(begun)
    decided: Decided = merge_answers(wire, parts, [begun.said])
    return clock.time("encode", lambda: form.encode(wire, decided, home.tables))
