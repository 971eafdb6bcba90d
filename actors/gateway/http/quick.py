"""Requests that are answered without a request object: whole, plain, and with a head that was read before.

A client repeats its heads byte for byte, and what aiohttp's parser found in a head it finds again in the very same
bytes. So a head is parsed once; a request that comes with it later costs a digest, a look-up and its handler.

    bytes ─▶ connection idle, head known, body complete ─ yes ─▶ Route.quick ─▶ one write
                          │ no
                          ▼
             aiohttp's parser, Gateway.handle ─▶ the head is kept when a quick route may take its like
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.http import RawRequestMessage
from aiohttp.web_request import BaseRequest

from actors.gateway.core.metrics import Metrics
from actors.gateway.core.problems import raw_json, raw_problem
from actors.gateway.http.auth import KeyRing, bearer_digest
from actors.gateway.http.faults import Faults
from actors.gateway.http.limits import KEEP_ALIVE_S, READ_BUFFER_BYTES, GatewayProtocol, GatewayServer
from actors.gateway.http.requests import head_fault
from actors.gateway.http.routes import ANYBODY, Answer, Reply, Route, RouteTable
from router.config import Limits

HEADS_MAX = 4_096  # a client has one for every length its bodies have
HEAD_END = b"\r\n\r\n"
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class KnownHead:
    route: Route
    key_digest: bytes
    body_bytes: int


class QuickDesk:
    """The heads known so far, and what a request needs besides its head. Heads hold keys: only digests are kept."""

    def __init__(self, table: RouteTable, keys: KeyRing, limits: Limits, metrics: Metrics, faults: Faults) -> None:
        self._table = table
        self._keys = keys
        self._limits = limits
        self._metrics = metrics
        self._faults = faults
        self._heads: dict[bytes, KnownHead] = {}

    def find(self, head: bytes) -> KnownHead | None:
        return self._heads.get(_digest(head))

    def learn(self, head: bytes, message: RawRequestMessage, body_bytes: int) -> None:
        """Keep a head that a quick route may take without looking at it again; the oldest makes room."""
        known = self._judge(message, body_bytes)
        if known is not None:
            if len(self._heads) >= HEADS_MAX:
                del self._heads[next(iter(self._heads))]
            self._heads[_digest(head)] = known

    def _judge(self, message: RawRequestMessage, body_bytes: int) -> KnownHead | None:
        route, headers = self._table.exact(message.method, message.path), message.headers
        if route is None or route.quick is None or route.takes is None or body_bytes > self._limits.body_bytes_max:
            return None
        if message.version != HttpVersion11 or message.should_close or message.compression is not None:
            return None
        if "Expect" in headers or "Content-Encoding" in headers or head_fault(headers) is not None:
            return None
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() not in route.takes:
            return None
        digest = bearer_digest(headers.get("Authorization"))
        return None if digest is None else KnownHead(route, digest, body_bytes)

    def take(self, head: KnownHead, body: bytes, reply: Reply) -> None:
        """Hand a request over; ``reply`` is called once, now or later."""
        try:
            assert head.route.quick is not None, "only such heads are kept"
            key = self._keys.admit(head.route, head.key_digest)
            head.route.quick(body, ANYBODY if key is None else key.caller, reply)
        except Exception as fault:
            reply(fault)

    def encode(self, head: KnownHead, answer: Answer) -> bytes:
        """The whole HTTP answer to a request, which is counted."""
        name = head.route.path
        if isinstance(answer, Exception):
            problem = self._faults.problem_of(answer, name)
            self._metrics.count_request(name, problem.status)
            return raw_problem(problem)
        self._metrics.count_request(name, 200)
        return raw_json(answer)


class QuickProtocol(GatewayProtocol):
    """One client connection that knows when it may pass aiohttp by."""

    __slots__ = ("_answered", "_answering", "_desk", "_handled", "_held", "_owed")

    def __init__(self, manager: GatewayServer, desk: QuickDesk, head_timeout_s: float, **options: Any) -> None:
        super().__init__(manager, head_timeout_s, **options)
        self._desk = desk
        self._owed = 0  # bytes until aiohttp's parser is between two requests again, or UNKNOWN
        self._handled = 0  # of aiohttp's requests: those answered, after which the connection stays open
        self._answering: KnownHead | None = None  # of the quick request under way
        self._held = b""  # what came during it
        self._answered: asyncio.Event | None = None  # for a shutdown that waits for it

    def data_received(self, data: bytes) -> None:
        if self._answering is not None:
            self._hold(data)
        else:
            super().data_received(data)

    def _receive(self, data: bytes) -> None:
        if not self._take(data):
            self._parse(data)

    def _take(self, data: bytes) -> bool:
        """Answer a request that aiohttp need not see; an unread answer (writing is paused) must slow the client."""
        if self._owed or self._handled != self._request_count or self._paused or self._close or self._force_close:
            return False
        end = data.find(HEAD_END) + len(HEAD_END)
        head = self._desk.find(data[:end])
        if head is None or len(data) != end + head.body_bytes:
            return False
        self._stop_head_deadline()
        self._answering = head
        self._desk.take(head, data[end:], self._reply)
        return True

    def _reply(self, answer: Answer) -> None:
        head, self._answering = self._answering, None
        assert head is not None, "a request is answered once"
        raw = self._desk.encode(head, answer)
        if self._answered is not None:
            self._answered.set()
        if self.transport is None:  # the client went away
            return
        self.transport.write(raw)
        self._next_keepalive_close_time = self._loop.time() + KEEP_ALIVE_S
        if self._close:
            self.force_close()
        elif self._held:
            held, self._held = self._held, b""
            self._resume_reading_for_buffer()
            self.data_received(held)

    def _hold(self, data: bytes) -> None:
        """Bytes of later requests wait until the one under way is answered."""
        self._held += data
        if len(self._held) >= READ_BUFFER_BYTES:
            self._pause_reading_for_buffer()

    def _parse(self, data: bytes) -> None:
        """Aiohttp's way; remember where its parser stands afterwards."""
        requests, owed = self._request_count, self._owed
        super()._receive(data)
        if owed > 0:
            self._owed = max(owed - len(data), UNKNOWN)
        elif owed == 0 and data:
            one = self._request_count == requests + 1
            self._owed = self._learn(data) if one else UNKNOWN

    async def _handle_request(
        self, request: BaseRequest, start_time: float | None, request_handler: Any
    ) -> tuple[web.StreamResponse, bool]:
        response, reset = await super()._handle_request(request, start_time, request_handler)
        if response.keep_alive and not reset:
            self._handled += 1
        return response, reset

    def _learn(self, data: bytes) -> int:
        """Bytes still owed of the one request that began with this data."""
        message = self._messages[-1][0]
        if not isinstance(message, RawRequestMessage):
            return UNKNOWN
        end, body_bytes = _head_bytes(data), _body_bytes(message)
        if end is None or body_bytes is None or len(data) > end + body_bytes:
            return UNKNOWN
        if len(data) == end + body_bytes:
            self._desk.learn(data[:end], message, body_bytes)
        return end + body_bytes - len(data)

    # --- what aiohttp takes for an idle connection is none while a quick request is under way ------------

    def _is_idle(self) -> bool:
        return self._answering is None and super()._is_idle()

    def _is_between_requests(self) -> bool:
        return self._owed == 0 and self._handled == self._request_count and self._answering is None

    def _process_keepalive(self) -> None:
        if self._answering is not None:
            self._next_keepalive_close_time = self._loop.time() + KEEP_ALIVE_S
        super()._process_keepalive()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        if self._answering is not None:
            self._answered = asyncio.Event()
            with contextlib.suppress(TimeoutError):  # then this request is cut off like any other
                await asyncio.wait_for(self._answered.wait(), timeout)
        await super().shutdown(timeout)


class QuickServer(GatewayServer):
    """The factory of such connections."""

    def __init__(self, handler: Any, limits: Limits, desk: QuickDesk) -> None:
        super().__init__(handler, limits)
        self._desk = desk

    def __call__(self) -> QuickProtocol:
        return QuickProtocol(self, self._desk, self._limits.header_timeout_ms / 1000, loop=self._loop, **self._kwargs)


def _digest(head: bytes) -> bytes:
    return hashlib.blake2b(head, digest_size=16).digest()


def _head_bytes(data: bytes) -> int | None:
    """Length of the head that the data begins with; None unless every line of it ends as the standard says."""
    end = data.find(HEAD_END) + len(HEAD_END)
    return end if end > len(HEAD_END) and data.count(b"\n", 0, end) == data.count(b"\r\n", 0, end) else None


def _body_bytes(message: RawRequestMessage) -> int | None:
    """Length of the body behind a head, None where only aiohttp knows where it ends."""
    if message.chunked or message.upgrade:
        return None
    given = message.headers.getall("Content-Length", ["0"])
    return int(given[0]) if len(given) == 1 and given[0].isdecimal() else None
