"""Orders beside something else: a process of its own streams them without a pause, made before it begins.

``with OrdersBeside(address, key, workload, orders, first) as beside: … while beside.runs: …; beside.told``
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

from bench.harness.answers import Answers, check_answers, own_rows
from bench.harness.pieces import make_pieces
from bench.harness.streaming import ORDER_STREAM, Address, exchange
from bench.harness.workload import Workload

MAKE_S_MAX, END_S_MAX = 300.0, 300.0


class Streamed(NamedTuple):
    """What became of the stream."""

    orders_per_s: float
    by_status: dict[str, int]  # repeated rows are not counted


class OrdersBeside:
    """An Arrow stream of the workload's orders from ``first`` on; it has begun when the block does."""

    def __init__(self, address: Address, key: str, workload: Workload, orders: int, first: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._made, self._go, self._over = spawn.Event(), spawn.Event(), spawn.Event()
        self._streamed = spawn.Queue()
        marks = self._made, self._go, self._over
        given = address, key, workload.seed, orders, first
        self._process = spawn.Process(target=_stream, args=(*given, *marks, self._streamed), daemon=True)
        self.told = Streamed(0.0, {})

    def __enter__(self) -> OrdersBeside:
        self._process.start()
        until_s = time.monotonic() + MAKE_S_MAX
        while not self._made.wait(1.0):
            assert self._process.is_alive() and time.monotonic() < until_s, "the orders were not made"
        self._go.set()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.told = Streamed(*self._streamed.get(timeout=END_S_MAX))
        else:
            self._process.terminate()
        self._process.join()

    @property
    def runs(self) -> bool:
        return not self._over.is_set() and self._process.is_alive()


def _stream(
    address: Address, key: str, seed: int, orders: int, first: int, made: Event, go: Event, over: Event, streamed: Any
) -> None:
    workload = Workload(seed=seed)
    pieces = make_pieces(workload, "arrow", orders, first)
    made.set()
    go.wait()
    told = exchange(address, key, ORDER_STREAM["arrow"], pieces)
    over.set()
    answers = Answers()
    answers.add("arrow", told.body)
    check_answers(answers, workload.expected(orders, first))
    states = Counter(own_rows(told.body, "status")["status"].to_pylist())
    streamed.put((orders / told.elapsed_s, dict(states)))
