"""A process of its own for a client: prepares a phase, begins it at a given moment, hands back what came of it.

Moments are those of ``time.perf_counter``, which on Linux is one clock for all processes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

from actors.process.heap import keep_freed_memory
from router.errors import RouterError

START_DELAY_S = 0.1
PREPARE_S_MAX = 300.0

SPAWN = multiprocessing.get_context("spawn")


class ClientFailed(RouterError):
    """A client of the lab ended with a fault; the text is what it said."""


class Client(Protocol):
    def prepare(self, phase: Any) -> Callable[[float], Any]:
        """Make everything that takes time; the call that is returned waits for its moment and runs the phase."""


class Worker:
    """``prepare``, ``start``, then ``poll`` until ``result`` is there."""

    def __init__(self, make_client: Callable[..., Client], *arguments: Any) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(theirs, make_client, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def prepare(self, phase: Any) -> None:
        self._pipe.send(phase)
        if not self._pipe.poll(PREPARE_S_MAX):
            raise ClientFailed(f"A client was not ready within {PREPARE_S_MAX:.0f} s.")
        self._take()

    def start(self, at_s: float) -> None:
        self._pipe.send(at_s)

    def poll(self, seconds: float) -> bool:
        return self._pipe.poll(seconds)

    def result(self) -> Any:
        return self._take()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it may have ended by itself
            self._pipe.send(None)
        self._process.join(5)
        self._process.kill()

    def _take(self) -> Any:
        try:
            went_well, answer = self._pipe.recv()
        except EOFError:
            raise ClientFailed("A client ended without a word.") from None
        if not went_well:
            raise ClientFailed(str(answer))
        return answer


def _serve(pipe: Connection, make_client: Callable[..., Client], arguments: tuple[Any, ...]) -> None:
    keep_freed_memory()
    client = make_client(*arguments)
    while (phase := pipe.recv()) is not None:
        try:
            begin = client.prepare(phase)
            pipe.send((True, None))
            pipe.send((True, begin(pipe.recv())))
        except Exception as fault:
            pipe.send((False, f"{type(fault).__name__}: {fault}"))


def sleep_until(moment_s: float) -> None:
    left_s = moment_s - time.perf_counter()
    if left_s > 0:
        time.sleep(left_s)
