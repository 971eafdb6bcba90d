"""The calls of the desk: one event loop in a thread of its own, in it one caller a partner, stepping what is due.

    outbox, refunds ─▶ calls (database) ─▶ due ─▶ Caller.step ─▶ partner
                              ▲                        │
                              └── kept, with what follows ◀┘

A slow partner holds up nobody else, and a call that hangs no other call of its partner while there are connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Sequence

from actors.process.fatal import or_die
from adapters._registry import AnyAdapter
from adapters._transport.caller import Caller
from adapters._transport.calls import Call, CallBook
from adapters._transport.http import HttpWire
from router.errors import Retryable

LOOK_EVERY_S = 0.5
STOP_S = 3.0  # what is under way may end in it; what does not is asked about by the next life


class PartnerCalls:
    def __init__(self, adapters: Sequence[AnyAdapter], book: CallBook, now_ms: Callable[[], int]) -> None:
        self._adapters = adapters
        self._book = book
        self._now_ms = now_ms
        self._loop = asyncio.new_event_loop()
        self._woken = [asyncio.Event() for _ in adapters]
        self._stopping = False
        self._thread = threading.Thread(target=lambda: or_die(self._run), name="partners", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be a call to make; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: the next life looks by itself
            self._loop.call_soon_threadsafe(self._wake)

    def stop(self) -> None:
        self._stopping = True
        self.wake()
        self._thread.join()

    def _wake(self) -> None:
        for woken in self._woken:
            woken.set()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._call_all())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())

    async def _call_all(self) -> None:
        pairs = zip(self._adapters, self._woken, strict=True)
        await asyncio.gather(*(self._call(adapter, woken) for adapter, woken in pairs))

    async def _call(self, adapter: AnyAdapter, woken: asyncio.Event) -> None:
        """All calls of one partner, until the desk ends."""
        wire = HttpWire(adapter.settings)
        caller = Caller(adapter, wire, self._book, self._now_ms, random.random)
        under_way: dict[str, asyncio.Task[None]] = {}
        while not self._stopping:
            woken.clear()
            for call in await self._due(adapter, len(under_way)):
                if call.key not in under_way:
                    under_way[call.key] = asyncio.create_task(_stepped(caller, call))
            waiting = asyncio.create_task(woken.wait())
            await asyncio.wait({waiting, *under_way.values()}, timeout=LOOK_EVERY_S, return_when="FIRST_COMPLETED")
            waiting.cancel()
            for key in [key for key, task in under_way.items() if task.done()]:
                under_way.pop(key).result()  # a bug ends the process
        if under_way:
            _, late = await asyncio.wait(under_way.values(), timeout=STOP_S)
            for task in late:
                task.cancel()
        await wire.close()

    async def _due(self, adapter: AnyAdapter, under_way: int) -> list[Call]:
        """As many as there are connections, and those under way, which may be due already; none while the database
        is away."""
        room = adapter.settings.connections_max - under_way
        if room <= 0:
            return []
        try:
            return await self._book.due(adapter.partner, self._now_ms(), room + under_way)
        except Retryable:
            return []


async def _stepped(caller: Caller, call: Call) -> None:
    """A step that could not be kept is a doubt of the next one."""
    with contextlib.suppress(Retryable):
        await caller.step(call)
