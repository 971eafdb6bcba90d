"""Lanes of a gateway, as ``actors/gateway/core/lanes.py`` has them: the way of batches to one owner.

A lane holds a bounded number of batches under way and sends each with the same id until it is answered or the deadline
is over; then the client is told to send the rows again. While a batch that failed is not answered, no later one is
sent, or sent again, because an event of an order may stand in each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.trials.simulation.network import Unanswered
from bench.trials.simulation.scheduler import Process, Signal
from bench.trials.simulation.world import World

WINDOW = 2  # batches under way to one owner
ATTEMPT_TIMEOUT_MS = 600
RETRY_DEADLINE_MS = 4_000
PAUSE_MS = 20

BatchId = tuple[int, int]


class Unavailable(Exception):
    """An owner did not answer before the deadline; the client sends the rows again."""


class Lane:
    """Batches of one gateway to one owner; ``number`` of its senders, as orders and events have one each."""

    def __init__(self, world: World, process: Process, target: str, number: int) -> None:
        self._world = world
        self._process = process
        self._target = target
        self._sender = (1 + int(process.name[-1])) << 40 | number << 32 | process.incarnation
        self._arrived = 0
        self._number = 0  # of the newest batch that found room
        self._under_way = 0
        self._failed: set[int] = set()  # numbers of batches that were sent in vain and are not answered yet
        self._changed = Signal(world.scheduler)

    def submit(self, method: str, arguments_of: Callable[[BatchId], tuple[Any, ...]]) -> Any:
        """Wait for room, first come first served, then send until the owner answers; raises Unavailable after the
        deadline."""
        self._arrived += 1
        number = self._arrived
        self._changed.wait_for(lambda: self._number == number - 1 and self._under_way < WINDOW)
        self._under_way += 1
        self._number = number
        self._changed.notify()
        try:
            return self._persist(number, method, arguments_of((self._sender, number)))
        finally:
            self._under_way -= 1
            self._failed.discard(number)
            self._changed.notify()

    def _persist(self, number: int, method: str, arguments: tuple[Any, ...]) -> Any:
        scheduler = self._world.scheduler
        deadline_ms = scheduler.now_ms + RETRY_DEADLINE_MS
        while True:
            if self._changed.wait_for(lambda: self._may_send(number), deadline_ms - scheduler.now_ms):
                self._world.step(f"gateway: sends {method}")
                try:
                    return self._world.network.call(self._process, self._target, method, ATTEMPT_TIMEOUT_MS, *arguments)
                except Unanswered:
                    self._failed.add(number)
            if scheduler.now_ms + PAUSE_MS >= deadline_ms:
                raise Unavailable(self._target)
            scheduler.sleep(PAUSE_MS)

    def _may_send(self, number: int) -> bool:
        """Whether every earlier batch that failed is answered or given up."""
        return min(self._failed, default=number) >= number
