"""Virtual time and the tasks that live in it; one runs at a time, and who runs next follows from the seed alone.

A task is a greenlet, so that the router's synchronous code can stop in the middle of a call (in ``log.wait``, say)
while others run. A process is a set of tasks that end together: unwound by ``Died``, wherever they are.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import greenlet

Work = Callable[[], None]


class Died(BaseException):
    """Unwinds a task whose process is gone. Nothing it does while unwinding can reach a disk or the network."""


class Process:
    """One incarnation of one process."""

    def __init__(self, scheduler: Scheduler, name: str, incarnation: int) -> None:
        self.name = name
        self.incarnation = incarnation
        self.alive = True
        self.ready = False
        self.stopped_until_ms = 0  # as by SIGSTOP
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.callers_faults: dict[str, tuple[type[Exception], ...]] = {}  # by handler: what it raises about its caller
        self.calls = 0
        self.scheduler = scheduler
        self._tasks: set[Task] = set()

    @property
    def label(self) -> str:
        return f"{self.name}#{self.incarnation}"

    def spawn(self, work: Work) -> None:
        task = Task(self, work)
        self._tasks.add(task)
        self.scheduler.after(0, task.resume)

    def ended(self, task: Task) -> None:
        self._tasks.discard(task)

    def die(self) -> None:
        """End every task; the caller must not be one of them unless it raises ``Died`` next."""
        if not self.alive:
            return
        self.alive = self.ready = False
        self.scheduler.after(0, self._unwind)

    def _unwind(self) -> None:
        for task in sorted(self._tasks, key=lambda task: task.number):
            task.unwind()


class Task(greenlet.greenlet):  # type: ignore[misc]  # a package without types
    """Work of a process that may wait."""

    _numbers = itertools.count()

    def __init__(self, process: Process, work: Work) -> None:
        super().__init__(self._run_work, process.scheduler.hub)
        self.process = process
        self.number = next(Task._numbers)
        self._work = work

    def _run_work(self) -> None:
        try:
            self._work()
        except Died:
            pass
        finally:
            self.process.ended(self)

    def resume(self) -> None:
        """Called by the scheduler alone."""
        process = self.process
        late_ms = process.stopped_until_ms - process.scheduler.now_ms
        if late_ms > 0:
            process.scheduler.after(late_ms, self.resume)
        elif process.alive and not self.dead:
            self.switch()

    def unwind(self) -> None:
        if self:  # started and not finished
            self.throw(Died)


class Scheduler:
    def __init__(self) -> None:
        self.now_ms = 0
        self.hub = greenlet.getcurrent()
        self._due: list[tuple[int, int, Work]] = []
        self._ties = itertools.count()

    def after(self, delay_ms: int, action: Work) -> None:
        heapq.heappush(self._due, (self.now_ms + delay_ms, next(self._ties), action))

    def run(self, done: Callable[[], bool], until_ms: int) -> bool:
        """Let time pass until ``done``; False when it was not by ``until_ms`` or nothing is left to happen."""
        while not done():
            if not self._due or self._due[0][0] > until_ms:
                return False
            self.now_ms, _, action = heapq.heappop(self._due)
            action()
        return True

    def sleep(self, delay_ms: int) -> None:
        task = self.current()
        self.after(delay_ms, task.resume)
        self.leave(task)

    def current(self) -> Task:
        task = greenlet.getcurrent()
        assert isinstance(task, Task), "only a task may wait"
        return task

    def leave(self, task: Task) -> None:
        """Let others run; somebody has to resume the task."""
        self.hub.switch()
        if not task.process.alive:
            raise Died


class Signal:
    """Where tasks wait for a condition; whoever may have made it true calls ``notify``."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: dict[int, Task] = {}
        self._numbers = itertools.count()

    def wait_for(self, condition: Callable[[], bool], timeout_ms: int | None = None) -> bool:
        """Whether the condition became true in time; nothing happens between that moment and the return."""
        deadline_ms = None if timeout_ms is None else self._scheduler.now_ms + timeout_ms
        while not condition():
            if deadline_ms is not None and self._scheduler.now_ms >= deadline_ms:
                return False
            number, task = next(self._numbers), self._scheduler.current()
            self._waiting[number] = task
            if deadline_ms is not None:
                self._scheduler.after(deadline_ms - self._scheduler.now_ms, partial(self._wake, number))
            try:
                self._scheduler.leave(task)
            finally:  # also of one that dies: the collector overlooks a dictionary into which a greenlet put itself
                self._waiting.pop(number, None)
        return True

    def notify(self) -> None:
        for number in list(self._waiting):
            self._scheduler.after(0, partial(self._wake, number))

    def _wake(self, number: int) -> None:
        task = self._waiting.pop(number, None)
        if task is not None:
            task.resume()
