"""Lanes: the way of batches to one shard, or to the ledger.

A lane is bounded, lets its senders take turns (turns.py), keeps order, and is stubborn: a batch is sent with the same
id until it is answered. It keeps order after a fault, too: while a batch that failed is not answered, no later one is
sent, or sent again, because an event of an order may stand in each of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from actors.gateway.core.backend import BatchId, ShardUnavailable
from actors.gateway.core.problems import Problem
from actors.gateway.core.turns import Room
from router.shard.work import IN_FLIGHT_NS_MAX

RETRY_DEADLINE_S = 30.0
ATTEMPT_TIMEOUT_S = 10.0  # then the same batch is sent again; its id makes that harmless
PAUSE_S_MAX = 0.25  # an owner is back within two seconds, and its orders wait for the end of this pause

T = TypeVar("T")
Send = Callable[[BatchId, int], Awaitable[T]]


class Lane:
    """Batches of this gateway to one owner; ``owner`` names it for people."""

    def __init__(
        self,
        owner: str,
        incarnation: int,
        window: int,
        on_retry: Callable[[], None],
        attempt_timeout_s: float = ATTEMPT_TIMEOUT_S,
    ) -> None:
        self._owner = owner
        self._incarnation = incarnation
        self._number = 0
        self._room = Room(window, IN_FLIGHT_NS_MAX)
        self._on_retry = on_retry
        self._attempt_timeout_s = attempt_timeout_s
        self._failed: set[int] = set()  # numbers of batches that were sent in vain and are not answered yet
        self._mended = asyncio.Event()

    @property
    def in_flight(self) -> int:
        return self._room.batches

    async def submit(self, send: Send[T], sender: str = "", work_ns: int = 0) -> T:
        """Wait for room and the sender's turn, then send until the shard answers; raises Problem after the deadline."""
        async with self._room.enter(sender, work_ns):
            self._number += 1
            assert self._number < 1 << 32, "a gateway process outlived its batch numbers; restart it"
            batch_id = (self._incarnation, self._number)
            try:
                return await self._persist(send, batch_id, time.time_ns() // 1_000_000)
            finally:
                self._failed.discard(batch_id[1])
                self._mended.set()

    async def _persist(self, send: Send[T], batch_id: BatchId, now_ms: int) -> T:
        deadline = time.monotonic() + RETRY_DEADLINE_S
        pause_s = 0.05
        while True:
            try:
                if self._failed:
                    async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                        await self._earlier_ones(batch_id[1])
                left_s = deadline - time.monotonic()
                async with asyncio.timeout(max(0.001, min(self._attempt_timeout_s, left_s))):
                    return await send(batch_id, now_ms)
            except (ShardUnavailable, TimeoutError) as fault:
                if isinstance(fault, ShardUnavailable):
                    pause_s = max(pause_s, fault.retry_after_ms / 1000)
            self._failed.add(batch_id[1])
            self._on_retry()
            if time.monotonic() + pause_s >= deadline:
                raise Problem(
                    "shard_unavailable",
                    f"{self._owner} did not answer for {RETRY_DEADLINE_S:.0f} s. Send the same rows again: "
                    "those already accepted answer as duplicates.",
                    retry_after_ms=5_000,
                )
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_S_MAX, pause_s * 2)

    async def _earlier_ones(self, number: int) -> None:
        """Wait until every earlier batch that failed is answered or given up."""
        while min(self._failed, default=number) < number:
            self._mended.clear()
            await self._mended.wait()
