"""Hands modules to processes that compile them: one at a time to each, every module after those it builds on.

So no two processes ever compile the same module, and nobody has to share the list out: ``Order`` says what comes next,
whoever is free takes it.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence, Set
from multiprocessing.connection import wait
from types import TracebackType
from typing import NoReturn

from router.errors import Misconfigured

SHOW_EVERY_S = 1.0


class Order:
    """What comes next: nothing before all that it builds on, and first what most is still waiting for.

    The longest module decides when all are done, and it may have to wait for short ones: each module stands where the
    heaviest one stands that builds on it.
    """

    def __init__(self, builds_on: Mapping[str, Set[str]], weight: Mapping[str, int]) -> None:
        self._waiting = {name: set(others) for name, others in builds_on.items()}
        self._rank = {
            name: max(weight[other] for other in builds_on if other == name or name in builds_on[other])
            for name in builds_on
        }
        self.running: list[str] = []
        self.done = 0
        self.total = len(self._waiting)

    def next(self) -> str | None:
        """A module to begin with now; None while all that are left wait for others."""
        ready = [name for name, others in self._waiting.items() if not others]
        if not ready:
            assert self.running or not self._waiting, f"these modules wait for each other: {sorted(self._waiting)}"
            return None
        name = max(ready, key=self._rank.__getitem__)
        del self._waiting[name]
        self.running.append(name)
        return name

    def is_done(self, name: str) -> None:
        self.running.remove(name)
        self.done += 1
        for others in self._waiting.values():
            others.discard(name)

    def __str__(self) -> str:
        """``12 of 49 (claim.claim, rows.pack)``"""
        return f"{self.done} of {self.total} ({', '.join(self.running)})"


class _Worker:
    """A process that reads names from its standard input and writes each back once the module is compiled."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._module = ""

    def fileno(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def begin(self, module: str) -> None:
        assert self._process.stdin is not None
        self._module = module
        try:
            self._process.stdin.write(f"{module}\n".encode())
        except BrokenPipeError:
            self._has_died()

    def finished(self) -> str:
        """The module it was given; waits for it."""
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().decode().strip()
        if not answer:
            self._has_died()
        assert answer == self._module, f"asked for {self._module}, answered {answer}"
        return self._module

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _has_died(self) -> NoReturn:
        code = self._process.wait()
        how = f"ended with {code}; the message above says why."
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}; is the machine short of memory?"
        raise Misconfigured(f"The process that compiled kernels.{self._module} {how}")


class _Workers:
    """Started when there is something for them to do, and killed at the end: by then they have nothing to lose."""

    def __init__(self, command: Sequence[str], count_max: int) -> None:
        self._command, self._count_max = command, count_max
        self._idle: list[_Worker] = []
        self.busy: list[_Worker] = []

    def __enter__(self) -> _Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        for worker in self._idle + self.busy:
            worker.end()

    @property
    def are_all_busy(self) -> bool:
        return len(self.busy) == self._count_max

    def begin(self, module: str) -> None:
        self.busy.append(self._idle.pop() if self._idle else _Worker(self._command))
        self.busy[-1].begin(module)

    def finished(self) -> list[str]:
        """Modules that are done, or none after a second."""
        told = wait([worker.fileno() for worker in self.busy], SHOW_EVERY_S)
        done = [worker for worker in self.busy if worker.fileno() in told]
        for worker in done:
            self.busy.remove(worker)
            self._idle.append(worker)
        return [worker.finished() for worker in done]


def compile_all(
    order: Order, command: Sequence[str], workers_max: int, keep: Callable[[str], object], show: Callable[[str], object]
) -> None:
    """Until nothing is left; ``keep`` is told of each module when it is compiled, ``show`` now and then how far it is.

    A process that dies is ``Misconfigured``, and all others end.
    """
    with _Workers(command, workers_max) as workers:
        while True:
            while not workers.are_all_busy and (module := order.next()) is not None:
                workers.begin(module)
            if not workers.busy:
                return
            show(f"compiling kernels: {order}")
            for module in workers.finished():
                order.is_done(module)
                keep(module)
