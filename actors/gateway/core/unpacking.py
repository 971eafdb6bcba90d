"""How many bytes of all streams' batches are unpacked at a time: a few that came may stand for very many.

A stream unpacks what fits its window, and there may be many streams. So they unpack one after the other, and nobody
goes on while too much waits for its answers. One sender's streams fill half of it, so others' need not wait for them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Unpacking:
    """At most ``bytes_max`` are held, and what one turn unpacks beyond it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held_bytes: Counter[str] = Counter()  # by sender
        self._is_taken = False
        self._news = asyncio.Event()  # a turn ended, or bytes were given back: look again

    @property
    def held_bytes(self) -> int:
        return self._held_bytes.total()

    @asynccontextmanager
    async def turn(self, sender: str) -> AsyncIterator[None]:
        """Inside it one stream unpacks, and holds what came of it; waits for room."""
        while not self._may_begin(sender):
            self._news.clear()
            await self._news.wait()
        self._is_taken = True
        try:
            yield
        finally:
            self._is_taken = False
            self._news.set()

    def _may_begin(self, sender: str) -> bool:
        if self._is_taken or self.held_bytes >= self._bytes_max:
            return False
        return self._held_bytes[sender] < self._bytes_max // 2

    def hold(self, sender: str, size: int) -> None:
        self._held_bytes[sender] += size

    def give_back(self, sender: str, size: int) -> None:
        """What was held is answered, or nobody's any more."""
        self._held_bytes[sender] -= size
        assert self._held_bytes[sender] >= 0, "more is given back than was held"
        if self._held_bytes[sender] == 0:
            del self._held_bytes[sender]
        self._news.set()
