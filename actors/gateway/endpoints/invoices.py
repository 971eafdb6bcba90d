"""Invoices and credit notes: ``GET /v1/invoices/{number}``, as a page (``.pdf``), and those of an order."""

from __future__ import annotations

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderReaders, when_free
from actors.gateway.endpoints.queries import SCOPE_QUERIES, QueryEndpoint, choice, refuse_unknown, sight_of
from actors.gateway.http.routes import PDF, Query, caller_of
from router.life.documents import parse_number
from router.log.documents import presentable
from router.queries.document_page import LANGUAGES, page_of
from router.queries.source import Row

PDF_QUERIES = (Query("lang", "else the buyer's", {"type": "string", "enum": list(LANGUAGES)}),)
INVOICE_QUERIES = (Query("order_id", "of this order; it is needed", {"type": "string"}), *SCOPE_QUERIES)


class InvoiceEndpoint:
    """``thread_readers`` serves the core's reading thread: what a document says is told from the order's history."""

    def __init__(self, core: Core, query: QueryEndpoint, thread_readers: OrderReaders) -> None:
        self._core = core
        self._query = query
        self._thread_readers = thread_readers

    async def get(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        row = await self._found(request, parameters["number"])
        try:
            return json_response(orjson.dumps(row))
        except TypeError:  # the channel sent something that JSON has no form for
            return json_response(orjson.dumps(presentable(row)))

    async def pdf(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        refuse_unknown(request.query, PDF_QUERIES)
        language = choice(request.query.get("lang"), "lang", LANGUAGES)
        row = await self._found(request, parameters["number"])
        body = await self._core.typesetting.pdf(page_of(row, language), row["issued_at"])
        return json_response(body, media_type=PDF)

    async def list(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        refuse_unknown(request.query, INVOICE_QUERIES)
        order_id = request.query.get("order_id")
        if not order_id:
            raise Problem("bad_parameter", "Say of which order, as in ?order_id=A-1.", parameter="order_id")
        name, sight = self._query.name(request, {"order_id": order_id}), sight_of(request)
        view = await self._query.found(request, name, lambda readers: readers.order(name, sight))
        return json_response(orjson.dumps({"invoices": view["invoices"]}))

    async def _found(self, request: BaseRequest, text: str) -> Row:
        """The document of a number that whoever asks may see; one of others is none, like a number that nothing has."""
        number, bound = parse_number(text), caller_of(request).bound
        row = None
        if number is not None and (not bound.sellers or number.seller in bound.sellers):
            look = self._thread_readers.invoice
            row = await when_free(lambda: self._core.reading.read(look, number, bound))
        if row is None:
            sentence = "Nothing has this number; the `invoices` of an order name its documents."
            raise Problem("invoice_not_found", sentence)
        return row
