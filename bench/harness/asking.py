"""A lean HTTP client that keeps what it is answered: one request under way a connection, bytes made beforehand."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import uvloop

ANSWER_S_MAX = 60.0


class Reply(NamedTuple):
    status: int
    body: bytes


class Asked(NamedTuple):
    """Replies and waiting times, one a request, in the order of the requests."""

    elapsed_s: float
    waited_ms: npt.NDArray[np.float64]
    replies: list[Reply]


def whole_answer(buffer: bytes) -> tuple[int, int, int] | None:
    """(status, where the body begins, where it ends) of the answer at the front; None while some of it is to come."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    length_at = buffer.find(b"Content-Length: ", 0, head_end) + 16
    assert length_at > 15, "an answer without Content-Length has no end"
    body_at = head_end + 4
    end = body_at + int(buffer[length_at : buffer.find(b"\r", length_at)])
    return (int(buffer[9:12]), body_at, end) if len(buffer) >= end else None


class LeanConnection(asyncio.Protocol):
    """One kept-alive connection with one request under way; answers must say their Content-Length."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        found = whole_answer(self._buffer)
        if found is not None:
            status, body_at, end = found
            body, self._buffer = self._buffer[body_at:end], b""
            self.answered(status, body)

    def answered(self, status: int, body: bytes) -> None:
        """The answer to the request under way, whole."""
        raise NotImplementedError


class Asking(LeanConnection):
    """Hands every answer to who asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self._reply: asyncio.Future[Reply] | None = None

    async def ask(self, request: bytes) -> Reply:
        assert self._reply is None, "one request at a time"
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._reply
        finally:
            self._reply = None

    def close(self) -> None:
        self._transport.close()

    def answered(self, status: int, body: bytes) -> None:
        assert self._reply is not None, "an answer that nobody asked for"
        self._reply.set_result(Reply(status, body))

    def connection_lost(self, fault: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(fault or ConnectionError("the server closed a connection that was in use"))


async def connect(address: tuple[str, int]) -> Asking:
    _, asking = await asyncio.get_running_loop().create_connection(Asking, *address)
    return asking


def ask_all(address: tuple[str, int], requests: Sequence[bytes], connections: int) -> Asked:
    """Every request once; connections take them in turn."""
    return uvloop.run(_ask_all(address, requests, connections))


async def _ask_all(address: tuple[str, int], requests: Sequence[bytes], connections: int) -> Asked:
    replies, waited_ms, turn = [Reply(0, b"")] * len(requests), np.zeros(len(requests)), itertools.count()

    async def work(asking: Asking) -> None:
        while (at := next(turn)) < len(requests):
            sent_s = time.perf_counter()
            replies[at] = await asyncio.wait_for(asking.ask(requests[at]), ANSWER_S_MAX)
            waited_ms[at] = (time.perf_counter() - sent_s) * 1000
        asking.close()

    opened = [await connect(address) for _ in range(connections)]
    started_s = time.perf_counter()
    await asyncio.gather(*(work(asking) for asking in opened))
    return Asked(time.perf_counter() - started_s, waited_ms, replies)
