"""A router that speaks the contract of what the command line uses and misbehaves when told to; it decides nothing.

Answers every order ``allocated``; one whose SKU starts with X is ``rejected``; an id it knows is a ``duplicate``; one
of ``views`` is a conflict where its payment is another.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa
from aiohttp import web

NDJSON, ARROW = "application/x-ndjson", "application/vnd.apache.arrow.stream"
ACK_SCHEMA = pa.schema(
    [
        ("order_id", pa.string()),
        ("status", pa.string()),
        ("total", pa.int64()),
        ("duplicate", pa.bool_()),
        ("reasons", pa.list_(pa.string())),
        ("detail", pa.string()),
    ]
)


@dataclass
class FakeRouter:
    url: str = ""
    known: set[str] = field(default_factory=set)
    puts: list[tuple[str, str, bytes]] = field(default_factory=list)
    refuse_with: list[int] = field(default_factory=list)  # statuses for the next streams
    break_after: list[int] = field(default_factory=list)  # the next streams break after so many answers
    swallow: int = 0  # of the orders before a break, so many are applied but never answered
    table_errors: list[dict[str, object]] = field(default_factory=list)
    explanations: dict[str, dict[str, object]] = field(default_factory=dict)  # by order id
    views: dict[str, dict[str, Any]] = field(default_factory=dict)  # orders as they stand, by id
    refuse_views_with: list[int] = field(default_factory=list)  # statuses for the next reads of one
    reported: list[dict[str, Any]] = field(default_factory=list)  # events
    streams: int = 0
    put_takes_s: float = 0.0
    put_bytes_max: int = 1 << 30  # of a table; more is refused while it is still being sent

    def answer(self, order: dict[str, object]) -> dict[str, object]:
        order_id = str(order["order_id"])
        if order_id in self.views:
            is_same = order.get("payment") == self.views[order_id]["payment"]
            reasons, status = ([], "allocated") if is_same else (["id_conflict"], "rejected")
            return {"order_id": order_id, "status": status, "duplicate": is_same, "reasons": reasons, "total": 0}
        duplicate = order_id in self.known
        self.known.add(order_id)
        rejected = str(order["lines"][0]["sku"]).startswith("X")  # type: ignore[index]
        return {
            "order_id": order_id,
            "status": "rejected" if rejected else "allocated",
            "total": 100,
            "duplicate": duplicate,
            "reasons": ["sku_unknown"] if rejected else [],
            "detail": "line 1: SKU is unknown; load it first" if rejected else None,
        }

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.streams += 1
        if self.refuse_with:
            status = self.refuse_with.pop(0)
            problem = {"title": "no", "detail": f"refused with {status}", "code": "test"}
            return web.json_response(problem, status=status, headers={"Retry-After": "0"})
        left = self.break_after.pop(0) if self.break_after else None
        response = web.StreamResponse(headers={"Content-Type": request.content_type})
        await response.prepare(request)
        read = self._json_orders if request.content_type == NDJSON else self._arrow_orders
        write = _JsonAnswers() if request.content_type == NDJSON else _ArrowAnswers()
        async for order in read(request):
            answer = self.answer(order)
            if left == -self.swallow:
                await _hang_up(request)
                return response
            if left is None or left > 0:
                await response.write(write.add(answer))
            left = None if left is None else left - 1
        await response.write(write.end())
        await response.write_eof()
        return response

    async def _json_orders(self, request: web.Request):  # type: ignore[no-untyped-def]
        async for line in request.content:
            yield msgspec.json.decode(line)

    async def _arrow_orders(self, request: web.Request):  # type: ignore[no-untyped-def]
        for batch in pa.ipc.open_stream(await request.read()):
            for row in batch.to_pylist():
                yield row

    async def events(self, request: web.Request) -> web.Response:
        events = [msgspec.json.decode(line) for line in (await request.read()).splitlines()]
        self.reported += events
        results = [{"event_id": event["event_id"], "status": "applied"} for event in events]
        return web.Response(body=b"".join(msgspec.json.encode(result) + b"\n" for result in results))

    async def order(self, request: web.Request) -> web.Response:
        status = self.refuse_views_with.pop(0) if self.refuse_views_with else 200
        if status != 200:
            return web.json_response({"detail": f"refused with {status}", "code": "test"}, status=status)
        if request.query:
            return web.json_response({"detail": "leave it out", "code": "bad_parameter"}, status=400)
        return web.json_response(self.views[request.match_info["order_id"]])

    async def put(self, request: web.Request) -> web.StreamResponse:
        if (request.content_length or 0) > self.put_bytes_max:
            return await _too_large(request)
        body = await request.read()
        await asyncio.sleep(self.put_takes_s)
        self.puts.append((request.match_info["table"], request.content_type, body))
        if self.table_errors:
            return web.json_response({"detail": "bad rows", "errors": self.table_errors}, status=422)
        rows = body.count(b"\n")
        return web.json_response({"table": request.match_info["table"], "version": len(self.puts), "rows": rows})

    async def explain(self, request: web.Request) -> web.Response:
        explained = self.explanations.get(request.match_info["order_id"])
        if explained is None:
            return web.json_response({"title": "Not found", "detail": "No order with this id."}, status=404)
        return web.json_response(explained)


class _JsonAnswers:
    def add(self, answer: dict[str, object]) -> bytes:
        return msgspec.json.encode(answer) + b"\n"

    def end(self) -> bytes:
        return b""


class _ArrowAnswers:
    def __init__(self) -> None:
        self._sink = io.BytesIO()
        self._writer = pa.ipc.new_stream(self._sink, ACK_SCHEMA)

    def add(self, answer: dict[str, object]) -> bytes:
        self._writer.write_batch(pa.RecordBatch.from_pylist([answer], schema=ACK_SCHEMA))
        return self._drain()

    def end(self) -> bytes:
        self._writer.close()
        return self._drain()

    def _drain(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken


async def _too_large(request: web.Request) -> web.StreamResponse:
    """Say so and hang up, without reading what is on its way."""
    response = web.json_response({"detail": "the body is too large"}, status=413)
    await response.prepare(request)
    await response.write_eof()
    await _hang_up(request)
    return response


async def _hang_up(request: web.Request) -> None:
    """End the connection without a word, as a killed process does."""
    await asyncio.sleep(0.05)  # what was written before goes out first
    assert request.transport is not None
    request.transport.abort()


@contextlib.contextmanager
def running(fake: FakeRouter) -> Iterator[FakeRouter]:
    """The fake on a port of its own, in a thread, for as long as the block lasts."""
    loop, started, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/orders/stream", fake.stream)
        app.router.add_post("/v1/events", fake.events)
        app.router.add_get("/v1/orders/{order_id}", fake.order)
        app.router.add_put("/v1/tables/{table}", fake.put)
        app.router.add_get("/v1/orders/{order_id}/explain", fake.explain)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        fake.url = f"http://{host}:{port}"
        started.set()
        await stop.wait()
        await runner.cleanup()
        for left in asyncio.all_tasks() - {asyncio.current_task()}:  # handlers whose client has hung up
            left.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
