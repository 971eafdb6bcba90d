"""A lean HTTP client for many small requests; all connections stand before the clock starts.

    drive   closed loop: every connection sends its next request when its last answer is complete
    pace    open loop: requests are due at moments drawn beforehand and wait from then on, also for a free connection

Requests are bytes made beforehand; of an answer only the status, the length and the clock are looked at.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import uvloop

from bench.harness import report as _harness
from bench.harness.asking import LeanConnection

ANSWER_S_MAX = 30.0
TICK_S_MIN = 0.0005  # of what is due closer together, the later is at most so late


@dataclass
class Load:
    """What one run of the loop found."""

    statuses: Counter[int] = field(default_factory=Counter)
    waited_ms: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    first_body: bytes = b""

    def __iadd__(self, more: Load) -> Load:
        """Both runs, one after the other."""
        self.statuses += more.statuses
        self.waited_ms += more.waited_ms
        self.elapsed_s += more.elapsed_s
        self.first_body = self.first_body or more.first_body
        return self

    @property
    def requests_per_s(self) -> float:
        return len(self.waited_ms) / self.elapsed_s

    def percentiles_ms(self) -> dict[str, float]:
        return _harness.percentiles_ms(np.array(self.waited_ms))


def request_bytes(method: str, path: str, address: tuple[str, int], key: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: Bearer {key}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def drive(address: tuple[str, int], requests: Iterator[bytes], connections: int, seconds_max: float) -> Load:
    """Run until the requests or the time are used up."""
    return uvloop.run(_run(address, connections, seconds_max, _Closed(requests, seconds_max)))


def pace(address: tuple[str, int], requests: Sequence[bytes], per_s: float, connections: int, seed: int) -> Load:
    """Every request at its moment; as many a second as asked for on average, drawn from a Poisson process."""
    due_s = np.cumsum(np.random.default_rng(seed).exponential(1 / per_s, len(requests)))
    return uvloop.run(_run(address, connections, float(due_s[-1]), _Open(requests, due_s.tolist())))


async def _run(address: tuple[str, int], connections: int, seconds_max: float, plan: _Plan) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    clients = [_Connection(load, plan, loop.create_future()) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(functools.partial(_same, client), *address)
    started_s = time.perf_counter()
    plan.begin(clients)  # all at once: connecting beside those that ask already would take most of a short run
    async with asyncio.timeout(seconds_max + ANSWER_S_MAX):
        await asyncio.gather(*(client.done for client in clients))
    load.elapsed_s = time.perf_counter() - started_s
    return load


def _same(client: _Connection) -> _Connection:
    return client


class _Plan(Protocol):
    def begin(self, clients: list[_Connection]) -> None: ...

    def free(self, client: _Connection) -> None:
        """The client's last answer is complete: give it another request, or let it go."""


class _Closed:
    def __init__(self, requests: Iterator[bytes], seconds_max: float) -> None:
        self._requests = requests
        self._until_s = time.perf_counter() + seconds_max

    def begin(self, clients: list[_Connection]) -> None:
        for client in clients:
            self.free(client)

    def free(self, client: _Connection) -> None:
        now_s = time.perf_counter()
        request = next(self._requests, None) if now_s < self._until_s else None
        if request is None:
            client.close()
        else:
            client.send(request, now_s)


class _Open:
    def __init__(self, requests: Sequence[bytes], due_s: list[float]) -> None:
        self._coming = deque(zip(due_s, requests, strict=True))
        self._idle: list[_Connection] = []
        self._started_s = 0.0

    def begin(self, clients: list[_Connection]) -> None:
        self._idle = clients.copy()
        self._started_s = time.perf_counter()
        self._send_due()

    def free(self, client: _Connection) -> None:
        self._idle.append(client)
        self._hand_out()

    def _send_due(self) -> None:
        """Hand out what is due, and come back when more is."""
        self._hand_out()
        if self._coming:
            wait_s = self._started_s + self._coming[0][0] - time.perf_counter()
            asyncio.get_running_loop().call_later(max(wait_s, TICK_S_MIN), self._send_due)

    def _hand_out(self) -> None:
        now_s = time.perf_counter() - self._started_s
        while self._idle and self._coming and self._coming[0][0] <= now_s:
            due_s, request = self._coming.popleft()
            self._idle.pop().send(request, self._started_s + due_s)
        if not self._coming:
            for client in self._idle:
                client.close()
            self._idle.clear()


class _Connection(LeanConnection):
    def __init__(self, load: Load, plan: _Plan, done: asyncio.Future[None]) -> None:
        super().__init__()
        self.done = done
        self._load = load
        self._plan = plan
        self._since_s = 0.0

    def send(self, request: bytes, since_s: float) -> None:
        """The answer's wait counts from ``since_s`` on."""
        self._since_s = since_s
        self._transport.write(request)

    def close(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()

    def answered(self, status: int, body: bytes) -> None:
        self._load.waited_ms.append((time.perf_counter() - self._since_s) * 1000)
        self._load.statuses[status] += 1
        self._load.first_body = self._load.first_body or body
        self._plan.free(self)

    def connection_lost(self, fault: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(fault or ConnectionError("the router closed a connection that was in use"))
