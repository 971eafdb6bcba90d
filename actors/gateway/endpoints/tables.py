"""``PUT /v1/tables/{table}``: replace a reference table, all of it or nothing."""

from __future__ import annotations

import time

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import CSV, JSON, NDJSON
from router.errors import TableRejected, Unsupported
from router.tables.names import TABLES


class TableEndpoint:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def put(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        name = parameters["table"]
        if name not in TABLES:
            raise Problem("not_found", f"There is no table {name[:40]!r}; the tables are {', '.join(TABLES)}.")
        media_type = media_type_of(request)
        if media_type == JSON:
            media_type = NDJSON
        if media_type not in (NDJSON, CSV):
            raise Problem("unsupported_media_type", f"Send the rows as {NDJSON} or {CSV}.")
        body = await read_body(request, self._core.config.limits)
        try:
            done = await self._core.spawn(
                self._core.backend.put_table(name, body, media_type, time.time_ns() // 1_000_000)
            )
        except TableRejected as refusal:
            raise _refused(refusal) from None
        except Unsupported as refusal:
            raise Problem("unsupported", str(refusal)) from None
        await self._core.reading.read(self._core.reference.look_again)
        return json_response(orjson.dumps(done))


def _refused(refusal: TableRejected) -> Problem:
    errors = [
        {"row": error.row, "field": error.field, "code": error.code, "detail": error.detail} for error in refusal.errors
    ]
    return Problem("table_refused", str(refusal), errors=errors, error_count=refusal.count)
