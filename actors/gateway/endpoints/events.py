"""``POST /v1/events``: lifecycle events in, one result row each out, in order of arrival.

A small body of JSON lines, such as a webhook sends, is read whole and answered whole. Every other is a stream like that
of orders, but for the head of its response, which waits for the first answers.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from functools import partial

import msgspec
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.backend import U8
from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderReaders
from actors.gateway.core.report import Parts
from actors.gateway.endpoints.ingest import serve_stream
from actors.gateway.endpoints.traffic import Traffic
from actors.gateway.http.forms import ArrowEvents, EventForm, JsonEvents
from actors.gateway.http.handover import is_small
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import ARROW, JSON, NDJSON, Caller, caller_of
from router.arrow.arrays import Bytes
from router.life.event_types import OrderEvent
from router.shard.split_events import merge_event_answers
from router.wire.event_answers import refused_events
from router.wire.event_ndjson import on_one_line
from router.wire.event_wire import EventTerms, EventWire, Names
from router.work.kinds import OWN_SOURCE

BOUND_ROWS_MAX = 1_024  # whose each order is looked up, some 80 us: others' batches get in between
ON_LOOP_BYTES = 16 << 10  # a body up to this is decoded faster than a thread takes it over

# To let a held order go and to give money back is decided by who answers for it; a channel tells what it did itself.
NO_CHANNELS_RIGHT = (OrderEvent.RELEASE, OrderEvent.REFUND_REQUESTED)

Packed = list[tuple[EventWire, Parts]]


class Result(msgspec.Struct):
    """Of a result, what this process itself goes by."""

    event_id: str | None
    status: str
    reason: str = ""


_RESULTS = msgspec.json.Decoder(Result)


class EventTraffic(Traffic[EventWire, Parts]):
    noun = "events"
    head_waits = True

    def __init__(self, core: Core, form: EventForm, caller: Caller) -> None:
        super().__init__(core, form, core.metrics.event_flow, caller.name)
        self._is_bound = not caller.bound.is_open
        self._encode = form.encode
        self._reports = core.reporter.sender(caller.name)

    def rows_max(self) -> int:
        return min(super().rows_max(), BOUND_ROWS_MAX) if self._is_bound else super().rows_max()

    def pack(self, wire: EventWire) -> Parts:
        return self._core.reporter.split(wire)

    async def ask(self, parts: Parts) -> list[U8]:
        return await self._reports.ask(parts)

    def encode(self, wire: EventWire, parts: Parts, answers: list[U8]) -> Bytes:
        ack = merge_event_answers(wire, [part for of_shard in parts for part in of_shard], answers)
        refused = refused_events(wire, ack)
        self._core.reporter.count(wire, ack, refused, self.form.name)
        return self._encode(wire, ack, refused)


class EventEndpoint:
    def __init__(self, core: Core, own: OrderReaders) -> None:
        """``own``: of the core's worker, to which bodies of bound keys are given."""
        self._core = core
        self._own = own
        by = core.config
        self._own_terms = EventTerms(core.backend.key, by.order_id_scope, by.limits, self._names, _now_ms)
        self._terms = dataclasses.replace(self._own_terms, reserved=tuple(by.partners), own_source=OWN_SOURCE)

    async def post(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        media_type = media_type_of(request)
        caller = caller_of(request)
        terms = self._terms_of(caller)
        if media_type == ARROW:
            return await serve_stream(self._core, request, EventTraffic(self._core, ArrowEvents(terms), caller))
        if media_type not in (NDJSON, JSON):
            forms = f"{NDJSON}, one JSON object a line, as {JSON}, one event, or as {ARROW}"
            raise Problem("unsupported_media_type", f"Send events as {forms}.")
        if media_type == JSON or is_small(request.content_length):
            traffic = EventTraffic(self._core, JsonEvents(terms), caller)
            body = await read_body(request, self._core.config.limits)
            return await self._answer(body, media_type, traffic, terms.owned is None)
        return await serve_stream(self._core, request, EventTraffic(self._core, JsonEvents(terms), caller))

    def _terms_of(self, caller: Caller) -> EventTerms:
        """What somebody's events are read by."""
        if caller.role != "channel" and caller.bound.is_open:
            return self._terms
        owned = None if caller.bound.is_open else partial(self._own.owned, caller.bound)
        not_allowed = NO_CHANNELS_RIGHT if caller.role == "channel" else ()
        return dataclasses.replace(self._terms, bound=caller.bound, owned=owned, not_allowed=not_allowed)

    async def _answer(
        self, body: bytes, media_type: str, traffic: EventTraffic, may_be_on_loop: bool
    ) -> web.StreamResponse:
        """All results of a whole body, or the first problem."""
        traffic.flow.bytes.labels(traffic.form.name).inc(len(body))
        if media_type == JSON and not body.strip():
            raise Problem("bad_json", f"The body is empty; send one event, or any number of them as {NDJSON}.")
        text = on_one_line(body) if media_type == JSON else body
        return json_response(await self._lines(text, traffic, may_be_on_loop), media_type=NDJSON)

    async def results(self, lines: bytes, caller: Caller) -> list[Result]:
        """What became of events that were translated here, one JSON line each; raises Problem."""
        traffic = EventTraffic(self._core, JsonEvents(self._own_terms), caller)
        return _RESULTS.decode_lines(await self._lines(lines, traffic, True))

    async def _lines(self, text: bytes, traffic: EventTraffic, may_be_on_loop: bool) -> bytes:
        """The results of a whole body, a line each."""
        if may_be_on_loop and len(text) <= ON_LOOP_BYTES:
            packed = _packed(traffic, text)
        else:
            packed = await self._core.worker.run(_packed, traffic, text)
        return b"".join(await self._core.spawn(self._report(traffic, packed)))

    async def _report(self, traffic: EventTraffic, packed: Packed) -> list[Bytes]:
        answers = []
        for wire, parts in packed:
            began = time.perf_counter()
            answers.append(traffic.encode(wire, parts, await traffic.ask(parts)))
            traffic.flow.batch_seconds.labels(traffic.form.name).observe(time.perf_counter() - began)
        return answers

    def _names(self, again: bool) -> Names:
        if again:
            self._core.reference.look_again()
        tables = self._core.reference.newest.tables
        return Names(tables.nodes.ids, tables.currencies)


def _packed(traffic: EventTraffic, body: bytes) -> Packed:
    def wires() -> Iterator[EventWire]:
        yield from traffic.form.feed([body], False)
        yield from traffic.form.finish()

    return [(wire, traffic.pack(wire)) for wire in wires()]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
