"""The gateway: one table of routes, one dispatcher, one server.

The dispatcher stands directly on aiohttp's protocol server: no middlewares and no application object, so a
request costs a dictionary look-up, a key check and its handler.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import SERVER_NAME, Problem, json_response
from actors.gateway.http.auth import KeyRing, bearer_digest
from actors.gateway.http.faults import Faults
from actors.gateway.http.limits import GatewayServer
from actors.gateway.http.quick import QuickDesk, QuickServer
from actors.gateway.http.requests import head_fault
from actors.gateway.http.routes import CALLER, EVERYBODY, JSON, WATCHERS, Route, RouteTable

INDEX = """order router

GET  /livez            is the process alive
GET  /readyz           does it accept orders
GET  /openapi.json     every endpoint, its bodies and errors
GET  /metrics          Prometheus
POST /v1/orders        one order
POST /v1/orders/stream orders as NDJSON or Arrow, answered while they arrive
POST /v1/events        what happened to orders since, likewise
GET  /v1/work          what waits for a person
"""


class Gateway:
    """Dispatches requests to the routes it was given, and answers faults as problems."""

    def __init__(self, core: Core, keys: KeyRing, routes: Sequence[Route]) -> None:
        self._core = core
        self._keys = keys
        self.table = RouteTable([*routes, *self._own_routes()])
        self._faults = Faults(core.log)
        self._document = b""

    def server(self) -> GatewayServer:
        """The aiohttp server; must be made inside the running loop."""
        limits, metrics = self._core.config.limits, self._core.metrics
        desk = QuickDesk(self.table, self._keys, limits, metrics, self._faults)
        server = QuickServer(self.handle, limits, desk)
        metrics.gauge("router_open_connections", "Client connections", lambda: server.connection_count)
        metrics.gauge(
            "router_connections_refused", "Connections refused since the start", lambda: server.refused_connections
        )
        return server

    def admits(self, method: str, path: str, authorization: str | None) -> bool:
        """Whether a request for one of the exact paths is let in; takes it from the rate of its key."""
        route = self.table.exact(method, path)
        assert route is not None, f"{method} {path} is passed on and has no route"
        try:
            self._keys.admit(route, bearer_digest(authorization))
        except Problem:
            return False
        return True

    async def handle(self, request: BaseRequest) -> web.StreamResponse:
        path = request.raw_path
        route = self.table.exact(request.method, path)
        name = "unknown" if route is None else route.path
        try:
            parameters: dict[str, str] = {}
            wrong = head_fault(request.headers)
            if wrong is not None:
                raise Problem("bad_request", wrong)
            if route is None:
                route, parameters = self._resolve(request)
                name = route.path
            admitted = self._keys.admit(route, bearer_digest(request.headers.get("Authorization")))
            if admitted is not None:
                request[CALLER] = admitted.caller
            response = await route.handler(request, parameters)
        except ConnectionError:  # the client went away
            raise
        except Exception as fault:
            response = _answer_problem(self._faults.problem_of(fault, name))
        self._core.metrics.count_request(name, response.status)
        return response

    def _resolve(self, request: BaseRequest) -> tuple[Route, dict[str, str]]:
        raw = request.raw_path
        path = (raw if raw.startswith("/") else request.rel_url.raw_path).partition("?")[0]
        found = self.table.find(request.method, path)
        if found is not None:
            return found
        methods = self.table.methods(path)
        if methods:
            raise Problem("method_not_allowed", f"This path takes {', '.join(methods)}.", allowed=methods)
        raise Problem("not_found", "No endpoint has this path; GET /openapi.json lists all of them.")

    # --- routes of the gateway itself -----------------------------------------------------------------

    def _own_routes(self) -> list[Route]:
        text = {"text/plain": None}
        return [
            Route("GET", "/", self._index, EVERYBODY, "What is here", text),
            Route("GET", "/livez", self._livez, EVERYBODY, "Whether the process is alive", {JSON: None}),
            Route(
                "GET", "/readyz", self._readyz, EVERYBODY, "Whether orders are accepted", {JSON: None},
                problems=("not_ready", "shutting_down"),
            ),
            Route("GET", "/metrics", self._metrics, WATCHERS, "Prometheus metrics", text),
            Route("GET", "/openapi.json", self._openapi, EVERYBODY, "This document", {JSON: None}),
        ]  # fmt: skip

    async def _index(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        return web.Response(text=INDEX, headers={"Server": SERVER_NAME})

    async def _livez(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        return json_response(b'{"status":"alive"}')

    async def _readyz(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        if self._core.draining.is_set():
            raise Problem("shutting_down", "The router is shutting down.", retry_after_ms=2_000)
        ready, why = await self._core.backend.ready()
        if not ready:
            raise Problem("not_ready", why, retry_after_ms=1_000)
        return json_response(orjson.dumps({"status": "ready", "version": self._core.version}))

    async def _metrics(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Server": SERVER_NAME}
        siblings = self._core.siblings
        others = [] if siblings is None else await siblings.counted()
        return web.Response(body=self._core.metrics.render(others), headers=headers)

    async def _openapi(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        if not self._document:
            from actors.gateway.http.openapi import document

            self._document = orjson.dumps(document(self.table.routes, self._core.version))
        return json_response(self._document)


def _answer_problem(problem: Problem) -> web.StreamResponse:
    response = problem.response()
    if problem.code in ("bad_request", "body_timeout", "body_too_large", "body_truncated"):
        response.force_close()  # what is left of the body is not worth reading
    return response
