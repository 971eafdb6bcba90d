"""``GET /v1/orders…``: one order, its history, why it was decided so; and the search over orders.

Single orders are read on the event loop while their history is short: an index look-up and a few records. Long
histories, and the search, which may open dozens of records, run in a thread of their own.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderName, OrderReaders, when_free
from actors.gateway.http.routes import WATCHERS, Query, caller_of
from router.life.states import OrderState
from router.log.columns import STATUS_NAMES
from router.log.documents import presentable
from router.queries import CursorError, OrderFilter
from router.queries.sight import Sight
from router.queries.source import Row

T = TypeVar("T")

LIMIT_MAX = 1_000
LONG_HISTORY = 32  # changes of an order
LIMIT_USUAL = 50
UNSEEN_S = 0.01  # after which a bound key hears that there is no such order, whether or not there is one of others
STATES = tuple(state.name.lower() for state in OrderState)

SEARCH_QUERIES = (
    Query("channel", "orders of this channel", {"type": "string"}),
    Query("status", "as acknowledged", {"type": "string", "enum": list(STATUS_NAMES)}),
    Query("state", "as it is now", {"type": "string", "enum": list(STATES)}),
    Query("customer", "orders of this customer id", {"type": "string"}),
    Query("sku", "orders with a line of this SKU", {"type": "string"}),
    Query("from", "placed at or after", {"type": "string", "format": "date-time"}),
    Query("to", "placed before", {"type": "string", "format": "date-time"}),
    Query("limit", "orders a page", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_USUAL}),
    Query("cursor", "of the page before", {"type": "string"}),
)

SCOPE_QUERIES = (
    Query("channel", "the order's channel, where ids are unique in their channel only", {"type": "string"}),
    Query("seller", "the order's seller, where ids are unique to their seller only", {"type": "string"}),
)
TIMELINE_QUERIES = (
    *SCOPE_QUERIES,
    Query("limit", "entries a page", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_MAX}),
    Query("cursor", "of the page before", {"type": "string"}),
)


class QueryEndpoint:
    """``readers`` serves the event loop, ``thread_readers`` the core's reading thread."""

    def __init__(self, core: Core, readers: OrderReaders, thread_readers: OrderReaders) -> None:
        self._core = core
        self._readers = readers
        self._thread_readers = thread_readers

    async def order(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        name, sight = self.name(request, parameters), sight_of(request)
        return await self._one(request, name, lambda readers: readers.order(name, sight))

    async def timeline(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        name, sight, cursor = self.name(request, parameters), sight_of(request), request.query.get("cursor")
        limit = whole_number(request.query.get("limit"), "limit", LIMIT_MAX, 1, LIMIT_MAX)
        try:
            return await self._one(request, name, lambda readers: readers.timeline(name, sight, cursor, limit))
        except CursorError as fault:
            raise Problem("bad_parameter", str(fault), parameter="cursor") from None

    async def explain(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        name, bound = self.name(request, parameters), caller_of(request).bound
        return await self._one(request, name, lambda readers: readers.explain(name, bound))

    async def search(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        given = request.query
        refuse_unknown(given, SEARCH_QUERIES)
        customer = given.get("customer")
        wanted = OrderFilter(
            bound=caller_of(request).bound,
            channel=given.get("channel"),
            status=choice(given.get("status"), "status", STATUS_NAMES),
            state=choice(given.get("state"), "state", STATES),
            customer=None if customer is None else self._readers.customer_number(customer),
            sku=given.get("sku"),
            placed_from_ms=moment(given.get("from"), "from"),
            placed_to_ms=moment(given.get("to"), "to"),
        )
        limit = whole_number(given.get("limit"), "limit", LIMIT_USUAL, 1, LIMIT_MAX)
        try:
            find = partial(self._core.reading.read, self._thread_readers.search, wanted, given.get("cursor"), limit)
            rows, cursor = await when_free(find)
        except CursorError as fault:
            raise Problem("bad_parameter", str(fault), parameter="cursor") from None
        return json_response(orjson.dumps({"orders": rows, "cursor": cursor}))

    def name(self, request: BaseRequest, parameters: dict[str, str]) -> OrderName:
        """The order that is asked for; raises Problem where the request does not say which, or says too much."""
        scope, given, bound = self._core.config.order_id_scope, request.query, caller_of(request).bound
        for name in ("channel", "seller"):
            if name in given and name != scope:
                unique = "in the whole router" if scope == "global" else f"within their {scope}"
                raise Problem("bad_parameter", f"Ids are unique {unique}; leave {name} out.", parameter=name)
        channel, seller = given.get("channel", ""), given.get("seller", "")
        if scope == "channel" and not (channel := channel or bound.channel):
            sentence = "Ids are unique within their channel; name it, as in ?channel=web."
            raise Problem("bad_parameter", sentence, parameter="channel")
        if scope == "seller":
            seller = seller or bound.seller
        return OrderName(parameters["order_id"], channel, seller)

    async def _one(
        self, request: BaseRequest, name: OrderName, view: Callable[[OrderReaders], Row | None]
    ) -> web.StreamResponse:
        row = await self.found(request, name, view)
        try:
            return json_response(orjson.dumps(row))
        except TypeError:  # the channel sent something that JSON has no form for
            return json_response(orjson.dumps(presentable(row)))

    async def found(self, request: BaseRequest, name: OrderName, view: Callable[[OrderReaders], T | None]) -> T:
        """A view of an order that whoever asks may see; raises Problem where there is none."""
        bound, began = caller_of(request).bound, time.monotonic()

        async def look() -> T | None:
            if not bound.is_open and not self._readers.is_of(bound, name):
                return None
            if self._readers.version(name) <= LONG_HISTORY:
                return view(self._readers)
            return await self._core.reading.read(view, self._thread_readers)

        row = await when_free(look)
        if row is None:
            if not bound.is_open:  # how long it took must not tell that there is one
                await asyncio.sleep(began + UNSEEN_S - time.monotonic())
            raise Problem("order_not_found", "No order with this id was acknowledged here; check the id.")
        return row


def sight_of(request: BaseRequest) -> Sight:
    caller = caller_of(request)
    return Sight(caller.role in WATCHERS, caller.bound)


def refuse_unknown(given: Iterable[str], known: Sequence[Query]) -> None:
    """A misspelt filter would show everything."""
    names = [query.name for query in known]
    for name in given:
        if name not in names:
            raise Problem("bad_parameter", f"There is no filter {name[:40]!r}; the filters are {', '.join(names)}.")


def choice(text: str | None, name: str, choices: tuple[str, ...]) -> str | None:
    if text is not None and text not in choices:
        raise Problem("bad_parameter", f"{name} is one of {', '.join(choices)}.", parameter=name)
    return text


def whole_number(text: str | None, name: str, usual: int, low: int, high: int) -> int:
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and low <= int(text) <= high):
        raise Problem("bad_parameter", f"{name} is a whole number from {low} to {high}.", parameter=name)
    return int(text)


def moment(text: str | None, name: str) -> int | None:
    """Milliseconds of an RFC 3339 time or a date."""
    if text is None:
        return None
    try:
        at = datetime.datetime.fromisoformat(text.replace(" ", "+"))  # an unescaped + arrives as a space
    except ValueError:
        raise Problem(
            "bad_parameter",
            f"{name} is a time such as 2026-03-01T12:00:00Z or a date such as 2026-03-01.",
            parameter=name,
        ) from None
    at = at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)
