"""How many bytes of all streams' batches are unpacked at a time: a few that came may stand for very many.

A stream unpacks what fits its window, and there may be many streams. So they unpack one after the other, and nobody
goes on while too much waits for its answers. One sender's streams fill half of it, so others' need not wait for them.

What streams keep from one batch to the next, messages that are not whole and dictionaries, takes as much again at most:
where a sender's keep more than half, all of them but the first to keep something read no further.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.gateway.core.problems import Problem


class Unpacking:
    """At most ``bytes_max`` are held, and what one turn unpacks beyond it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held_bytes: Counter[str] = Counter()  # by sender
        self._kept_bytes: defaultdict[str, dict[object, int]] = defaultdict(dict)  # by sender and stream, oldest first
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

    @property
    def kept_bytes(self) -> int:
        return sum(sum(kept.values()) for kept in self._kept_bytes.values())

    def keep(self, sender: str, stream: object, size: int) -> None:
        """What a stream keeps from now on; 0 = nothing, or it ended."""
        kept = self._kept_bytes[sender]
        kept[stream] = size
        if size == 0:
            del kept[stream]
            if not kept:
                del self._kept_bytes[sender]
            self._news.set()

    async def room_to_keep(self, sender: str, stream: object, seconds: float) -> None:
        """Wait until a stream may read what it might have to keep; raises Problem after so long."""
        try:
            async with asyncio.timeout(seconds):
                while not self._may_keep(self._kept_bytes.get(sender, {}), stream):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Problem(
                "overloaded",
                "Streams of this key keep as much of messages that are not whole, and of dictionaries, as they may; "
                "send smaller messages, or fewer streams at a time, and the rows without an answer again.",
                retry_after_ms=1_000,
            ) from None

    def _may_keep(self, kept: dict[object, int], stream: object) -> bool:
        """The oldest always may, or nobody would ever go on."""
        return sum(kept.values()) <= self._bytes_max // 2 or next(iter(kept)) is stream
