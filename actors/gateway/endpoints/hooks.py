"""``POST /v1/hooks/{partner}``: what a partner tells by itself.

Verified on its raw bytes, translated, then the way of all events; answered as that partner expects.
"""

from __future__ import annotations

import time

import msgspec
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.backend import ShardUnavailable
from actors.gateway.core.core import Core
from actors.gateway.core.problems import SERVER_NAME, Problem
from actors.gateway.endpoints.events import EventEndpoint, Result
from actors.gateway.http.auth import Tokens
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import Caller
from actors.store.secret_places import secret_at
from adapters._registry import AnyAdapter, open_partner
from adapters._spec import Delivery, HookAnswer, Told, Unreadable
from adapters._told import ToldEvent
from router.errors import Misconfigured
from router.work.partner_told import PASSING


class HookEndpoint:
    def __init__(self, core: Core, events: EventEndpoint) -> None:
        self._core = core
        self._events = events
        self._limits = msgspec.structs.replace(core.config.limits, body_bytes_max=core.config.limits.hook_bytes_max)
        self._partners = {name: self._opened(name) for name in core.config.partners}
        self._tokens = {name: Tokens() for name in self._partners}

    def _opened(self, partner: str) -> AnyAdapter | None:
        """None where it cannot be used: ``serve`` refused that, so a secret has gone since."""
        try:
            return open_partner(partner, self._core.config.partners[partner], secret_at)
        except Misconfigured as fault:
            self._core.log.write("error", "partner_unusable", partner=partner, detail=str(fault))
            return None

    async def post(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        partner = parameters["partner"]
        adapter = self._adapter(partner)
        media_type_of(request)  # refuses what is compressed; everything else is the partner's own affair
        delivery = Delivery(_joined(request), await read_body(request, self._limits))
        told = await self._told(adapter, delivery)
        self._core.metrics.hooks.labels(partner, told.value).inc()
        return _response(adapter.answer(told))

    def _adapter(self, partner: str) -> AnyAdapter:
        if partner not in self._partners:
            raise Problem("not_found", "No partner of the configuration has this name.")
        adapter = self._partners[partner]
        if adapter is None:
            raise Problem("not_ready", "This partner cannot be used at the moment.", retry_after_ms=60_000)
        return adapter

    async def _told(self, adapter: AnyAdapter, delivery: Delivery) -> Told:
        """Verify, translate, make durable. Only what is the partner's counts towards its rate: nobody else fills it."""
        if adapter.verify(delivery, time.time_ns() // 1_000_000_000) is not None:
            return Told.UNSIGNED
        self._take_token(adapter.partner)
        try:
            events = adapter.events(delivery.body)
        except Unreadable as fault:
            self._core.log.write("warning", "hook_unreadable", partner=adapter.partner, detail=str(fault))
            return Told.UNREADABLE
        named = [event for event in events if event.order_id]
        results = await self._reported(adapter.partner, named) if named else []
        homeless = [event for event, result in zip(named, results, strict=True) if result.reason in PASSING]
        homeless += [event for event in events if not event.order_id]
        return await self._handed_over(adapter.partner, homeless) if homeless else Told.TAKEN

    async def _handed_over(self, partner: str, events: list[ToldEvent]) -> Told:
        """What no order takes now is the desk's; while that is away the partner keeps it and sends it again."""
        try:
            await self._core.backend.take_told(tuple(events))
        except ShardUnavailable as fault:
            self._core.log.write("warning", "hook_not_kept", partner=partner, detail=str(fault))
            return Told.NOT_KEPT
        return Told.TAKEN

    def _take_token(self, partner: str) -> None:
        rate = self._core.config.limits.hooks_per_second_max
        wait_ms = self._tokens[partner].take(rate, time.monotonic()) if rate else 0
        if wait_ms:
            self._core.metrics.hooks.labels(partner, "limited").inc()
            detail = f"{rate} webhooks a second are taken of this partner; send it again later."
            raise Problem("rate_limited", detail, retry_after_ms=wait_ms)

    async def _reported(self, partner: str, events: list[ToldEvent]) -> list[Result]:
        """What became of each event; one that was refused is told to who reads the log, by the partner's own id."""
        lines = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
        results = await self._events.results(lines, Caller(f"partner {partner}", "service"))
        for event, result in zip(events, results, strict=True):
            if result.reason:
                members = {"partner": partner, "event_id": event.event_id, "type": event.type}
                self._core.log.write("warning", "hook_event_refused", reason=result.reason, **members)
        return results


def _joined(request: BaseRequest) -> dict[str, str]:
    """Headers by their names in lower case; one that is there twice as HTTP says, so that neither hides the other."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    return headers


def _response(answer: HookAnswer) -> web.Response:
    headers = {"Content-Type": answer.media_type, "Server": SERVER_NAME}
    return web.Response(status=answer.status, body=answer.body, headers=headers)
