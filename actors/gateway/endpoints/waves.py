"""``/v1/waves`` and ``/v1/bins``: what is picked together at a node, and what became of it. The desk is asked."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from functools import partial
from typing import Literal, TypeVar

import msgspec
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.endpoints.queries import choice, moment, refuse_unknown, whole_number
from actors.gateway.endpoints.work import digest_of, key_of, read_asked, refuse_nul
from actors.gateway.http.accept import wish_for
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import CSV, JSON, Handler, Query, caller_of
from actors.gateway.http.wave_shapes import (
    BinBlocked,
    BinFree,
    PackedBody,
    PickedBody,
    ReleaseBody,
    ShortBody,
    WaveAskedBody,
)
from router.warehouse.packing import slip_text
from router.warehouse.reports import BinAsked, WaveList, WaveReport
from router.warehouse.wave import ORDERS_MAX, WAVE_ID, WAVE_STATES, Reported, WaveAsked
from router.warehouse.wave_views import pick_list_csv, pick_list_text
from router.work.item import WorkRefused

B = TypeVar("B", bound=msgspec.Struct)
ReportName = Literal["pick", "short", "pack", "release"]

LIMIT_USUAL, LIMIT_MAX = 50, 500
TEXT = "text/plain"
NODE_QUERY = Query("node", "at this node; needed", {"type": "string"})
WAVE_QUERIES = (
    NODE_QUERY,
    Query("state", "in this state; any unless told", {"type": "string", "enum": list(WAVE_STATES)}),
    Query("limit", "waves a page", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_USUAL}),
    Query("cursor", "of the page before", {"type": "string"}),
)
BIN_QUERIES = (NODE_QUERY,)


class WaveEndpoint:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def make(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        body = await self._body(request)
        asked = read_asked(body, WaveAskedBody)
        for name in ("node", "zone", "carrier"):
            refuse_nul(name, getattr(asked, name) or "")
        wanted = WaveAsked(
            node=asked.node,
            zone=asked.zone or "",
            carrier=asked.carrier or "",
            due_before_ms=moment(asked.due_before, "due_before") or 0,
            orders_max=asked.max_orders,
            lines_max=asked.max_lines,
            caller=caller_of(request).name,
            key=_needed_key(request),
            digest=digest_of(request, body),
            now_ms=_now_ms(),
        )
        return await _answered(self._core.backend.make_wave(wanted))

    def report(self, name: ReportName) -> Handler:
        """The handler of one report."""
        return partial(self._report, name)

    async def _report(self, name: ReportName, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        wave_id, body = _wave_id(parameters), await self._body(request)
        report = _said(name, body)._replace(
            wave_id=wave_id,
            caller=caller_of(request).name,
            key=_needed_key(request),
            digest=digest_of(request, body),
            now_ms=_now_ms(),
        )
        return await _answered(self._core.backend.report_wave(report))

    async def list(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        given = request.query
        refuse_unknown(given, WAVE_QUERIES)
        state, cursor = choice(given.get("state"), "state", WAVE_STATES), given.get("cursor", "")
        if cursor and not WAVE_ID.fullmatch(cursor):
            raise Problem("bad_parameter", "cursor is that of the page before; leave it out.", parameter="cursor")
        limit = whole_number(given.get("limit"), "limit", LIMIT_USUAL, 1, LIMIT_MAX)
        wanted = WaveList(_node(request), () if state is None else (state,), cursor, limit)
        return await _answered(self._core.backend.waves(wanted))

    async def get(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        return await _answered(self._core.backend.wave(_wave_id(parameters)))

    async def pick_list(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        form = _form(request, "A pick list", (JSON, CSV, TEXT))
        found = await _given(self._core.backend.pick_list(_wave_id(parameters)))
        if form == JSON:
            return json_response(found)
        listed = msgspec.json.decode(found)
        text = pick_list_csv(listed) if form == CSV else pick_list_text(listed)
        return web.Response(text=text, content_type=form, charset="utf-8")

    async def packing(self, request: BaseRequest, parameters: dict[str, str]) -> web.StreamResponse:
        form, wave_id = _form(request, "A packing slip", (JSON, TEXT)), _wave_id(parameters)
        tote = whole_number(parameters["tote"], "tote", 0, 1, ORDERS_MAX)
        found = await _given(self._core.backend.packing(wave_id, tote))
        if form == JSON:
            return json_response(found)
        return web.Response(text=slip_text(msgspec.json.decode(found)), content_type=form, charset="utf-8")

    async def bins(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        refuse_unknown(request.query, BIN_QUERIES)
        return await _answered(self._core.backend.blocked_bins(_node(request)))

    async def block(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        asked = read_asked(await self._body(request), BinBlocked)
        refuse_nul("reason", asked.reason)
        return await self._bin(request, asked.node, asked.bin, True, asked.reason)

    async def free(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        asked = read_asked(await self._body(request), BinFree)
        return await self._bin(request, asked.node, asked.bin, False, "")

    async def _bin(
        self, request: BaseRequest, node: str, name: str, is_blocked: bool, reason: str
    ) -> web.StreamResponse:  # fmt: skip
        refuse_nul("bin", name)
        asked = BinAsked(node, name, is_blocked, reason, caller_of(request).name, _now_ms())
        return await _answered(self._core.backend.bin(asked))

    async def _body(self, request: BaseRequest) -> bytes:
        if media_type_of(request) not in (JSON, ""):
            raise Problem("unsupported_media_type", f"Send it as {JSON}.")
        return await read_body(request, self._core.config.limits)


def _said(name: ReportName, body: bytes) -> WaveReport:
    """What a body says, without whose it is."""
    nothing = WaveReport("", "released", (), "", "", "", "", 0)
    if name == "release":
        read_asked(body, ReleaseBody)
        return nothing
    if name == "pick":
        picked = read_asked(body, PickedBody)
        lines = tuple(Reported(line.order_id, line.line_id, line.qty) for line in picked.lines)
        return nothing._replace(what="picked", lines=_each_once(lines))
    if name == "pack":
        packed = read_asked(body, PackedBody)
        return nothing._replace(what="packed", tote=packed.tote, cartons=packed.cartons or 0)
    short = read_asked(body, ShortBody)
    refuse_nul("reason", short.reason)
    lines = tuple(Reported(line.order_id, line.line_id, line.qty, line.bin or "") for line in short.lines)
    return nothing._replace(what="short", lines=_each_once(lines), reason=short.reason)


def _form(request: BaseRequest, what: str, forms: tuple[str, ...]) -> str:
    """As ``Accept`` wants most; of two alike the first."""
    accept = ",".join(request.headers.getall("Accept", ())) or "*/*"
    wanted = {form: wish_for(accept, form)[0] for form in forms}
    best = max(wanted, key=lambda form: wanted[form])
    if wanted[best] <= 0:
        raise Problem("not_acceptable", f"{what} is {' or '.join(forms)}; ask for one of them in Accept.")
    return best


def _each_once(lines: tuple[Reported, ...]) -> tuple[Reported, ...]:
    if len({(line.order_id, line.line_id) for line in lines}) < len(lines):
        raise Problem("bad_parameter", "lines name a line twice; add its units up.", parameter="lines")
    return lines


def _node(request: BaseRequest) -> str:
    node = request.query.get("node", "")
    if not node:
        raise Problem("bad_parameter", "node is needed, as in ?node=BERLIN.", parameter="node")
    return node


def _wave_id(parameters: dict[str, str]) -> str:
    if not WAVE_ID.fullmatch(parameters["wave_id"]):
        raise Problem("wave_not_found", "No wave has this id; GET /v1/waves?node=NODE lists them.")
    return parameters["wave_id"]


def _needed_key(request: BaseRequest) -> str:
    key = key_of(request)
    if not key:
        raise Problem("bad_parameter", "Send an Idempotency-Key, so that the same is done once.")
    return key


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _given(answer: Awaitable[bytes]) -> bytes:
    try:
        return await answer
    except WorkRefused as fault:
        raise Problem(fault.code, str(fault)) from None


async def _answered(answer: Awaitable[bytes]) -> web.StreamResponse:
    return json_response(await _given(answer))
