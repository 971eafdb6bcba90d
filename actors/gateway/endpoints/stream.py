"""``GET /v1/stream``: every status change of every order, from a cursor on, as SSE or NDJSON.

The log is the source, so a reader that was away resumes exactly where it stopped. A slow reader slows only
itself: the next piece is read when the last one was handed to its socket.
"""

from __future__ import annotations

import asyncio
import time

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import SERVER_NAME, Problem
from actors.gateway.core.readers import OrderReaders
from actors.gateway.endpoints.queries import whole_number
from actors.gateway.http.accept import wish_for
from actors.gateway.http.routes import NDJSON, SSE, Query
from router.queries import CursorError
from router.queries.source import Row

PIECE_ROWS = 512
LOOK_EVERY_S = 0.02
HEARTBEAT_S = 10.0
WAIT_S_MAX = 3_600
LIMIT_MAX = 10_000_000

STREAM_QUERIES = (
    Query("cursor", "where to go on; absent: from the first order", {"type": "string"}),
    Query("limit", "end after so many changes", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}),
    Query(
        "wait",
        "end when nothing new came for so many seconds; 0: end when everything was shown; absent: never end",
        {"type": "integer", "minimum": 0, "maximum": WAIT_S_MAX},
    ),
)


class ChangeStream:
    """``readers`` serves the event loop, ``thread_readers`` the core's reading thread."""

    def __init__(self, core: Core, readers: OrderReaders, thread_readers: OrderReaders) -> None:
        self._core = core
        self._readers = readers
        self._thread_readers = thread_readers
        self._open = 0
        core.metrics.gauge("router_open_change_streams", "Readers of status changes", lambda: self._open)

    async def get(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        media_type = form_of_changes(",".join(request.headers.getall("Accept", ())) or "*/*")
        given = request.query
        cursor = request.headers.get("Last-Event-ID") or given.get("cursor") or None
        limit = whole_number(given.get("limit"), "limit", LIMIT_MAX, 1, LIMIT_MAX)
        wait_s = whole_number(given.get("wait"), "wait", -1, 0, WAIT_S_MAX)
        streams_max = self._core.config.limits.streams_max
        if self._open >= streams_max:
            raise Problem("streams_limit", f"{streams_max} readers are connected already.", retry_after_ms=1_000)
        self._open += 1
        try:
            first = await self._changes(cursor, min(limit, PIECE_ROWS))
            response = web.StreamResponse(
                headers={"Content-Type": media_type, "Server": SERVER_NAME, "Cache-Control": "no-store"}
            )
            await response.prepare(request)
            await self._follow(request, response, media_type, first, limit, wait_s)
        finally:
            self._open -= 1
        return response

    async def _follow(
        self,
        request: BaseRequest,
        response: web.StreamResponse,
        media_type: str,
        first: tuple[list[Row], str],
        limit: int,
        wait_s: int,
    ) -> None:
        rows, cursor = first
        news_at = time.monotonic()
        while True:
            if rows:
                limit -= len(rows)
                await self._write(request, response, encode(rows, media_type))
                news_at = time.monotonic()
            if limit == 0 or self._core.draining.is_set():
                return
            if len(rows) < PIECE_ROWS:  # everything durable was shown
                left_s = None if wait_s < 0 else wait_s - (time.monotonic() - news_at)
                if not await self._wait_for_news(request, response, media_type, left_s):
                    return
            rows, cursor = await self._changes(cursor, min(limit, PIECE_ROWS))

    async def _wait_for_news(
        self, request: BaseRequest, response: web.StreamResponse, media_type: str, left_s: float | None
    ) -> bool:
        """True when a log has grown; False when the reader's patience or the router ends."""
        ends = self._readers.ends()
        began = beat = time.monotonic()
        while not self._core.draining.is_set():
            now = time.monotonic()
            if left_s is not None and now - began >= left_s:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
            if self._readers.ends() != ends:
                return True
            if now - beat >= HEARTBEAT_S:
                beat = now
                await self._write(request, response, b": alive\n\n" if media_type == SSE else b"\n")
        return False

    async def _changes(self, cursor: str | None, limit: int) -> tuple[list[Row], str]:
        try:
            return await self._core.reading.run(self._thread_readers.changes, cursor, limit)
        except CursorError as fault:
            raise Problem("bad_parameter", str(fault), parameter="cursor") from None

    async def _write(self, request: BaseRequest, response: web.StreamResponse, text: bytes) -> None:
        """A reader that takes nothing for too long is cut off; its cursor brings it back."""
        try:
            async with asyncio.timeout(self._core.config.limits.body_idle_timeout_ms / 1000):
                await response.write(text)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the reader takes nothing") from None


def encode(rows: list[Row], media_type: str) -> bytes:
    if media_type == NDJSON:
        return b"".join(orjson.dumps(row) + b"\n" for row in rows)
    return b"".join(b"id: %s\ndata: %s\n\n" % (row["cursor"].encode(), orjson.dumps(row)) for row in rows)


def form_of_changes(accept: str) -> str:
    """What an Accept header wants most; of both alike SSE where it is named, else NDJSON."""
    (sse, is_named), (ndjson, _) = wish_for(accept, SSE), wish_for(accept, NDJSON)
    if sse == ndjson == 0:
        raise Problem("not_acceptable", f"The stream is {SSE} or {NDJSON}; ask for one of them in Accept.")
    return SSE if sse > ndjson or (sse == ndjson and is_named) else NDJSON
