"""What a connection may cost: deadlines for request heads and for who reads an answer, number of connections. Bodies
are in requests.py.

aiohttp waits without a deadline for a request's head, closes a connection whose client has shut
down its writing side, and answers protocol faults as text; this protocol class mends the three.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from aiohttp.web_request import BaseRequest

from actors.gateway.core.problems import Problem, raw_response
from router.config import Limits

KEEP_ALIVE_S = 75.0
PIPELINE_CHECK_S = 0.01
LINGERING_S = 2.0  # after an answer that came before the end of its body, so that the client can read it
READ_BUFFER_BYTES = 1 << 20  # a body is read ahead up to twice this


class PassOn(Protocol):
    """The way to another process."""

    def __call__(self, transport: asyncio.BaseTransport, first: bytes) -> bool:
        """Offer a connection and the first bytes of a request; True when that process has taken it over."""

    def is_undecided(self, first: bytes) -> bool:
        """Whether it takes more bytes to know if that process is the one to ask."""


class GatewayProtocol(RequestHandler):
    """One client connection."""

    __slots__ = (
        "_head_deadline", "_head_timeout_s", "_is_fresh", "_undecided", "body_truncated", "first_bytes",
        "sends_no_more", "when_leaving",
    )  # fmt: skip

    def __init__(self, manager: GatewayServer, head_timeout_s: float, **options: Any) -> None:
        super().__init__(manager, **options)
        self._head_timeout_s = head_timeout_s
        self._head_deadline: asyncio.TimerHandle | None = None
        self._is_fresh = True  # nothing was received yet
        self._undecided = b""  # of a request that may be one for another process
        self.body_truncated = False
        self.first_bytes = b""  # received by the process that passed this connection on
        self.sends_no_more = False
        self.when_leaving: Callable[[], None] | None = None  # called when the client sends no more, and when it is gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        manager = self._manager
        assert isinstance(manager, GatewayServer)
        if manager.is_full():
            manager.refused_connections += 1
            assert self.transport is not None
            self.transport.write(manager.full_answer)
            self.force_close()
            return
        self._start_head_deadline()
        if self.first_bytes:
            self.data_received(self.first_bytes)
            self.first_bytes = b""

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_deadline()
        super().connection_lost(exc)
        self._tell_of_leaving()

    def data_received(self, data: bytes) -> None:
        if not self._wait_for_more(data):
            data, self._undecided = self._undecided + data, b""
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        """Bytes that need not wait for more; whose they are is known now, if they begin a request."""
        if self._is_between_requests() and self._pass_on(data):
            return
        self._is_fresh = False
        heads = self._request_count
        super().data_received(data)
        if self._request_count != heads:
            self._stop_head_deadline()
            if isinstance(self._messages and self._messages[-1][0], _ErrInfo):
                self._end_body()  # the fault lies in the body that is being read
        elif self._waiter is not None and self._head_deadline is None and data:
            self._start_head_deadline()  # the first bytes of a next request on a kept-alive connection

    def _wait_for_more(self, data: bytes) -> bool:
        """Keep bytes that may begin a request for another process, however small the pieces are in which they come."""
        manager = self._manager
        assert isinstance(manager, GatewayServer)
        if manager.pass_on is None or not self._is_between_requests() or not data:
            return False
        if not manager.pass_on.is_undecided(self._undecided + data):
            return False
        self._undecided += data
        if self._head_deadline is None:
            self._start_head_deadline()
        return True

    def _is_between_requests(self) -> bool:
        """Whether the next byte is certainly the first of a request."""
        return self._is_fresh

    def _pass_on(self, data: bytes) -> bool:
        """Give the connection to another process if that takes it; this one's descriptor is closed."""
        manager, transport = self._manager, self.transport
        assert isinstance(manager, GatewayServer)
        if manager.pass_on is None or transport is None or transport.get_write_buffer_size():
            return False
        if not manager.pass_on(transport, data):
            return False
        self._stop_head_deadline()
        self.force_close()
        return True

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client will send no more; what it asked for so far is still answered."""
        self.sends_no_more = True
        self._tell_of_leaving()
        if self._is_idle():
            return None
        self._close_when_answered()
        return True

    def _tell_of_leaving(self) -> None:
        if self.when_leaving is not None:
            self.when_leaving()

    def _is_idle(self) -> bool:
        return self._waiter is not None and not self._messages

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Faults of the HTTP parser; those of handlers never come here."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; it can only be cut off")
        if status == 500:
            problem = Problem("internal", "The request could not be answered; try again.")
        else:
            problem = Problem("bad_request", "The bytes sent are not a valid HTTP/1.1 request; check the client.")
        response = problem.response()
        response.force_close()
        return response

    def _end_body(self) -> None:
        """The body under way will not be completed; what arrived of it can still be read."""
        request = self._current_request
        if request is not None and not request.content.is_eof():
            self.body_truncated = True
            request.content.feed_eof()

    def _close_when_answered(self) -> None:
        """Close after the last request that was sent before the client shut down its side."""
        if self.transport is None:
            return
        if self._is_idle():
            self.force_close()
        elif self._messages or self._current_request is None:
            self._loop.call_later(PIPELINE_CHECK_S, self._close_when_answered)
        else:
            self._end_body()
            self._close = True

    def _start_head_deadline(self) -> None:
        self._head_deadline = self._loop.call_later(self._head_timeout_s, self._head_is_late)

    def _stop_head_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _head_is_late(self) -> None:
        self._head_deadline = None
        self.force_close()


class GatewayServer(web.Server):
    """The factory of connections, which knows how many there are."""

    def __init__(self, handler: Any, limits: Limits) -> None:
        super().__init__(
            handler,
            keepalive_timeout=KEEP_ALIVE_S,
            access_log=None,
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
            lingering_time=LINGERING_S,
        )
        self._limits = limits
        self.refused_connections = 0
        self.pass_on: PassOn | None = None
        self.full_answer = raw_response(
            Problem(
                "connections_limit",
                f"This gateway serves {limits.connections_max} connections; keep fewer open, or try again shortly.",
                retry_after_ms=1000,
            )
        )

    def is_full(self) -> bool:
        return len(self._connections) > self._limits.connections_max

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    def __call__(self) -> GatewayProtocol:
        return GatewayProtocol(self, self._limits.header_timeout_ms / 1000, loop=self._loop, **self._kwargs)


async def write_part(request: BaseRequest, response: web.StreamResponse, part: bytes, limits: Limits) -> None:
    """A part of a long answer. A client that takes nothing for too long is cut off: raises ConnectionResetError."""
    try:
        async with asyncio.timeout(limits.body_idle_timeout_ms / 1000):
            await response.write(part)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the reader takes nothing") from None
