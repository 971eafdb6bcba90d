"""A lean closed-loop HTTP client: every connection sends its next request when its last answer is complete.

Requests are bytes made beforehand; of an answer only the status, the length and the clock are looked at.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import uvloop

from bench import _harness

ANSWER_S_MAX = 30.0


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
    return uvloop.run(_drive(address, requests, connections, seconds_max))


async def _drive(address: tuple[str, int], requests: Iterator[bytes], connections: int, seconds_max: float) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    until_s = time.perf_counter() + seconds_max
    clients = [_Connection(load, requests, until_s, loop.create_future()) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(functools.partial(_same, client), *address)
    started_s = time.perf_counter()
    for client in clients:  # all at once: connecting beside those that ask already would take most of a short run
        client.begin()
    async with asyncio.timeout(seconds_max + ANSWER_S_MAX):
        await asyncio.gather(*(client.done for client in clients))
    load.elapsed_s = time.perf_counter() - started_s
    return load


def _same(client: _Connection) -> _Connection:
    return client


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load, requests: Iterator[bytes], until_s: float, done: asyncio.Future[None]) -> None:
        self.done = done
        self._load = load
        self._requests = requests
        self._until_s = until_s
        self._buffer = b""
        self._sent_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def begin(self) -> None:
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length_at = self._buffer.find(b"Content-Length: ", 0, head_end) + 16
        assert length_at > 15, "an answer without Content-Length cannot be timed"
        end = head_end + 4 + int(self._buffer[length_at : self._buffer.find(b"\r", length_at)])
        if len(self._buffer) < end:
            return
        self._load.waited_ms.append((time.perf_counter() - self._sent_s) * 1000)
        self._load.statuses[int(self._buffer[9:12])] += 1
        if not self._load.first_body:
            self._load.first_body = self._buffer[head_end + 4 : end]
        self._buffer = b""
        self._next()

    def connection_lost(self, fault: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(fault or ConnectionError("the router closed a connection that was in use"))

    def _next(self) -> None:
        request = next(self._requests, None) if time.perf_counter() < self._until_s else None
        if request is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent_s = time.perf_counter()
        self._transport.write(request)
