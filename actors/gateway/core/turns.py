"""Room on the way to an owner: so many batches, so much work of them; who waits takes turns by key, not by time.

Whoever fills a stream with heavy orders has many batches waiting. A neighbour that sends one order is next when there
is room, however many of them came before.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class TurnQueue(Generic[T]):
    """What several senders wait with: one of each sender in turn."""

    def __init__(self) -> None:
        self._by_sender: OrderedDict[str, deque[T]] = OrderedDict()  # each in order of arrival; who is first is next
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, sender: str, item: T) -> None:
        self._by_sender.setdefault(sender, deque()).append(item)
        self._count += 1

    def first(self) -> T:
        """The next in turn, which stays; there is one."""
        return next(iter(self._by_sender.values()))[0]

    def take(self) -> T:
        """The next in turn; its sender's turn comes again after all others'."""
        sender = next(iter(self._by_sender))
        item = self.drop()
        if sender in self._by_sender:
            self._by_sender.move_to_end(sender)
        return item

    def drop(self) -> T:
        """The next in turn, as if it had not been there: the turn stays its sender's."""
        sender, items = next(iter(self._by_sender.items()))
        item = items.popleft()
        if not items:
            del self._by_sender[sender]
        self._count -= 1
        return item


class Room:
    """At most ``batches_max`` inside, and ``work_max`` of work; one that is more than this alone comes in alone."""

    def __init__(self, batches_max: int, work_max: int) -> None:
        self._batches_max = batches_max
        self._work_max = work_max
        self._waiting: TurnQueue[tuple[int, asyncio.Future[None]]] = TurnQueue()  # work, and who is told
        self._work = 0
        self.batches = 0

    @asynccontextmanager
    async def enter(self, sender: str, work: int) -> AsyncIterator[None]:
        """Inside it there is room; waits for the sender's turn."""
        await self._take(sender, work)
        try:
            yield
        finally:
            self._leave(work)

    async def _take(self, sender: str, work: int) -> None:
        if not self._waiting and self._has_room(work):
            self._count(work)
            return
        told = asyncio.get_running_loop().create_future()
        self._waiting.put(sender, (work, told))
        try:
            await told
        except asyncio.CancelledError:
            if told.done() and not told.cancelled():  # its turn had come already
                self._leave(work)
            raise

    def _has_room(self, work: int) -> bool:
        if self.batches == 0:
            return True
        return self.batches < self._batches_max and self._work + work <= self._work_max

    def _count(self, work: int) -> None:
        self.batches += 1
        self._work += work

    def _leave(self, work: int) -> None:
        self.batches -= 1
        self._work -= work
        while self._waiting and self._admit_next():
            continue

    def _admit_next(self) -> bool:
        """Let the next in turn in, or forget one that gave up; False where there is no room for it."""
        work, told = self._waiting.first()
        if told.done():
            self._waiting.drop()
            return True
        if not self._has_room(work):
            return False
        self._waiting.take()
        self._count(work)
        told.set_result(None)
        return True
