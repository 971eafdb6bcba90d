"""The asking client: kept-alive connections with one request under way each, of bytes made beforehand.

    connect    one connection, for who makes a request of the answers before
    drive      closed loop: every connection takes the next request when its last answer is complete
    pace       open loop: requests are due at given moments and wait from then on, also for a free connection
    ask_all    drive, and every reply kept

All connections stand before the clock starts. Of an answer only the status and the length are looked at; what becomes
of it is up to the caller's ``note``.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, cast

import numpy as np
import uvloop

from bench.harness import report as _harness
from bench.harness.arrays import F64

ANSWER_S_MAX = 60.0  # over all connections: whoever answers nothing any more ends the run
TICK_S_MIN = 0.0005  # of what is due closer together, the later is at most so late
Address = tuple[str, int]
Note = Callable[[int, float, int, bytes], None]  # the request's number, milliseconds waited, status, body


class Reply(NamedTuple):
    status: int
    body: bytes


def request_bytes(
    method: str, path: str, address: Address, key: str, body: bytes = b"", media_type: str = "application/json"
) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nAuthorization: Bearer {key}\r\n"
    if body:
        head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class _Asker(Protocol):
    def answered(self, connection: Connection, status: int, body: bytes) -> None: ...

    def lost(self, fault: Exception) -> None:
        """The connection ended, or what was done with an answer failed."""


class Connection(asyncio.Protocol):
    """One request at a time; answers must say their Content-Length."""

    def __init__(self) -> None:
        self.asker: _Asker | None = None  # who gets the next answer
        self.number, self.since_s = 0, 0.0  # of the request under way, for a loop
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    async def ask(self, request: bytes) -> Reply:
        if self.transport.is_closing():
            raise ConnectionError("the server closed the connection")
        self.asker = waiting = _Waiting()
        self.transport.write(request)
        return await waiting.reply

    def close(self) -> None:
        self.asker = None
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        found = _whole_answer(self._buffer)
        if found is not None:
            status, body_at, end = found
            body, self._buffer = self._buffer[body_at:end], b""
            assert self.asker is not None, "an answer that nobody asked for"
            self.asker.answered(self, status, body)

    def connection_lost(self, fault: Exception | None) -> None:
        if self.asker is not None:
            self.asker.lost(fault or ConnectionError("the server closed a connection that was in use"))


class _Waiting:
    def __init__(self) -> None:
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def answered(self, _: Connection, status: int, body: bytes) -> None:
        self.reply.set_result(Reply(status, body))

    def lost(self, fault: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(fault)


def _whole_answer(buffer: bytes) -> tuple[int, int, int] | None:
    """(status, where the body begins, where it ends) of the answer at the front; None while some of it is to come."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    length_at = buffer.find(b"Content-Length: ", 0, head_end) + 16
    assert length_at > 15, "an answer without Content-Length has no end"
    body_at = head_end + 4
    end = body_at + int(buffer[length_at : buffer.find(b"\r", length_at)])
    return (int(buffer[9:12]), body_at, end) if len(buffer) >= end else None


async def connect(address: Address) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, *address)
    return connection


def drive(
    address: Address, requests: Iterable[bytes], connections: int, note: Note, seconds_max: float = math.inf
) -> float:
    """Until the requests or the time are used up; seconds that it took."""
    return uvloop.run(_run(address, connections, _Closed(note, requests, seconds_max)))


def pace(
    address: Address,
    requests: Iterable[bytes],
    due_s: Iterable[float],
    connections: int,
    note: Note,
    at_s: float | None = None,
    seconds_max: float = math.inf,
) -> float:
    """Every request at its moment, from ``at_s`` (of ``time.perf_counter``) or now on; seconds that it took.

    What has not been sent ``seconds_max`` after the beginning is left out.
    """
    return uvloop.run(_run(address, connections, _Open(note, zip(due_s, requests, strict=False), at_s, seconds_max)))


async def _run(address: Address, connections: int, loop: _Loop) -> float:
    opened = [await connect(address) for _ in range(connections)]
    began_s = time.perf_counter()
    loop.begin(opened)  # all at once: connecting beside those that ask already would take most of a short run
    await loop.ended()
    return time.perf_counter() - began_s


