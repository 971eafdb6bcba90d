"""Money that goes back: ``POST /v1/orders/{id}/refunds``, and how far it is. The desk's actor is asked."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderReaders
from actors.gateway.endpoints.queries import QueryEndpoint, sight_of
from actors.gateway.endpoints.work import digest_of, key_of, read_asked, refuse_nul
from actors.gateway.http.refund_shapes import RefundAskedBody
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import JSON, caller_of
from router.life.refunds import RefundRefused, Units
from router.queries.refund_basis import money_of
from router.work.item import WorkRefused
from router.work.refund import REFUND_ID, RefundAsked


class RefundEndpoint:
    def __init__(self, core: Core, query: QueryEndpoint, own: OrderReaders) -> None:
        """``own``: of the event loop."""
        self._core = core
        self._query = query
        self._own = own

    async def post(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        if media_type_of(request) not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send the refund as {JSON}.")
        body = await read_body(request, self._core.config.limits)
        asked, key = read_asked(body, RefundAskedBody), key_of(request)
        refuse_nul("reason", asked.reason)
        if not key:
            raise Problem("bad_parameter", "Send an Idempotency-Key, so that the same refund is asked for once.")
        name, sight = self._query.name(request, parameters), sight_of(request)
        view = await self._query.found(request, name, lambda readers: readers.order(name, sight))
        caller = caller_of(request)
        wanted = RefundAsked(
            order_key=self._own.order_key(name),
            order_id=view["order_id"],
            channel=view["channel"],
            seller=view["seller"] or "",
            money=money_of(view),
            units=tuple(Units(line.line_id, line.qty) for line in asked.lines),
            amount_minor=asked.amount,
            reason=asked.reason,
            caller=caller.name,
            role=caller.role,
            key=key,
            digest=digest_of(request, body),
            now_ms=time.time_ns() // 1_000_000,
        )
        return await _answered(self._core.backend.refund(wanted))

    async def get(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        if not REFUND_ID.fullmatch(parameters["refund_id"]):
            raise Problem("refund_not_found", "No refund has this id; POST /v1/orders/{order_id}/refunds gives one.")
        return await _answered(self._core.backend.refund_of(parameters["refund_id"], caller_of(request).bound))

    async def list(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        name, sight = self._query.name(request, parameters), sight_of(request)
        await self._query.found(request, name, lambda readers: readers.order(name, sight))
        return await _answered(self._core.backend.refunds(self._own.order_key(name)))


async def _answered(answer: Awaitable[bytes]) -> web.StreamResponse:
    try:
        return json_response(await answer)
    except RefundRefused as fault:
        raise Problem(fault.code, str(fault), possible=fault.possible_minor) from None
    except WorkRefused as fault:
        raise Problem(fault.code, str(fault)) from None
