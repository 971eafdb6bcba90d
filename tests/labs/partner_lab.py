"""The sandbox on a real socket, a caller over real HTTP, and a listener for webhooks; the time is the test's own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from adapters._intents import Intent
from adapters._spec import Adapter, Delivery
from adapters._transport.caller import Caller
from adapters._transport.calls import FINAL, Call
from adapters._transport.http import HttpWire
from adapters.sandbox.server import Sandbox, SandboxSettings
from tests.labs.call_book import MemoryBook

API_KEY, HOOK_SECRET, OLD_HOOK_SECRET = "sk-7f3a-api", "whsec-91c0-hook", "whsec-0d4e-old"
PLACES = {"env:SANDBOX_KEY": API_KEY, "file:hook.secret": HOOK_SECRET, "env:OLD_HOOK": OLD_HOOK_SECRET}
STARTED_MS = 1_772_400_000_000
HANG_S = 1.0  # of the sandbox, where it does not answer
DEADLINE_MS, SHORT_DEADLINE_MS = 20_000, 250  # of whoever waits: on a busy machine only what hangs may be late


class Clock:
    """Stands until the test moves it."""

    def __init__(self) -> None:
        self.now_ms = STARTED_MS

    def __call__(self) -> int:
        return self.now_ms


@contextlib.asynccontextmanager
async def served(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """An application on a port of this machine, 0 = any: its address."""
    runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Listener:
    """Takes webhooks and keeps them as they came."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.statuses: list[int] = []  # of the answers to the next ones; then 200

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.deliveries.append(Delivery(headers, await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


class PartnerLab:
    """One partner of the sandbox, and the way to it."""

    def __init__(self, adapter: Adapter[Any], sandbox: Sandbox, hooks: Listener, clock: Clock) -> None:
        self.adapter = adapter
        self.sandbox = sandbox
        self.hooks = hooks
        self.clock = clock
        self.book = MemoryBook()
        self.wire = HttpWire(adapter.settings)
        self.caller = self.new_caller()

    def new_caller(self) -> Caller:
        """As after a restart: it knows what the book knows."""
        return Caller(self.adapter, self.wire, self.book, self.clock, lambda: 0.5)

    async def to_the_end(self, intent: Intent, steps_max: int = 40) -> Call:
        """A call until it is final; time goes on to when each next step is due."""
        call = await self.caller.start(intent)
        for _ in range(steps_max):
            if call.state in FINAL:
                return call
            self.clock.now_ms = max(self.clock.now_ms, call.next_at_ms)
            call = await self.caller.step(call)
        raise AssertionError(f"{call} never ends")


@contextlib.asynccontextmanager
async def partner_lab(
    open_adapter: Callable[[str], Adapter[Any]], hook_pauses_s: tuple[float, ...] = (0.01, 0.01, 0.01)
) -> AsyncIterator[PartnerLab]:
    """``open_adapter``: makes the adapter for the sandbox's address."""
    clock, hooks = Clock(), Listener()
    async with served(hooks.application()) as hook_url:
        settings = SandboxSettings(API_KEY, HOOK_SECRET, hook_url, hook_url, HANG_S, hook_pauses_s)
        sandbox = Sandbox(settings, "r1", 41, clock)
        async with served(sandbox.application()) as url:
            lab = PartnerLab(open_adapter(url), sandbox, hooks, clock)
            try:
                yield lab
            finally:
                await lab.wire.close()
