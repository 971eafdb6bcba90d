"""News for everybody in this process who follows the logs: one listener, on the event loop."""

from __future__ import annotations

import asyncio
import pathlib

from actors.store.bell import SLOW_LOOK_S, Listener


class News:
    """Counts what was rung. Who notes ``rung`` before it looks, and then waits for more than that, misses nothing."""

    def __init__(self, bell: pathlib.Path) -> None:
        self.rung = 0
        self._listener = Listener(bell)
        self._waiting: set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener.fileno(), self._hear)

    async def wait(self, seen: int, timeout_s: float, other: asyncio.Future[None]) -> None:
        """Return when more was rung than was seen, or something other happened; at the latest after so many seconds,
        or when it is time to look whatever was rung."""
        if self.rung != seen:
            return
        heard: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(heard)
        try:
            timeout_s = min(timeout_s, SLOW_LOOK_S)
            await asyncio.wait({heard, other}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(heard)
        if not heard.done():
            self._listener.hear()  # and follow a bell that was made anew

    def wake(self) -> None:
        """Let everybody look again."""
        self.rung += 1
        for heard in self._waiting:
            if not heard.done():
                heard.set_result(None)

    def close(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def _hear(self) -> None:
        if self._listener.hear():
            self.wake()
