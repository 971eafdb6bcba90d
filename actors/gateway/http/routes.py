"""What a route is: the one table from which requests are dispatched and the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from aiohttp import web
from aiohttp.web_request import BaseRequest

from router.bound import EVERYTHING, Bound

Parameters = dict[str, str]
Handler = Callable[[BaseRequest, Parameters], Awaitable[web.StreamResponse]]
Answer = bytes | Exception  # a JSON document, or why there is none
Reply = Callable[[Answer], None]


class Caller(NamedTuple):
    """Whose request it is, by its key."""

    name: str = ""  # of the key: by it those who wait for the same owner take turns
    role: str = ""
    bound: Bound = EVERYTHING


ANYBODY = Caller()  # all who need no key
Quick = Callable[[bytes, Caller, Reply], None]  # takes a body of somebody and replies once, now or later

# Struct of one document (a line, a row), or several that are possible; None = free form.
Body = type | tuple[type, ...] | None

EVERYBODY: frozenset[str] | None = None  # no key needed
READERS = frozenset({"admin", "ops", "channel", "service", "viewer"})
WATCHERS = frozenset({"admin", "ops", "service", "viewer"})
SELLERS = frozenset({"admin", "ops", "channel"})
REPORTERS = frozenset({"admin", "ops", "channel", "service"})
KEEPERS = frozenset({"admin", "ops", "service"})
OPERATORS = frozenset({"admin", "ops"})
# Of keys that are for some channels or sellers: what concerns their own orders.
BOUND_READERS = READERS - {"admin"}
BOUND_WATCHERS = WATCHERS - {"admin"}
BOUND_SELLERS = SELLERS - {"admin"}
BOUND_REPORTERS = REPORTERS - {"admin"}
BOUND_KEEPERS = KEEPERS - {"admin"}
BOUND_OPERATORS = OPERATORS - {"admin"}

CALLER = web.RequestKey("caller", Caller)

NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
CSV = "text/csv"
PDF = "application/pdf"
ZPL = "application/zpl"
FORM = "application/x-www-form-urlencoded"
SSE = "text/event-stream"


def caller_of(request: BaseRequest) -> Caller:
    caller: Caller = request.get(CALLER, ANYBODY)
    return caller


def alternatives(body: Body) -> tuple[type, ...]:
    if body is None:
        return ()
    return body if isinstance(body, tuple) else (body,)


@dataclass(frozen=True)
class Query:
    """A query parameter."""

    name: str
    text: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # with {names}
    handler: Handler
    roles: frozenset[str] | None
    summary: str
    answers: Mapping[str, Body]  # by media type
    takes: Mapping[str, Body] | None = None
    queries: Sequence[Query] = ()
    problems: Sequence[str] = ()
    choices: Mapping[str, Sequence[str]] | None = None  # allowed values of path parameters
    bound_roles: frozenset[str] = frozenset()  # of keys that are for some channels or sellers
    quick: Quick | None = None  # the same answer without a request object, see quick.py


class RouteTable:
    """Finds the route of a method and a raw path."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[list[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                self._patterns.append((route.path.split("/"), route))
            else:
                assert (route.method, route.path) not in self._exact
                self._exact[route.method, route.path] = route

    def exact(self, method: str, path: str) -> Route | None:
        return self._exact.get((method, path))

    def find(self, method: str, path: str) -> tuple[Route, Parameters] | None:
        method = "GET" if method == "HEAD" else method
        route = self._exact.get((method, path))
        if route is not None:
            return route, {}
        segments = path.split("/")
        for pattern, candidate in self._patterns:
            if candidate.method == method:
                parameters = _match(pattern, segments)
                if parameters is not None:
                    return candidate, parameters
        return None

    def methods(self, path: str) -> list[str]:
        """Methods offered at a path."""
        return sorted({route.method for route in self.routes if self.find(route.method, path) is not None})


def _match(pattern: list[str], segments: list[str]) -> Parameters | None:
    if len(pattern) != len(segments):
        return None
    parameters: Parameters = {}
    for part, segment in zip(pattern, segments, strict=True):
        if part[:1] == "{":
            name, _, ending = part[1:].partition("}")
            value = segment.removesuffix(ending)
            if not value or len(value) + len(ending) != len(segment):
                return None
            parameters[name] = unquote(value, errors="replace")
        elif part != segment:
            return None
    return parameters
