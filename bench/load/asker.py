"""The client of reads: availability of a page of SKUs, now and then an order, all asked when they are due."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from bench.harness.arrays import F64
from bench.harness.asking import Address, pace, request_bytes
from bench.harness.workload import Workload, sku_weights
from bench.load.arrivals import Phase, arrivals

SKUS_PER_CALL = 50  # what a page of a shop shows
ORDER_EVERY = 20  # of so many calls one asks for an order
CONNECTIONS = 16
LATE_S_MAX = 2.0  # what has not been sent so long after the end counts as unanswered
LOOK_EVERY = 25  # of so many answers one is read
POOL = 400


@dataclass
class Asked:
    """One phase of reads; a read is one SKU looked up or one order."""

    waited_ms: F64  # NaN: not answered
    reads: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return len(self.waited_ms)

    def note(self, number: int, waited_ms: float, status: int, body: bytes) -> None:
        self.waited_ms[number] = waited_ms
        self.statuses[status] += 1
        if status != 200:
            return
        self.reads += 1 if number % ORDER_EVERY == 0 else SKUS_PER_CALL
        if number % LOOK_EVERY == 1:
            for item in msgspec.json.decode(body)["items"]:
                units = item["nodes"].values()
                if item["available"] != sum(units) or any(count < 0 for count in units):
                    self.findings.append(f"availability of {item['sku']} does not add up: {item}")

    def give_up(self, waited_ms: F64) -> None:
        """What is not answered yet waited so long in vain."""
        open_ = np.isnan(self.waited_ms)
        self.unanswered = int(open_.sum())
        self.waited_ms[open_] = waited_ms[open_]


class Asker:
    """Lives in a process of its own (``worker.Worker``). ``order_ids`` are stored already."""

    def __init__(self, address: Address, key: str, mix: str, order_ids: Sequence[str]) -> None:
        self._address = address
        self._requests = _requests(address, key, Workload(mix), order_ids)

    def prepare(self, phase: Phase) -> Callable[[float], Asked]:
        moments_s, counts = arrivals(phase.per_s / SKUS_PER_CALL, phase.seconds, phase.first)
        due_s = np.repeat(moments_s, counts)
        last_s = float(due_s.max(initial=0.0)) + LATE_S_MAX

        def run(at_s: float) -> Asked:
            asked, requests = Asked(np.full(len(due_s), np.nan)), itertools.cycle(self._requests)
            pace(self._address, requests, due_s.tolist(), CONNECTIONS, asked.note, at_s, last_s)
            asked.give_up((time.perf_counter() - at_s - due_s) * 1000)
            return asked

        return run


def _requests(address: Address, key: str, workload: Workload, order_ids: Sequence[str]) -> list[bytes]:
    """A pool that is asked round after round: SKUs as popular as in orders."""
    rng = np.random.default_rng(8)
    weights = sku_weights(workload.mix.skus)
    made = []
    for number in range(POOL):
        if number % ORDER_EVERY == 0:
            made.append(request_bytes("GET", f"/v1/orders/{order_ids[number % len(order_ids)]}", address, key))
            continue
        skus = rng.choice(workload.mix.skus, SKUS_PER_CALL, replace=False, p=weights / weights.sum())
        body = msgspec.json.encode({"skus": [workload.sku_text[at] for at in skus.tolist()]})
        made.append(request_bytes("POST", "/v1/availability", address, key, body))
    return made
