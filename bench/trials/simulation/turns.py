"""A turn among tasks: what ``threading.Condition`` is among threads, for the state machines that owners share."""

from __future__ import annotations

from collections.abc import Callable

from bench.trials.simulation.scheduler import Scheduler, Signal


class TaskTurn:
    """Satisfies ``router.ports.Turn``. When a turn ends others may run, and faults may strike.

    Whoever waits for a condition looks again when somebody notifies, and only then, as with threads: a notice that is
    forgotten is waited for in vain here, too.
    """

    def __init__(self, scheduler: Scheduler, between: Callable[[], None]) -> None:
        """``between`` is called after each turn, by whoever had it."""
        self._scheduler = scheduler
        self._free = Signal(scheduler)
        self._notices = Signal(scheduler)
        self._noticed = 0
        self._between = between
        self._taken = False

    def __enter__(self) -> None:
        self._free.wait_for(lambda: not self._taken)
        self._taken = True

    def __exit__(self, kind: type[BaseException] | None, *_fault: object) -> None:
        self._leave()
        if kind is None:
            self._between()

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        until_ms = None if timeout is None else self._scheduler.now_ms + int(timeout * 1000)
        while not predicate():
            left_ms = None if until_ms is None else until_ms - self._scheduler.now_ms
            if left_ms is not None and left_ms <= 0:
                return False
            self._wait_for_notice(left_ms)
        return True

    def _wait_for_notice(self, timeout_ms: int | None) -> None:
        noticed = self._noticed
        self._leave()
        self._notices.wait_for(lambda: self._noticed > noticed, timeout_ms)
        self.__enter__()

    def notify_all(self) -> None:
        self._noticed += 1
        self._notices.notify()

    def _leave(self) -> None:
        self._taken = False
        self._free.notify()
