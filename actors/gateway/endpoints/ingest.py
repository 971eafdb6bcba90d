"""Streams of rows in, of their answers out, both at once: what orders and events have in common.

    body ─▶ receive ─▶ inbox ─▶ decide ─▶ shards ─▶ collect ─▶ spool ─▶ send ─▶ client
            deadline   bounded  batches   in flight  in order   memory,
                                          (window)              then file

Reading stops while the inbox is full, the inbox empties while a place in the window is free. The four steps
run side by side, so a client may read while it writes, or write everything before it reads. A batch is cut
when none is in flight (latency) or when the inbox is full (throughput); a second one after it has lingered shortly, and
what comes while two are in flight gathers.

Where the head of the response waits for the first answers, a fault before them is an HTTP answer with its own status;
behind them it is the last line of the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Generic

from aiohttp import web
from aiohttp.web_request import BaseRequest

from actors.gateway.core.core import Core
from actors.gateway.core.problems import SERVER_NAME, Problem
from actors.gateway.core.spool import AnswerSpool, SpoolFull
from actors.gateway.endpoints.drain import Batch, Drained, drain
from actors.gateway.endpoints.traffic import Parts, Traffic
from actors.gateway.http.forms import Wire
from actors.gateway.http.limits import GatewayProtocol
from actors.gateway.http.requests import answer_expectation
from router.arrow.arrays import Bytes

# In flight at a time that are not full: a batch costs milliseconds whatever its size, so more of them would only wait
# for each other. With as many small batches as full ones, p99 at 20,000 orders/s was 173 ms instead of 74.
SMALL_BATCHES_MAX = 2
# Two fill a batch of JSON lines. With inboxes as large as a batch a piece of Arrow waited 1.5 instead of 1.1 s.
INBOXES_A_BATCH = 2


class BodyStream(Generic[Wire, Parts]):
    """One stream of one client, from its head to its last answer."""

    def __init__(self, core: Core, request: BaseRequest, traffic: Traffic[Wire, Parts]) -> None:
        limits = core.config.limits
        self._core = core
        self._request = request
        self._traffic = traffic
        self.noun = traffic.noun
        self._form = traffic.form
        self._idle_s = limits.body_idle_timeout_ms / 1000
        self._linger_s = core.config.linger_ms / 1000
        self._inbox_bytes_max = max(1, limits.batch_bytes_max // INBOXES_A_BATCH)
        self._decoded_bytes_max = limits.body_bytes_max
        self._decoded_bytes = 0  # of the body, as far as it was looked at
        self._rows = 0
        self._window = core.config.gateway_stream_batches
        self._inbox: list[bytes] = []
        self._inbox_bytes = 0
        self._inbox_since = 0.0
        self._held_back = False  # the form keeps whole orders that wait for company
        self._received_all = False
        self._in_flight = 0
        self._news = asyncio.Event()  # something arrived, ended or became free: look again
        self._room = asyncio.Event()
        self._room.set()
        self._pending: asyncio.Queue[asyncio.Task[Bytes] | None] = asyncio.Queue()
        self._spool = AnswerSpool(limits.answers_memory_bytes, limits.answers_bytes_max, core.spool_folder)
        self._ending: Problem | None = None
        self._unanswered: Problem | None = None  # it ended before the first answer, which is an answer of its own
        self._begun = False  # the first bytes of the answer are on their way
        self._broken = False  # the body cannot be read on
        self._given_up = False  # an answer is missing, so no later one may be given
        self._gone = False  # the client went away
        self._last_byte_at = time.monotonic()
        self._receiver: asyncio.Task[None] | None = None
        self._response = web.StreamResponse(headers={"Content-Type": self._form.media_type, "Server": SERVER_NAME})

    async def serve(self) -> web.StreamResponse:
        await answer_expectation(self._request)
        if not self._traffic.head_waits:
            await self._response.prepare(self._request)
        try:
            async with asyncio.TaskGroup() as steps:
                self._receiver = steps.create_task(self._receive())
                steps.create_task(self._decide())
                steps.create_task(self._collect())
                steps.create_task(self._send())
        except* Exception as faults:
            for fault in faults.exceptions:
                self._core.log.fault(f"{self.noun[:-1]}_stream_broke", fault)
            self._abort()
        finally:
            self._core.unpacking.keep(self._traffic.sender, self, 0)
            self._spool.close()
        if self._unanswered is not None:
            raise self._unanswered
        if not self._response.prepared:
            raise ConnectionResetError("the client went away before its first answer")
        return self._response

    def stop(self, problem: Problem) -> None:
        """End the stream with a problem after the answers that are due; nothing more is read."""
        if self._ending is None:
            self._ending = problem
            self._response.force_close()
        if self._receiver is not None and self._receiver is not asyncio.current_task():
            self._receiver.cancel()

    def _give_up(self, problem: Problem) -> None:
        """End the stream here: later answers would stand behind a gap."""
        self._given_up = True
        self.stop(problem)

    # --- receive ------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        try:
            await self._read_body()
        except Problem as problem:
            self.stop(problem)
        except TimeoutError:
            self.stop(
                Problem("body_timeout", f"No byte of the body arrived within {self._idle_s:g} s; send it faster.")
            )
        except web.RequestPayloadError:
            self.stop(Problem("body_truncated", f"The body's framing is broken. {self._again()}"))
        except (ConnectionError, RuntimeError):  # aiohttp says RuntimeError where the connection is closed already
            self._gone = True
        except asyncio.CancelledError:
            if self._ending is None:
                raise
        finally:
            self._received_all = True
            self._news.set()

    async def _read_body(self) -> None:
        content = self._request.content
        content.set_read_chunk_size(self._inbox_bytes_max)
        while self._ending is None and not content.at_eof():
            await self._room.wait()
            await self._core.unpacking.room_to_keep(self._traffic.sender, self, self._idle_s)
            async with asyncio.timeout(self._idle_s):
                chunk = await content.readany()
            self._last_byte_at = time.monotonic()
            if chunk:
                self._put(chunk)
        protocol = self._request.protocol
        if isinstance(protocol, GatewayProtocol) and protocol.body_truncated:
            self.stop(Problem("body_truncated", f"The body ended early. {self._again()}"))

    def _again(self) -> str:
        return f"Send the {self.noun} without an answer again."

    def _put(self, chunk: bytes) -> None:
        if not self._inbox:
            self._inbox_since = time.monotonic()
        self._inbox.append(chunk)
        self._inbox_bytes += len(chunk)
        if self._inbox_bytes >= self._inbox_bytes_max:
            self._room.clear()
        self._news.set()

    # --- decide -------------------------------------------------------------------------------------

    async def _decide(self) -> None:
        """Cut batches from the inbox, decode them and send them on their way."""
        try:
            while not self._is_over():
                await self._wait_until_due()
                chunks, size = self._inbox, self._inbox_bytes
                self._inbox, self._inbox_bytes = [], 0
                self._room.set()
                self._traffic.flow.bytes.labels(self._form.name).inc(size)
                self._held_back = size >= self._inbox_bytes_max
                self._form.limit_rows(self._traffic.rows_max())
                await self._take(self._form.feed(chunks, not self._held_back))
                self._bound_rowless(size)
            if self._ending is None and not self._gone:
                await self._take(self._form.finish())
            elif not (
                self._gone or self._broken or self._given_up
            ):  # a cut body: its whole orders count, the last piece is nobody's
                await self._take(self._form.feed([], True))
        finally:
            self._pending.put_nowait(None)

    def _bound_rowless(self, size: int) -> None:
        """Who waits for a head of the answer waits for a row; a body without any may not go on for ever."""
        self._decoded_bytes += size
        if self._traffic.head_waits and not self._rows and self._decoded_bytes > self._decoded_bytes_max:
            self.stop(Problem("body_too_large", f"{self._decoded_bytes} bytes came without a row in them; send rows."))

    def _is_over(self) -> bool:
        return self._broken or self._given_up or (self._received_all and not self._inbox)

    async def _wait_until_due(self) -> None:
        while not self._received_all:
            free = self._in_flight < self._window
            if free and self._inbox_bytes >= self._inbox_bytes_max:
                return
            wait_s: float | None = None
            if self._in_flight < min(SMALL_BATCHES_MAX, self._window) and (self._inbox or self._held_back):
                waited_s = time.monotonic() - self._inbox_since
                if self._in_flight == 0 or waited_s >= self._linger_s:
                    return
                wait_s = self._linger_s - waited_s
            self._news.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _take(self, source: Iterator[Wire]) -> None:
        ended = False
        while not ended and not self._given_up:
            async with self._core.unpacking.turn(self._traffic.sender):
                drained = await self._core.worker.run(drain, self._traffic, source, self._decoded_bytes_max)
                self._core.unpacking.hold(self._traffic.sender, drained.size)
                self._core.unpacking.keep(self._traffic.sender, self, self._form.kept_bytes)
            self._rows += drained.rows
            ended = drained.ended
            await self._submit(drained)

    async def _submit(self, drained: Drained[Wire, Parts]) -> None:
        unsent = drained.size
        try:
            for batch in drained.batches:
                while self._in_flight >= self._window:
                    self._news.clear()
                    await self._news.wait()
                self._in_flight += 1
                self._pending.put_nowait(self._core.spawn(self._answer(batch)))
                unsent -= batch.size
        finally:
            self._core.unpacking.give_back(self._traffic.sender, unsent)  # of a stream that broke
        if drained.problem is not None:
            self.stop(drained.problem)
            self._inbox, self._inbox_bytes = [], 0
            self._broken = True

    async def _answer(self, batch: Batch[Wire, Parts]) -> Bytes:
        began = time.perf_counter()
        try:
            answers = await self._traffic.ask(batch.parts)
            encoded = await self._core.worker.run(self._traffic.encode, batch.wire, batch.parts, answers)
        finally:
            self._core.unpacking.give_back(self._traffic.sender, batch.size)
        self._traffic.flow.batch_seconds.labels(self._form.name).observe(time.perf_counter() - began)
        return encoded

    # --- collect and send ---------------------------------------------------------------------------

    async def _collect(self) -> None:
        """Bring answers into the order of arrival; after a fault the rest is finished but not answered."""
        if not self._traffic.head_waits:
            self._begin()
        while (task := await self._pending.get()) is not None:
            answers: Bytes = b""
            try:
                answers = await task
            except Problem as problem:
                self._give_up(problem)
            except Exception as fault:
                self._core.log.fault("batch_broke", fault)
                self._give_up(Problem("internal", f"A batch could not be answered. {self._again()}"))
            finally:
                self._in_flight -= 1
                self._news.set()
            if answers and not self._given_up and not self._gone:
                try:
                    self._begin()
                    self._spool.put(answers)
                except SpoolFull:
                    self._give_up(
                        Problem("answers_not_read", "Answers wait unread beyond the limit; read while you send.")
                    )
        if self._ending is not None and not self._begun:
            self._unanswered = self._ending
        elif not self._gone:
            self._begin()
            self._spool.put(self._form.end(self._ending), last=True)
        self._spool.end()

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._spool.put(self._form.begin())

    async def _send(self) -> None:
        try:
            answers = await self._spool.take()
            if not self._response.prepared:
                if self._unanswered is not None or self._gone:
                    return
                if self._spool.is_spent:
                    self._response.content_length = len(answers)
                await self._response.prepare(self._request)
            while answers:
                await self._write(answers)
                answers = await self._spool.take()
            await self._response.write_eof()
        except ConnectionError:  # the client went away: what is in flight is finished all the same
            self._gone = True
            if self._receiver is not None and not self._received_all:
                self.stop(Problem("body_truncated", "The client went away."))

    async def _write(self, answers: Bytes) -> None:
        """Hand bytes to the socket; a client that neither reads nor sends for too long is cut off."""
        write = asyncio.ensure_future(self._response.write(answers))
        while not (await asyncio.wait({write}, timeout=self._idle_s))[0]:
            if time.monotonic() - self._last_byte_at > self._idle_s:
                self._abort()
        await write

    def _abort(self) -> None:
        transport = self._request.transport
        if transport is not None:
            transport.abort()


async def serve_stream(core: Core, request: BaseRequest, traffic: Traffic[Wire, Parts]) -> web.StreamResponse:
    """Open a stream, up to the limit, and answer it to its end."""
    if len(core.streams) >= core.config.limits.streams_max:
        raise Problem(
            "streams_limit",
            f"{len(core.streams)} streams are open, as many as allowed; use one of them or try again shortly.",
            retry_after_ms=1_000,
        )
    stream = BodyStream(core, request, traffic)
    core.streams.add(stream)
    try:
        return await stream.serve()
    finally:
        core.stream_ended(stream)
