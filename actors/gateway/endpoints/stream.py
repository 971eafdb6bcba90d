"""``GET /v1/stream``: every change of every order, from a cursor on, as SSE or NDJSON.

The log is the source, so a client that was away resumes exactly where it stopped. A slow client slows only itself: the
next page is read when the last one was handed to its socket. A page is what one turn of the reading thread gives.

A client that leaves ends its stream at once, though nothing is written to it. Of one that has closed its socket no more
is seen at first than that it sends nothing more, which is no fault; so it is sent two signs of life. Who has gone
answers the first with a reset, which the second one meets.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.lags import Lags
from actors.gateway.core.news import News
from actors.gateway.core.problems import SERVER_NAME, Problem
from actors.gateway.endpoints.queries import STATES, choice, refuse_unknown, sight_of, whole_number
from actors.gateway.http.accept import wish_for
from actors.gateway.http.limits import GatewayProtocol, write_part
from actors.gateway.http.routes import NDJSON, SSE, Query, caller_of
from actors.store.data_folder import DataFolder
from router.feed.changes import ChangeReader
from router.queries import ChangeFilter, CursorError, Follower, Page, StreamSource
from router.queries.change_lines import COLUMNS, TYPES, change_events, change_lines

PAGE_ROWS = 2_048
PACE_S = 0.01  # between two looks of a client that has everything: what comes meanwhile goes together
HEARTBEAT_S = 10.0
SIGNS_TO_ONE_WHO_LEAVES = 2
WAIT_S_MAX = 3_600
LIMIT_MAX = 10_000_000
FILTER_VALUES_MAX = 100

Write = Callable[[bytes], Awaitable[None]]


def _filter(name: str, text: str, **items: Any) -> Query:
    kind = {"type": "array", "items": {"type": "string", "minLength": 1, **items}, "maxItems": FILTER_VALUES_MAX}
    return Query(name, f"{text}; of several any", kind)


FILTERS = (
    _filter("channel", "changes of orders of this channel"),
    _filter("seller", "changes of orders of this seller"),
    _filter("order_id", "changes of this order"),
    _filter("type", "changes of this type", enum=list(TYPES)),
    _filter("state", "changes that left the order in this state", enum=list(STATES)),
)
STREAM_QUERIES = (
    Query("cursor", "where to go on; absent: from the first order", {"type": "string"}),
    Query("limit", "end after so many changes", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}),
    Query(
        "wait",
        "end when nothing new came for so many seconds; 0: end when everything was shown; absent: never end",
        {"type": "integer", "minimum": 0, "maximum": WAIT_S_MAX},
    ),
    *FILTERS,
)


class ChangeStream:
    """All clients of this process. They share what is decoded, on the core's reading thread, and are woken together."""

    def __init__(self, core: Core, data: DataFolder, sources: Sequence[StreamSource]) -> None:
        self._core = core
        self._sources = sources
        self._reader = ChangeReader(sources, COLUMNS)
        self._news = News(data.bell)
        self._lags = Lags(data.readers, sources)
        self._open = 0
        core.on_close.append(self._news.close)
        core.spawn(self._wake_when_draining())
        core.metrics.registry.register(self._lags)
        core.metrics.gauge("router_open_change_streams", "Readers of status changes", lambda: self._open)

    async def get(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        media_type = form_of_changes(",".join(request.headers.getall("Accept", ())) or "*/*")
        given = request.query
        refuse_unknown(given, STREAM_QUERIES)
        cursor = request.headers.get("Last-Event-ID") or given.get("cursor") or None
        limit = whole_number(given.get("limit"), "limit", LIMIT_MAX, 1, LIMIT_MAX)
        wait_s = whole_number(given.get("wait"), "wait", -1, 0, WAIT_S_MAX)
        filters = {query.name: _values(given.getall(query.name, []), query) for query in FILTERS}
        wanted = ChangeFilter(bound=caller_of(request).bound, **filters)
        sight, text = sight_of(request), change_lines if media_type == NDJSON else change_events
        streams_max = self._core.config.limits.streams_max
        if self._open >= streams_max:
            raise Problem("streams_limit", f"{streams_max} readers are connected already.", retry_after_ms=1_000)
        self._open += 1
        try:
            begin = partial(Follower, self._reader, self._sources, cursor, wanted, sight, text)
            follower = await _begun(self._core, begin)
            with self._lags.of(follower):
                client = _Client(self._core, self._news, follower, media_type, limit, wait_s)
                return await client.serve(request, tells_places=not wanted.is_open)
        finally:
            self._open -= 1

    async def _wake_when_draining(self) -> None:
        await self._core.draining.wait()
        self._news.wake()


async def _begun(core: Core, begin: Callable[[], Follower]) -> Follower:
    try:
        return await core.reading.read(begin)
    except CursorError as fault:
        raise Problem("bad_parameter", str(fault), parameter="cursor") from None


class _Client:
    """One client and its stream."""

    def __init__(
        self, core: Core, news: News, follower: Follower, media_type: str, limit: int, wait_s: int
    ) -> None:  # fmt: skip
        self._core = core
        self._news = news
        self._follower = follower
        self._media_type = media_type
        self._left = limit
        self._wait_s = wait_s if wait_s >= 0 else math.inf
        self._signs_owed = 0
        self._leaves: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._news_at = self._wrote_at = time.monotonic()

    async def serve(self, request: BaseRequest, tells_places: bool) -> web.StreamResponse:
        """``tells_places``: also tell the client how far was looked where nothing is shown, so that it need not be
        looked through again. Raises ConnectionError when the client is gone."""
        protocol = request.protocol
        assert isinstance(protocol, GatewayProtocol)
        protocol.when_leaving = self._hear_of_leaving
        if protocol.sends_no_more:
            self._hear_of_leaving()
        try:
            return await self._follow(request, tells_places)
        finally:
            protocol.when_leaving = None

    def _hear_of_leaving(self) -> None:
        self._signs_owed = SIGNS_TO_ONE_WHO_LEAVES
        if not self._leaves.done():
            self._leaves.set_result(None)

    async def _follow(self, request: BaseRequest, tells_places: bool) -> web.StreamResponse:
        rung, page = self._news.rung, await self._page(request)
        response = web.StreamResponse(
            headers={"Content-Type": self._media_type, "Server": SERVER_NAME, "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        write = partial(self._write, request, response)
        while True:
            if request.transport is None:
                raise ConnectionResetError("the reader is gone")
            await self._show(page, tells_places, write)
            if self._left == 0 or self._core.draining.is_set() or (page.is_last and self._is_over()):
                break
            if page.is_last:
                await self._pause(rung)
            rung, page = self._news.rung, await self._page(request)
        if tells_places and self._left:
            await write(self._place(page.cursor))
        return response

    async def _page(self, request: BaseRequest) -> Page:
        """Nothing of one that nobody waits for any more."""
        limit, draining = min(self._left, PAGE_ROWS), self._core.draining
        self._looked_at = time.monotonic()
        return await self._core.reading.turn(
            lambda goes_on: self._follower.page(limit, goes_on),
            lambda: request.transport is not None and not draining.is_set(),
        )

    async def _show(self, page: Page, tells_places: bool, write: Write) -> None:
        if page.rows:
            self._left -= page.rows
            await write(page.text)
            self._news_at = time.monotonic()
        elif self._signs_owed or time.monotonic() - self._wrote_at >= HEARTBEAT_S:
            await write(self._place(page.cursor) if tells_places else self._sign_of_life())
            self._signs_owed = max(0, self._signs_owed - 1)

    def _is_over(self) -> bool:
        """Whether the client's patience is at its end."""
        return time.monotonic() - self._news_at >= self._wait_s

    async def _pause(self, rung: int) -> None:
        """Until there may be news, or something to say or to end."""
        await asyncio.sleep(self._looked_at + PACE_S - time.monotonic())
        if self._leaves.done():
            self._leaves = asyncio.get_running_loop().create_future()
        until = 0.0 if self._signs_owed else min(self._news_at + self._wait_s, self._wrote_at + HEARTBEAT_S)
        await self._news.wait(rung, max(0.0, until - time.monotonic()), self._leaves)

    def _sign_of_life(self) -> bytes:
        return b": alive\n\n" if self._media_type == SSE else b"\n"

    def _place(self, cursor: str) -> bytes:
        if self._media_type == SSE:
            return b"id: %s\n\n" % cursor.encode()
        return orjson.dumps({"cursor": cursor}) + b"\n"

    async def _write(self, request: BaseRequest, response: web.StreamResponse, text: bytes) -> None:
        """A client that is cut off comes back with its cursor."""
        await write_part(request, response, text, self._core.config.limits)
        self._wrote_at = time.monotonic()


def _values(given: Sequence[str], query: Query) -> frozenset[str]:
    """What a filter may be; a value that could never match is refused, for it would look like silence."""
    name, choices = query.name, query.schema["items"].get("enum")
    if len(given) > FILTER_VALUES_MAX:
        raise Problem("bad_parameter", f"{name} may be given {FILTER_VALUES_MAX} times.", parameter=name)
    for text in given:
        if not text:
            raise Problem("bad_parameter", f"{name} is empty; name one, or leave it out.", parameter=name)
        if choices is not None:
            choice(text, name, tuple(choices))
    return frozenset(given)


def form_of_changes(accept: str) -> str:
    """What an Accept header wants most; of both alike SSE where it is named, else NDJSON."""
    (sse, is_named), (ndjson, _) = wish_for(accept, SSE), wish_for(accept, NDJSON)
    if sse == ndjson == 0:
        raise Problem("not_acceptable", f"The stream is {SSE} or {NDJSON}; ask for one of them in Accept.")
    return SSE if sse > ndjson or (sse == ndjson and is_named) else NDJSON
