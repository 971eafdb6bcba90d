"""The client of reads: availability of a page of SKUs, now and then an order, all asked when they are due."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import uvloop

from bench.harness.asking import Asking, Reply, connect
from bench.harness.loops import request_bytes
from bench.harness.workload import Workload, sku_weights
from bench.load.arrivals import F64, Phase, arrivals

SKUS_PER_CALL = 50  # what a page of a shop shows
ORDER_EVERY = 20  # of so many calls one asks for an order
CONNECTIONS = 16
LATE_S_MAX = 2.0  # what has not been answered so long after the end counts as unanswered
ANSWER_S_MAX = 60.0  # a router that answers nothing any more ends the run
LOOK_EVERY = 25  # of so many answers one is read
POOL = 400


@dataclass
class Asked:
    """One phase of reads; a read is one SKU looked up or one order."""

    reads: int = 0
    calls: int = 0
    unanswered: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    waited_ms: F64 = field(default_factory=lambda: np.zeros(0))
    findings: list[str] = field(default_factory=list)


class Asker:
    """Lives in a process of its own (``worker.Worker``). ``order_ids`` are stored already."""

    def __init__(self, address: tuple[str, int], key: str, mix: str, order_ids: Sequence[str]) -> None:
        self._address = address
        self._requests = _requests(address, key, Workload(mix), order_ids)

    def prepare(self, phase: Phase) -> Callable[[float], Asked]:
        due_s, counts = arrivals(phase.per_s / SKUS_PER_CALL, phase.seconds, phase.first)
        return lambda at_s: uvloop.run(self._run(at_s, np.repeat(due_s, counts)))

    async def _run(self, at_s: float, due_s: F64) -> Asked:
        asked = Asked(calls=len(due_s))
        waited_ms, due = np.zeros(len(due_s)), iter(enumerate(due_s.tolist()))
        opened = [await connect(self._address) for _ in range(CONNECTIONS)]
        last_s = (float(due_s[-1]) if len(due_s) else 0.0) + LATE_S_MAX

        async def work(asking: Asking) -> None:
            for number, moment_s in due:  # connections take turns; whoever is free takes the next one that is due
                await _sleep_until(at_s + moment_s)
                left_s = at_s + last_s - time.perf_counter()
                if left_s <= 0:
                    asked.unanswered += 1
                    waited_ms[number] = (time.perf_counter() - at_s - moment_s) * 1000
                    continue
                reply = await asking.ask(self._requests[number % POOL])
                waited_ms[number] = (time.perf_counter() - at_s - moment_s) * 1000
                _note(asked, number, reply)
            asking.close()

        async with asyncio.timeout(last_s + ANSWER_S_MAX):
            await asyncio.gather(*(work(asking) for asking in opened))
        asked.waited_ms = waited_ms
        return asked


async def _sleep_until(moment_s: float) -> None:
    left_s = moment_s - time.perf_counter()
    if left_s > 0:
        await asyncio.sleep(left_s)


def _note(asked: Asked, number: int, reply: Reply) -> None:
    asks_order = number % ORDER_EVERY == 0
    asked.statuses[reply.status] += 1
    if reply.status != 200:
        return
    asked.reads += 1 if asks_order else SKUS_PER_CALL
    if number % LOOK_EVERY == 1:
        for item in msgspec.json.decode(reply.body)["items"]:
            units = item["nodes"].values()
            if item["available"] != sum(units) or any(count < 0 for count in units):
                asked.findings.append(f"availability of {item['sku']} does not add up: {item}")


def _requests(address: tuple[str, int], key: str, workload: Workload, order_ids: Sequence[str]) -> list[bytes]:
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