class _Loop(ABC):
    """Gives requests to connections that are free. What it costs is part of what is measured."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._sent = 0
        self._in_use = 0  # connections that something is under way on, or may be
        self._over = asyncio.Event()
        self._fault: Exception | None = None

    def begin(self, connections: list[Connection]) -> None:
        self._in_use = len(connections)
        for connection in connections:
            connection.asker = self
            self.free(connection, time.perf_counter())

    @abstractmethod
    def free(self, connection: Connection, now_s: float) -> None:
        """Its last answer is complete: give it another request, or let it go."""

    async def ended(self) -> None:
        """Return when everything is answered."""
        told = None
        while not self._over.is_set():
            if told == (told := (self._sent, self._in_use)):
                raise TimeoutError(f"no answer within {ANSWER_S_MAX:.0f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), ANSWER_S_MAX)
        if self._fault is not None:
            raise self._fault

    def send(self, connection: Connection, request: bytes, since_s: float) -> None:
        """The answer's wait counts from ``since_s`` on."""
        connection.number, connection.since_s = self._sent, since_s
        self._sent += 1
        connection.transport.write(request)

    def answered(self, connection: Connection, status: int, body: bytes) -> None:
        now_s = time.perf_counter()
        self._note(connection.number, (now_s - connection.since_s) * 1000, status, body)
        self.free(connection, now_s)

    def lost(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self._over.set()

    def let_go(self, connection: Connection) -> None:
        connection.close()
        self._in_use -= 1
        if not self._in_use:
            self._over.set()


class _Closed(_Loop):
    def __init__(self, note: Note, requests: Iterable[bytes], seconds_max: float) -> None:
        super().__init__(note)
        self._requests = iter(requests)
        self._until_s = self._seconds_max = seconds_max

    def begin(self, connections: list[Connection]) -> None:
        self._until_s = time.perf_counter() + self._seconds_max
        super().begin(connections)

    def free(self, connection: Connection, now_s: float) -> None:
        request = next(self._requests, None) if now_s < self._until_s else None
        if request is None:
            self.let_go(connection)
        else:
            self.send(connection, request, now_s)


class _Open(_Loop):
    def __init__(
        self, note: Note, requests: Iterable[tuple[float, bytes]], at_s: float | None, seconds_max: float
    ) -> None:
        super().__init__(note)
        self._coming = deque(requests)
        self._idle: list[Connection] = []
        self._at_s = at_s
        self._seconds_max = seconds_max

    def begin(self, connections: list[Connection]) -> None:
        self._began_s = time.perf_counter() if self._at_s is None else self._at_s
        super().begin(connections)
        self._send_due()

    def free(self, connection: Connection, now_s: float) -> None:
        self._idle.append(connection)
        self._hand_out(now_s)

    def _send_due(self) -> None:
        """Hand out what is due, and come back when more is."""
        self._hand_out(time.perf_counter())
        if self._coming:
            wait_s = self._began_s + self._coming[0][0] - time.perf_counter()
            asyncio.get_running_loop().call_later(max(wait_s, TICK_S_MIN), self._send_due)

    def _hand_out(self, now_s: float) -> None:
        passed_s = now_s - self._began_s
        if passed_s > self._seconds_max:
            self._coming.clear()
        while self._idle and self._coming and self._coming[0][0] <= passed_s:
            due_s, request = self._coming.popleft()
            self.send(self._idle.pop(), request, self._began_s + due_s)
        while self._idle and not self._coming:
            self.let_go(self._idle.pop())


@dataclass
class Load:
    """What loops found that were given its ``note``."""

    statuses: Counter[int] = field(default_factory=Counter)
    waited_ms: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0  # of all loops together; whoever runs them adds it up
    first_body: bytes = b""

    def note(self, _: int, waited_ms: float, status: int, body: bytes) -> None:
        self.waited_ms.append(waited_ms)
        self.statuses[status] += 1
        self.first_body = self.first_body or body

    @property
    def requests_per_s(self) -> float:
        return len(self.waited_ms) / self.elapsed_s

    def percentiles_ms(self) -> dict[str, float]:
        return _harness.percentiles_ms(np.array(self.waited_ms))


class Asked(NamedTuple):
    """Replies and waiting times, one a request, in the order of the requests."""

    elapsed_s: float
    waited_ms: F64
    replies: list[Reply]


def ask_all(address: Address, requests: Sequence[bytes], connections: int) -> Asked:
    """Every request once; connections take them in turn."""
    replies, waited = [Reply(0, b"")] * len(requests), np.zeros(len(requests))

    def note(number: int, waited_ms: float, status: int, body: bytes) -> None:
        replies[number], waited[number] = Reply(status, body), waited_ms

    return Asked(drive(address, requests, connections, note), waited, replies)
