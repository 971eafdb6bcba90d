"""The sandbox over a socket: a payment provider below /payments and a carrier below /carrier, which fail on demand.

request ─▶ key of the caller ─▶ fault of its amount or postcode ─▶ done or not ─▶ webhooks ─▶ answered, or not
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from aiohttp import web

from adapters.sandbox.carrier import Carrier
from adapters.sandbox.faults import NOTHING_DONE, Fault, Strikes, fault_of_amount, fault_of_postcode
from adapters.sandbox.hook_sender import HookSender
from adapters.sandbox.provider import PaymentProvider
from adapters.sandbox.reply import Document, Reply, refusal

ENDLESS_PIECE = b" " * (1 << 16)
ENDLESS_PIECES = 1_024  # 64 MiB: more than anybody may take, and yet an end
UNPACKED_BYTES = 8 << 20


class SandboxSettings(NamedTuple):
    api_key: str
    hook_secret: str
    payment_hooks: str = ""  # url; none are sent without
    carrier_hooks: str = ""
    hang_s: float = 30.0  # how long nothing is answered where an answer is lost
    hook_pauses_s: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0)


class Sandbox:
    """The two partners, and the web application that speaks for them."""

    def __init__(self, settings: SandboxSettings, run: str, first_number: int, now_ms: Callable[[], int]) -> None:
        self.payments = PaymentProvider(run)
        self.carrier = Carrier(run, first_number)
        self.hooks: dict[str, HookSender] = {}
        self.requests: list[tuple[str, str]] = []  # (method, path) of all that came with the key, for whoever counts
        self._settings = settings
        self._now_ms = now_ms
        self._strikes = Strikes()

    def application(self) -> web.Application:
        app = web.Application()
        app.on_startup.append(self._open)
        app.on_cleanup.append(self._close)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _open(self, _: web.Application) -> None:
        urls = {"payments": self._settings.payment_hooks, "carrier": self._settings.carrier_hooks}
        for room, url in urls.items():
            if url:
                settings = self._settings
                self.hooks[room] = HookSender(url, settings.hook_secret, self._now_ms, settings.hook_pauses_s)

    async def _close(self, _: web.Application) -> None:
        for sender in self.hooks.values():
            await sender.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self._settings.api_key}":
            return _response(refusal(401, "key_wrong", "the api_key is not the sandbox's"))
        self.requests.append((request.method, request.path))
        try:
            body = json.loads(await request.read() or b"{}")
            return await self._answered(request, body)
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            return _response(refusal(400, "malformed", f"the sandbox cannot read this: {type(fault).__name__}"))

    async def _answered(self, request: web.Request, body: Document) -> web.StreamResponse:
        room, *path = request.path.strip("/").split("/")
        fault = self._fault_of(request, room, body)
        if fault is Fault.DECLINED and room == "carrier":
            return _response(refusal(422, "address_not_served", "The carrier does not deliver there."))
        if fault in NOTHING_DONE and fault is not Fault.DECLINED:
            return await self._failed_before(fault)
        reply = self._done(request, room, tuple(path), body, fault is Fault.DECLINED)
        sender = self.hooks.get(room)
        deliveries = [] if sender is None else sender.send(reply.notices, fault)
        if fault is Fault.HOOK_FIRST:
            await asyncio.gather(*deliveries)
        return await self._spoiled(request, reply, fault)

    def _fault_of(self, request: web.Request, room: str, body: Document) -> Fault | None:
        if request.method != "POST" or request.path.endswith("/scans"):
            return None
        if room == "payments":
            return self._strikes.strike(
                room, request.headers["Idempotency-Key"], fault_of_amount(body.get("amount", 0))
            )
        place = body["to"] if "to" in body else body["from"]
        key = f"{request.path} {body.get('reference', place['postcode'])}"
        return self._strikes.strike(room, key, fault_of_postcode(place["postcode"]))

    def _done(self, request: web.Request, room: str, path: tuple[str, ...], body: Document, is_declined: bool) -> Reply:
        if room == "payments":
            if request.method == "GET" and path[0] == "by-key":
                return self.payments.by_key(path[1])
            if request.method == "GET" and path == ("steps",):
                asked = request.query
                return self.payments.steps_of(int(asked["from"]), int(asked["until"]), asked.get("after", ""))
            key = request.headers["Idempotency-Key"]
            return self.payments.post(path, body, key, self._now_ms(), is_declined)
        return self._carried(request.method, path, body) if room == "carrier" else _lost()

    def _carried(self, method: str, path: tuple[str, ...], body: Document) -> Reply:
        match (method, *path):
            case ("POST", "rates"):
                return self.carrier.rates(body)
            case ("POST", "labels"):
                return self.carrier.buy(body, self._now_ms())
            case ("GET", "labels", "by-reference", reference):
                return self.carrier.labels_of(reference)
            case ("DELETE", "labels", label_id):
                return self.carrier.void(label_id)
            case ("POST", "pickups"):
                return self.carrier.pick_up(body)
            case ("GET", "pickups", "by-reference", reference):
                return self.carrier.pickups_of(reference)
            case ("GET", "trackings", number):
                return self.carrier.tracking(number)
            case ("POST", "trackings", number, "scans"):
                return self.carrier.scan(number, body, self._now_ms())
            case _:
                return _lost()

    async def _failed_before(self, fault: Fault) -> web.StreamResponse:
        match fault:
            case Fault.LOST_BEFORE:
                await asyncio.sleep(self._settings.hang_s)
                return _broken(500)
            case Fault.LIMITED:
                return web.Response(status=429, headers={"Retry-After": "1"})
            case Fault.REDIRECTED:
                return web.Response(status=307, headers={"Location": "/elsewhere"})
            case Fault.DOWN:
                return _broken(503)
            case _:
                return _broken(500)

    async def _spoiled(self, request: web.Request, reply: Reply, fault: Fault | None) -> web.StreamResponse:
        """The answer to what was done, as its fault lets it arrive."""
        match fault:
            case Fault.LOST_AFTER:
                await asyncio.sleep(self._settings.hang_s)
                return _broken(500)
            case Fault.BROKEN_AFTER:
                return _broken(500)
            case Fault.MALFORMED:
                return web.Response(status=reply.status, body=b'{"id": ', content_type="application/json")
            case Fault.COMPRESSED:
                packed = gzip.compress(b" " * UNPACKED_BYTES, 1)
                return web.Response(status=reply.status, body=packed, headers={"Content-Encoding": "gzip"})
            case Fault.CUT:
                return await _cut(request, reply)
            case Fault.OVERSIZED:
                return await _endless(request, reply)
            case _:
                return _response(reply)


async def _cut(request: web.Request, reply: Reply) -> web.StreamResponse:
    body = msgspec.json.encode(reply.document)
    response = web.StreamResponse(status=reply.status)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def _endless(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status)
    await response.prepare(request)
    for _ in range(ENDLESS_PIECES):
        await response.write(ENDLESS_PIECE)
    return response


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=msgspec.json.encode(reply.document), content_type="application/json")


def _broken(status: int) -> web.Response:
    return web.Response(status=status, text="something broke in the sandbox, as was asked for")


def _lost() -> Reply:
    return refusal(404, "path_unknown", "the sandbox has no such path")
