"""``POST /v1/orders``: one order, one acknowledgement. Orders that arrive together are decided together.

A batch costs some 7 ms of processors before its first order, so there is one at a time: what comes while it is under
way goes into the next, which also waits until those just answered are there again, at most ``linger_ms`` and only
while they do come again. A crowd sets out beside it. Under load a request costs its share of a large batch, alone it
waits for nothing. Keys take turns, and what is much work goes in parts, so that one shop's large orders do not keep a
neighbour's small one waiting.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import orjson
import pyarrow as pa
from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.other_orders import told_of_others
from actors.gateway.core.problems import Problem, json_response
from actors.gateway.core.readers import OrderReaders
from actors.gateway.core.turns import TurnQueue
from actors.gateway.http.forms import encode_answers
from actors.gateway.http.requests import media_type_of, read_body
from actors.gateway.http.routes import JSON, Answer, Caller, Reply, caller_of
from router.bound import EVERYTHING, Bound
from router.log.columns import Status
from router.reasons import ID_CONFLICT
from router.shard.split_batch import merge_answers
from router.wire.batch import WireBatch
from router.wire.foreign import without_foreign
from router.wire.ndjson import decode_bodies
from router.wire.refused_values import with_values

FORM = "single"
TOGETHER = ""  # orders of all keys that came one by one are one sender beside the streams
BATCH_ROWS_MAX = 512  # decoding so many takes about a millisecond of the event loop
BATCH_BYTES_MAX = 512 << 10  # of the orders of a batch: so much text may be 25,000 order lines
WAITING_MAX = 16 * BATCH_ROWS_MAX
BATCHES_MAX = 2  # in flight
CROWD_ROWS = 256  # so many that a second batch pays: fewer would only cut one batch in two
LONERS_BATCHES = 16  # without a wait, after one in which less than half of those just answered came again


@dataclass(slots=True)
class _Waiting:
    body: bytes
    reply: Reply
    bound: Bound


class OrderEndpoint:
    def __init__(self, core: Core, own: OrderReaders) -> None:
        """``own``: of the event loop."""
        self._core = core
        self._own = own
        self._waiting: TurnQueue[_Waiting] = TurnQueue()
        self._in_flight = 0
        self._sent = 0  # orders in flight
        self._expected = 1  # orders the next batch should have
        self._counted = 1  # clients, as last seen
        self._answered = (0, 0)  # orders of the last batch, and how many waited when it was answered
        self._hurried = 0  # so many batches still go without a wait
        self._is_due = False  # the next batch goes after this turn of the loop
        self._timer: asyncio.TimerHandle | None = None
        core.metrics.gauge("router_single_orders_waiting", "Single orders not yet sent", lambda: len(self._waiting))

    async def post(self, request: BaseRequest, _: dict[str, str]) -> web.StreamResponse:
        media_type = media_type_of(request)
        if media_type != JSON and media_type not in ("", "application/octet-stream", "application/x-ndjson"):
            raise Problem("unsupported_media_type", f"Send the order as {JSON}, not as {media_type[:80]!r}.")
        body = await read_body(request, self._core.config.limits)
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.take(body, caller_of(request), partial(_settle, answered))
        return json_response(await answered)

    def take(self, body: bytes, caller: Caller, reply: Reply) -> None:
        """Decide an order with the next batch in which its sender has a turn."""
        if len(self._waiting) >= WAITING_MAX:
            raise Problem(
                "overloaded", f"{WAITING_MAX} orders wait for the shards; try again shortly.", retry_after_ms=1_000
            )
        self._waiting.put(caller.name, _Waiting(body, reply, caller.bound))
        self._consider()

    def _consider(self) -> None:
        """Send a batch after this turn of the loop when it has whom it waits for, else when it has waited enough."""
        crowd = len(self._waiting) >= CROWD_ROWS
        if not self._waiting or self._is_due or self._in_flight >= (BATCHES_MAX if crowd else 1):
            return
        self._is_due = bool(self._hurried) or bool(self._in_flight) or len(self._waiting) >= self._expected
        if self._is_due and self._timer is not None:
            self._timer.cancel()
        if self._is_due or self._timer is None:
            wait_s = 0 if self._is_due else self._core.config.linger_ms / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._flush)

    def _flush(self) -> None:
        self._learn()
        self._timer = None
        self._is_due = False
        batch = self._next_batch()
        self._in_flight += 1
        self._sent += len(batch)
        self._core.spawn(self._answer(batch))

    def _next_batch(self) -> list[_Waiting]:
        batch, size = list[_Waiting](), 0
        while len(self._waiting) and len(batch) < BATCH_ROWS_MAX and size < BATCH_BYTES_MAX:
            batch.append(self._waiting.take())
            size += len(batch[-1].body)
        return batch

    def _learn(self) -> None:
        """Whether waiting for clients to come again is worth it."""
        if self._hurried:
            self._hurried -= 1
        elif not self._is_due:  # it waited, and in vain
            answered, waited = self._answered
            self._hurried = LONERS_BATCHES if 2 * (len(self._waiting) - waited) < answered else 0

    async def _answer(self, batch: list[_Waiting]) -> None:
        parts = self._parts(batch)
        for wire, waiting in parts[:-1]:
            _reply(waiting, await self._answers_or_faults(wire, waiting))
        wire, waiting = parts[-1]  # its answers go behind the counts: a client may come again while it is answered
        answers = await self._answers_or_faults(wire, waiting)
        self._in_flight -= 1
        self._expect(self._sent + len(self._waiting))
        self._sent -= len(batch)
        self._answered = len(batch), len(self._waiting)
        _reply(waiting, answers)
        self._consider()

    def _parts(self, batch: list[_Waiting]) -> list[tuple[WireBatch | None, list[_Waiting]]]:
        """A batch as its work allows. Decoded on the loop: a thread's hand-over costs more than it saves. None where a
        fault of ours left nothing."""
        try:
            wire = decode_bodies([waiting.body for waiting in batch], self._core.config.limits, apart=True)
            assert wire.count == len(batch), "every body has its answer"
            bounds = [waiting.bound for waiting in batch]
            if bounds.count(EVERYTHING) < len(bounds):
                wire = without_foreign(wire, bounds)
            parts = self._core.decider.cut(wire)
        except Exception as fault:
            self._core.log.fault("batch_broke", fault)
            return [(None, batch)]
        ends = itertools.accumulate(part.count for part in parts)
        return [(part, batch[end - part.count : end]) for part, end in zip(parts, ends, strict=True)]

    async def _answers_or_faults(self, wire: WireBatch | None, waiting: list[_Waiting]) -> Sequence[Answer]:
        try:
            if wire is not None:
                return await self._answers(wire, waiting)
        except Problem as problem:
            return [problem] * len(waiting)
        except Exception as fault:
            self._core.log.fault("batch_broke", fault)
        return [Problem("internal", "The order could not be answered; send it again.")] * len(waiting)

    def _expect(self, rows: int) -> None:
        """The larger of two counts: one that is taken while clients are still on their way back is too low."""
        self._expected = min(BATCH_ROWS_MAX, max(rows, self._counted))
        self._counted = rows

    async def _answers(self, wire: WireBatch, waiting: list[_Waiting]) -> list[Answer]:
        """Acknowledgement or refusal of each order."""
        core = self._core
        began = time.perf_counter()
        parts = core.decider.split(wire)
        decided = merge_answers(wire, parts, await core.decider.ask(parts, TOGETHER))
        core.decider.count(wire, decided, FORM)
        bounds = [waiting[position].bound for position in wire.positions.tolist()]
        wire, decided = told_of_others(self._own, wire, decided, bounds)
        tables = core.reference.tables_for(decided.ack)
        wire = with_values(wire, decided.ack, tables, core.config)
        encoded = encode_answers(wire, decided, tables).splitlines()
        core.metrics.order_flow.batch_seconds.labels(FORM).observe(time.perf_counter() - began)
        return [
            answer if status == 200 else _refusal(status, each.body, orjson.loads(answer))
            for status, each, answer in zip(_statuses(wire, decided.ack), waiting, encoded, strict=True)
        ]


def _reply(waiting: list[_Waiting], answers: Sequence[Answer]) -> None:
    for each, answer in zip(waiting, answers, strict=True):
        each.reply(answer)


def _settle(answered: asyncio.Future[bytes], answer: Answer) -> None:
    if answered.done():  # the client went away
        return
    if isinstance(answer, Exception):
        answered.set_exception(answer)
    else:
        answered.set_result(answer)


def _statuses(wire: WireBatch, ack: pa.RecordBatch) -> list[int]:
    """HTTP status of every position of a batch."""
    statuses = [200] * wire.count
    for refusal in wire.refused:
        statuses[refusal.position] = 409 if refusal.reasons >> ID_CONFLICT & 1 else 422
    columns = (wire.positions, ack.column("status"), ack.column("reasons"))
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
