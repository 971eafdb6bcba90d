"""The thread that reads logs: what somebody waits for goes before the turns of feeds.

    a read       order, timeline, search ──▶ reads ─┐
                                                    ├─▶ one thread
    a feed's turn, of so much time       ──▶ turns ─┘

A read that comes alone waits for one turn of a feed at most, however many feeds there are. Beside reads that come
without a pause the feeds keep a share of the thread: after so much time of reads one of them has its turn. A feed asks
for its next turn when it has handed on what the last one gave, so feeds take turns by themselves; those at about the
same place find decoded what the first of them read.

It is one thread and not two: two would take the interpreter from each other, so that a read would take twice as long.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
GoesOn = Callable[[], bool]
Waited = Callable[[float], None]  # seconds

TURN_S = 0.01  # of a feed; the piece it is at by then it ends, which is 5 to 15 ms of small records
READS_S = 0.04  # of reads between two turns of feeds that wait: a fifth of the thread is left to feeds


class Reading:
    """Reads and turns of feeds; each kind in the order it was asked for. ``read_waited`` and ``turn_waited`` are told
    how long one waited for the thread."""

    def __init__(self, read_waited: Waited, turn_waited: Waited) -> None:
        self._read_waited = read_waited
        self._turn_waited = turn_waited
        self._told = threading.Condition()
        self._reads, self._turns = deque[_Asked](), deque[_Asked]()
        self._reads_s = 0.0  # since the last turn of a feed
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="reading", daemon=True)
        self._thread.start()

    async def read(self, job: Callable[..., T], *arguments: object) -> T:
        """Do what somebody waits for."""
        return await self._ask(self._reads, partial(job, *arguments))

    async def turn(self, job: Callable[[GoesOn], T], is_wanted: Callable[[], bool]) -> T:
        """Do some of a feed's work. ``job`` is given a question to ask before each piece: whether there is time for it.
        ``is_wanted`` is asked in the thread, too; where it says no not even the first piece is done."""
        return await self._ask(self._turns, lambda: job(_time_of_a_turn(is_wanted)))

    def close(self) -> None:
        """End after what is under way; what waits is cancelled."""
        with self._told:
            self._is_closed = True
            self._told.notify()
        self._thread.join()
        for asked in (*self._reads, *self._turns):
            asked.answer.cancel()

    async def _ask(self, queue: deque[_Asked], job: Callable[[], T]) -> T:
        answer: Future[T] = Future()
        with self._told:
            assert not self._is_closed, "nobody reads any more"
            queue.append(_Asked(job, answer, time.monotonic()))
            self._told.notify()
        return await asyncio.wrap_future(answer)

    def _run(self) -> None:
        while (asked := self._next()) is not None:
            began = time.monotonic()
            if asked.answer.set_running_or_notify_cancel():
                asked.do()
            self._reads_s += time.monotonic() - began

    def _next(self) -> _Asked | None:
        with self._told:
            self._told.wait_for(lambda: self._is_closed or self._reads or self._turns)
            if self._is_closed:
                return None
            is_read = bool(self._reads) and not (self._turns and self._reads_s >= READS_S)
            asked = (self._reads if is_read else self._turns).popleft()
        if not is_read:
            self._reads_s = 0.0
        (self._read_waited if is_read else self._turn_waited)(time.monotonic() - asked.at_s)
        return asked


class _Asked(NamedTuple):
    job: Callable[[], Any]
    answer: Future[Any]
    at_s: float

    def do(self) -> None:
        try:
            self.answer.set_result(self.job())
        except BaseException as fault:
            self.answer.set_exception(fault)


def _time_of_a_turn(is_wanted: Callable[[], bool]) -> GoesOn:
    """The first piece is always done: a turn that began late would never end otherwise."""
    ends_s = float("inf")

    def goes_on() -> bool:
        nonlocal ends_s
        is_left = time.monotonic() < ends_s
        ends_s = min(ends_s, time.monotonic() + TURN_S)
        return is_left and is_wanted()

    return goes_on
