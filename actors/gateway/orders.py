"""``POST /v1/orders``: one order, one acknowledgement. Orders that arrive together are decided together.

While a batch is in flight newcomers wait for it, at most ``linger_ms``, and then go as one batch: under load
a request costs its share of a batch, alone it waits for nothing.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core import Core
from actors.gateway.forms import encode_answers
from actors.gateway.limits import media_type_of, read_body
from actors.gateway.problems import Problem, json_response
from actors.gateway.routes import JSON
from router.columns import Status
from router.reasons import REASONS
from router.split_batch import merge_answers
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_bodies

FORM = "single"
BATCH_ROWS_MAX = 512  # decoding so many takes about a millisecond of the event loop
WAITING_MAX = 16 * BATCH_ROWS_MAX
ID_CONFLICT = next(reason.number for reason in REASONS.values() if reason.code == "id_conflict")
BATCHES_MAX = 2  # in flight; the second hides the disk of the first


@dataclass
class _Waiting:
    body: bytes
    answer: asyncio.Future[tuple[int, bytes]]


class OrderEndpoint:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: list[_Waiting] = []
        self._in_flight = 0
        self._timer: asyncio.TimerHandle | None = None
        core.metrics.gauge("router_single_orders_waiting", "Single orders not yet sent", lambda: len(self._waiting))

    async def post(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        media_type = media_type_of(request)
        if media_type != JSON and media_type not in ("", "application/octet-stream", "application/x-ndjson"):
            raise Problem("unsupported_media_type", f"Send the order as {JSON}, not as {media_type[:80]!r}.")
        body = await read_body(request, self._core.config.limits)
        status, answer = await self._decide(body)
        if status == 200:
            return json_response(answer)
        raise _refusal(status, body, orjson.loads(answer))

    def _decide(self, body: bytes) -> asyncio.Future[tuple[int, bytes]]:
        if len(self._waiting) >= WAITING_MAX:
            raise Problem(
                "overloaded", f"{WAITING_MAX} orders wait for the shards; try again shortly.", retry_after_ms=1_000
            )
        loop = asyncio.get_running_loop()
        waiting = _Waiting(body, loop.create_future())
        self._waiting.append(waiting)
        if self._in_flight == 0:
            if self._timer is None:  # after this turn of the loop, so that all that is readable now goes together
                self._timer = loop.call_later(0, self._flush)
        elif self._timer is None and self._in_flight < BATCHES_MAX:
            self._timer = loop.call_later(self._core.config.linger_ms / 1000, self._flush)
        return waiting.answer

    def _flush(self) -> None:
        self._timer = None
        if self._in_flight >= BATCHES_MAX or not self._waiting:
            return
        batch, self._waiting = self._waiting[:BATCH_ROWS_MAX], self._waiting[BATCH_ROWS_MAX:]
        self._in_flight += 1
        self._core.spawn(self._answer(batch))

    async def _answer(self, batch: list[_Waiting]) -> None:
        try:
            answers = await self._answers([waiting.body for waiting in batch])
            for waiting, answer in zip(batch, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)
        except Exception as fault:
            if not isinstance(fault, Problem):
                self._core.log.fault("batch_broke", fault)
                fault = Problem("internal", "The order could not be answered; send it again.")
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(fault)
        finally:
            self._in_flight -= 1
            if self._timer is not None:
                self._timer.cancel()
            self._flush()

    async def _answers(self, bodies: list[bytes]) -> list[tuple[int, bytes]]:
        """HTTP status and acknowledgement of each order. Small batches are decoded on the loop: a thread's
        hand-over costs more than it saves."""
        core = self._core
        began = time.perf_counter()
        wire = decode_bodies(bodies, core.config.limits)
        assert wire.count == len(bodies), "every body has its answer"
        parts = core.decider.split(wire)
        decided = merge_answers(wire, parts, await core.decider.ask(parts))
        core.decider.count(wire, decided, FORM)
        encoded = encode_answers(wire, decided, core.reference.tables_for(decided.ack)).splitlines()
        core.metrics.batch_seconds.labels(FORM).observe(time.perf_counter() - began)
        return list(zip(_statuses(wire, decided.ack), encoded, strict=True))


def _statuses(wire: WireBatch, ack: object) -> list[int]:
    """HTTP status of every position of a batch."""
    statuses = [200] * wire.count
    for refusal in wire.refused:
        statuses[refusal.position] = 422
    columns = (wire.positions, ack.column("status"), ack.column("reasons"))  # type: ignore[attr-defined]
    for position, status, reasons in zip(*(column.tolist() for column in columns), strict=True):
        if status == Status.REJECTED:
            statuses[position] = 409 if reasons >> ID_CONFLICT & 1 else 422
    return statuses


def _refusal(status: int, body: bytes, acknowledgement: dict[str, object]) -> Problem:
    """The problem that carries a refused order's acknowledgement."""
    detail = str(acknowledgement.get("detail") or "The order was refused; see reasons.")
    members: dict[str, Any] = {
        "order_id": acknowledgement.get("order_id"),
        "reasons": acknowledgement.get("reasons", []),
        "acknowledgement": acknowledgement,
    }
    if status == 409:
        return Problem("id_conflict", detail, **members)
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Problem("bad_json", detail, **members)
    return Problem("order_rejected", detail, **members)
