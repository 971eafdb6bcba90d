"""``POST /v1/orders/stream``: orders in, acknowledgements out, both at once."""

from __future__ import annotations

from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.backend import U8
from actors.gateway.core.core import Core
from actors.gateway.core.other_orders import told_of_others
from actors.gateway.core.readers import OrderReaders
from actors.gateway.endpoints.ingest import serve_stream
from actors.gateway.endpoints.traffic import Traffic
from actors.gateway.http.forms import OrderForm, form_of
from actors.gateway.http.routes import Caller, caller_of
from router.arrow.arrays import Bytes
from router.shard.split_batch import Part, merge_answers
from router.wire.batch import WireBatch
from router.wire.foreign import without_foreign
from router.wire.refused_values import with_values


class OrderTraffic(Traffic[WireBatch, list[Part]]):
    noun = "orders"
    head_waits = False

    def __init__(self, core: Core, form: OrderForm, caller: Caller, own: OrderReaders) -> None:
        """``own``: of the core's worker."""
        super().__init__(core, form, core.metrics.order_flow, caller.name)
        self._encode = form.encode
        self._bound = caller.bound
        self._own = own

    def rows_max(self) -> int:
        return self._core.order_rows_max()

    def cut(self, wire: WireBatch) -> list[WireBatch]:
        return self._core.decider.cut(wire if self._bound.is_open else without_foreign(wire, self._bound))

    def pack(self, wire: WireBatch) -> list[Part]:
        return self._core.decider.split(wire)

    async def ask(self, parts: list[Part]) -> list[U8]:
        return await self._core.decider.ask(parts, self.sender)

    def encode(self, wire: WireBatch, parts: list[Part], answers: list[U8]) -> Bytes:
        decided = merge_answers(wire, parts, answers)
        self._core.decider.count(wire, decided, self.form.name)
        wire, decided = told_of_others(self._own, wire, decided, self._bound)
        tables = self._core.reference.tables_for(decided.ack)
        return self._encode(with_values(wire, decided.ack, tables, self._core.config), decided, tables)


class StreamEndpoint:
    def __init__(self, core: Core, own: OrderReaders) -> None:
        """``own``: of the core's worker."""
        self._core = core
        self._own = own

    async def post(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        form = form_of(request, self._core.config.limits)
        return await serve_stream(self._core, request, OrderTraffic(self._core, form, caller_of(request), self._own))
