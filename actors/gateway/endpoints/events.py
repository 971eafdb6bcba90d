"""``POST /v1/events``: lifecycle events as NDJSON, one result row each, in order of arrival."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

import msgspec
import orjson
import pyarrow as pa
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.http.limits import media_type_of, read_body
from actors.gateway.http.routes import JSON, NDJSON
from router.ids import hash_strings
from router.shard.partition import shard_of

EVENTS_MAX = 8_192  # of one batch to one shard


class EventHead(msgspec.Struct):
    """What the gateway must know of an event to find its shard; the shard reads the rest."""

    event_id: str
    order_id: str


@dataclass
class _Sorted:
    """Lines of a body by shard, and the answers that the gateway gives itself."""

    results: list[bytes | None] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # line of the body, from 1
    lines: list[list[bytes]] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)


class EventEndpoint:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def post(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        if media_type_of(request) not in (NDJSON, JSON):
            raise Problem("unsupported_media_type", f"Send events as {NDJSON}, one JSON object a line.")
        body = await read_body(request, self._core.config.limits)
        work = await self._core.worker.run(self._sort, body)
        await self._core.spawn(self._ask(work))
        results = [result for result in work.results if result is not None]
        assert len(results) == len(work.results), "every event has its result"
        refused = sum(b'"status":"refused"' in result for result in results)
        self._core.metrics.events.labels("refused").inc(refused)
        self._core.metrics.events.labels("accepted").inc(len(results) - refused)
        return json_response(b"".join(result + b"\n" for result in results), media_type=NDJSON)

    def _sort(self, body: bytes) -> _Sorted:
        work = _Sorted(lines=[[] for _ in self._core.lanes], places=[[] for _ in self._core.lanes])
        known: list[tuple[int, bytes, str]] = []
        for number, line in enumerate(body.split(b"\n"), 1):
            if not line.strip():
                continue
            work.numbers.append(number)
            try:
                head = msgspec.json.decode(line, type=EventHead)
                known.append((len(work.results), line, head.order_id))
                work.results.append(None)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
                work.results.append(_unreadable(number, fault))
        if known:
            _, lo = hash_strings(self._core.backend.key, pa.array([order_id for _, _, order_id in known], pa.string()))
            for (place, line, _), shard in zip(known, shard_of(lo, len(self._core.lanes)).tolist(), strict=True):
                work.lines[shard].append(line)
                work.places[shard].append(place)
        return work

    async def _ask(self, work: _Sorted) -> None:
        shards = [shard for shard, lines in enumerate(work.lines) if lines]
        faults = await asyncio.gather(*(self._ask_shard(shard, work) for shard in shards), return_exceptions=True)
        for fault in faults:
            if fault is not None:
                raise fault

    async def _ask_shard(self, shard: int, work: _Sorted) -> None:
        lines, places = work.lines[shard], work.places[shard]
        for first in range(0, len(lines), EVENTS_MAX):
            events = b"\n".join(lines[first : first + EVENTS_MAX]) + b"\n"
            submit = partial(self._core.backend.submit_events, shard)
            answer = await self._core.lanes[shard].submit(
                lambda batch_id, now_ms, events=events, submit=submit: submit(batch_id, events, now_ms)  # type: ignore[misc]
            )
            results = msgspec.json.decode(answer, type=list[msgspec.Raw])
            for place, result in zip(places[first : first + EVENTS_MAX], results, strict=True):
                work.results[place] = _at_line(bytes(result), work.numbers[place])


def _at_line(result: bytes, number: int) -> bytes:
    """A shard counts the lines it was sent; the sender counts its own."""
    if b'"line":' not in result:
        return result
    return orjson.dumps({**orjson.loads(result), "line": number})


def _unreadable(number: int, fault: Exception) -> bytes:
    return orjson.dumps(
        {
            "event_id": None,
            "status": "refused",
            "line": number,
            "reason": "malformed_event",
            "detail": f"Line {number} cannot be read as an event ({fault}); correct it and send it again.",
        }
    )
