"""``POST /v1/stock``: stock movements as NDJSON, one result row each."""

from __future__ import annotations

import msgspec
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import JSON, NDJSON, caller_of


class StockEndpoint:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def post(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        if media_type_of(request) not in (NDJSON, JSON):
            raise Problem("unsupported_media_type", f"Send stock movements as {NDJSON}, one JSON object a line.")
        body = await read_body(request, self._core.config.limits)
        answer = await self._core.spawn(
            self._core.ledger_lane.submit(
                lambda _, now_ms: self._core.backend.stock(body, NDJSON, now_ms), caller_of(request).name
            )
        )
        results = msgspec.json.decode(answer, type=list[msgspec.Raw])
        return json_response(b"".join(bytes(result) + b"\n" for result in results), media_type=NDJSON)
