"""A turn among tasks: what ``threading.Condition`` is among threads, for the state machines that owners share."""

from __future__ import annotations

from collections.abc import Callable

from bench.trials.simulation.scheduler import Scheduler, Signal


class TaskTurn:
    """Satisfies ``router.ports.Turn``. When a turn ends others may run, and faults may strike."""

    def __init__(self, scheduler: Scheduler, between: Callable[[], None]) -> None:
        """``between`` is called after each turn, by whoever had it."""
        self._changed = Signal(scheduler)
        self._between = between
        self._taken = False

    def __enter__(self) -> None:
        self._changed.wait_for(lambda: not self._taken)
        self._taken = True

    def __exit__(self, kind: type[BaseException] | None, *_fault: object) -> None:
        self._leave()
        if kind is None:
            self._between()

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        if predicate():
            return True
        self._leave()
        timeout_ms = None if timeout is None else int(timeout * 1000)
        found = self._changed.wait_for(lambda: not self._taken and predicate(), timeout_ms)
        if not found:
            self._changed.wait_for(lambda: not self._taken)
        self._taken = True
        return found or predicate()

    def notify_all(self) -> None:
        self._changed.notify()

    def _leave(self) -> None:
        self._taken = False
        self._changed.notify()
