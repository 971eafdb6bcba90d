"""``/v1/tables/{table}``: put a reference table, all of it or nothing; change single rows; get it as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import SERVER_NAME, Problem, json_response
from actors.gateway.core.readers import when_free
from actors.gateway.endpoints.queries import choice, refuse_unknown, whole_number
from actors.gateway.http.accept import wish_for
from actors.gateway.http.limits import write_part
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import CSV, JSON, NDJSON, Query
from actors.process.names import LEDGER
from actors.store.data_folder import DataFolder
from actors.store.mapped import SharedArenaReader
from actors.store.table_store import TableStore
from router.errors import TableRejected, Unsupported
from router.ledger.shown_lots import StockReader
from router.queries.on_hand import OnHand
from router.queries.table_pages import PagesAsPut, PagesOnHand, heading, text_of
from router.queries.text import time_text
from router.tables.names import TABLES

VERSION_MAX = 999_999_999
_FLAG = {"type": "boolean", "default": False}
WRITE_QUERIES = (Query("replace", "also where rows go that have stock or open orders", _FLAG),)
READ_QUERIES = (
    Query(
        "version", "as it was put then; absent: as it is now", {"type": "integer", "minimum": 1, "maximum": VERSION_MAX}
    ),
)
Pages = PagesAsPut | PagesOnHand
Write = Callable[[str, bytes, str, bool, int], Coroutine[Any, Any, dict[str, Any]]]


class TableEndpoint:
    def __init__(self, core: Core, data: DataFolder) -> None:
        self._core = core
        self._store = TableStore(data.tables)
        self._stock = StockReader(SharedArenaReader(data.shared / LEDGER))  # of the reading thread

    async def put(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        return await self._write(request, parameters, self._core.backend.put_table)

    async def patch(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        return await self._write(request, parameters, self._core.backend.patch_table)

    async def _write(self, request: BaseRequest, parameters: dict[str, str], write: Write) -> web.StreamResponse:
        name = _table(parameters)
        refuse_unknown(request.query, WRITE_QUERIES)
        replace = _flag(request.query.get("replace"), "replace")
        media_type = media_type_of(request)
        if media_type == JSON:
            media_type = NDJSON
        if media_type not in (NDJSON, CSV):
            raise Problem("unsupported_media_type", f"Send the rows as {NDJSON} or {CSV}.")
        body = await read_body(request, self._core.config.limits)
        try:
            done = await self._core.spawn(write(name, body, media_type, replace, time.time_ns() // 1_000_000))
        except TableRejected as refusal:
            raise _refused(refusal) from None
        except Unsupported as refusal:
            raise Problem("unsupported", str(refusal)) from None
        await self._core.reading.read(self._core.reference.look_again)
        return json_response(orjson.dumps(done))

    async def versions(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        """Which versions there are, and what each replaced."""
        refuse_unknown(request.query, ())
        kept = await self._core.reading.read(self._store.versions)
        told = [
            {"version": number, "table": version.table, "at": time_text(version.now_ms)}
            for number, version in enumerate(kept, 1)
        ]
        return json_response(orjson.dumps({"tables": list(TABLES), "versions": told}))

    async def get(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        """Rows, some thousand at a time: however large the table is, no more of it is in memory."""
        name, given = _table(parameters), request.query
        refuse_unknown(given, READ_QUERIES)
        media_type = _form(request)
        wanted = whole_number(given.get("version"), "version", 0, 1, VERSION_MAX)
        newest = await self._core.reading.read(self._store.current)
        if wanted > newest:
            raise Problem("not_found", f"There is no version {wanted}; the newest is {newest}.")
        version = wanted or newest
        pages = await self._core.reading.read(self._pages, name, version, media_type == CSV, not wanted)
        response = web.StreamResponse(
            headers={"Content-Type": media_type, "Server": SERVER_NAME, "Table-Version": str(version)}
        )
        await response.prepare(request)
        text: bytes | None = heading(name, media_type == CSV)
        while text is not None:
            if text:
                await write_part(request, response, text, self._core.config.limits)
            text = await self._next(pages)
        return response

    def _pages(self, name: str, version: int, as_csv: bool, as_it_is_now: bool) -> Pages:
        """Raises Damaged before anything is answered. On the reading thread."""
        lines, to_text = self._store.lines(name, version), text_of(name, as_csv)
        if name != "stock" or not as_it_is_now:
            return PagesAsPut(lines, to_text)
        return PagesOnHand(lines, OnHand(self._stock, self._core.reference.version(version)), to_text)

    async def _next(self, pages: Pages) -> bytes | None:
        """One page, in a turn between those of others; one that meets a record half made is read again."""
        return await when_free(lambda: self._core.reading.turn(lambda _: pages.page(), lambda: True))


def _table(parameters: dict[str, str]) -> str:
    name = parameters["table"]
    if name not in TABLES:
        raise Problem("not_found", f"There is no table {name[:40]!r}; the tables are {', '.join(TABLES)}.")
    return name


def _form(request: BaseRequest) -> str:
    """CSV where ``Accept`` wants it more than JSON lines."""
    accept = ",".join(request.headers.getall("Accept", ())) or "*/*"
    (ndjson, _), (csv, _) = wish_for(accept, NDJSON), wish_for(accept, CSV)
    if ndjson == csv == 0:
        raise Problem("not_acceptable", f"A table is {NDJSON} or {CSV}; ask for one of them in Accept.")
    return CSV if csv > ndjson else NDJSON


def _flag(text: str | None, name: str) -> bool:
    choice(text, name, ("true", "false"))
    return text == "true"


def _refused(refusal: TableRejected) -> Problem:
    errors = [
        {"row": error.row, "field": error.field, "code": error.code, "detail": error.detail} for error in refusal.errors
    ]
    return Problem("table_refused", str(refusal), errors=errors, error_count=refusal.count)
