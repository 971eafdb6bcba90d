"""A reader of the feed: a process that does something with every change, exactly once.

    open ─▶ take a turn ─▶ effect and cursor in one transaction ─▶ say how far it is ─▶ wait for the bell ─▶ …

What a reader does, and where it keeps that, is its ``Effect``. Killed at any moment it goes on behind the last
transaction: what was done before is not done again, what was not done is. Beside a full stream of orders a reader
yields the processor by its niceness, lags, and catches up when there is room. CONTRIBUTING.md says how to add one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from actors.process.fatal import or_die
from actors.store.bell import SLOW_LOOK_S, Listener
from actors.store.data_folder import DataFolder, now_ms
from actors.store.log_reader import LogReader
from actors.store.reader_places import tell_place
from router.errors import Retryable
from router.feed.changes import ChangeReader, Changes
from router.feed.feed import Feed
from router.feed.lag import lag_of

NICENESS = 19  # beside a gateway of streams, niced by 5, a twentieth of a core; by 10 it was a quarter
PACE_S, SMALL_TURN_ROWS = 0.02, 4_096  # between two small turns: what comes meanwhile goes into one transaction
DRAIN_S = 10.0  # to take what the shards wrote last; a reader that needs longer goes on there next time


class Effect(Protocol):
    """What a reader does. Its methods are called by one thread."""

    @property
    def columns(self) -> Sequence[str]:
        """Of ``router/feed/columns.py``; the others are not decoded."""

    def cursor(self) -> str | None:
        """Behind the last transaction; None before the first."""

    def apply(self, changes: Sequence[Changes], cursor: str) -> None:
        """Do something with the changes, and keep it together with the cursor behind them: durable when this returns,
        all of it or nothing. Raises Retryable where it cannot be done now; the changes come again then."""

    def close(self) -> None:
        """Nothing comes any more."""


class Reader:
    """One reader; a role's process is one of these, made with its own effect."""

    def __init__(self, name: str, data: DataFolder, effect: Effect, sources: Sequence[LogReader] = ()) -> None:
        """``sources`` are the shards' logs where this process has them open already."""
        self._name = name
        self._readers = data.readers
        self._effect = effect
        self._sources = sources or [LogReader(data.shard(number), 2) for number in range(data.identity().shards)]
        self._feed = self._opened()
        self._listener = Listener(data.bell)
        self._rows = 0
        self._ends_s = float("inf")  # when to stop, whatever is left
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: or_die(self._run), name=name, daemon=True)

    def start(self) -> None:
        os.nice(NICENESS)
        self._thread.start()

    def status(self) -> dict[str, Any]:
        """Where it is, and how far behind."""
        lag = lag_of(self._feed.places, self._sources, now_ms())
        return {
            "reader": self._name,
            "cursor": self._feed.cursor,
            "rows": self._rows,
            "lag_rows": lag.rows,
            "lag_ms": lag.ms,
            "pid": os.getpid(),
        }

    def drain(self) -> None:
        """Take what is there, and stop."""
        self._ends_s = time.monotonic() + DRAIN_S
        self._stopping.set()
        self._thread.join()
        self._effect.close()
        self._listener.close()
        for source in self._sources:
            source.close()

    def _opened(self) -> Feed:
        return Feed(ChangeReader(self._sources, self._effect.columns), self._effect.cursor())

    def _run(self) -> None:
        tell_place(self._readers, self._name, self._feed.cursor)
        while not self._is_over():
            began_s = time.monotonic()
            try:
                rows = self._turn()
            except Retryable as fault:
                self._stopping.wait(fault.retry_after_ms / 1000)
                self._feed = self._opened()
                continue
            if rows < SMALL_TURN_ROWS:
                self._stopping.wait(began_s + PACE_S - time.monotonic())
            if not self._stopping.is_set() and not self._feed.has_news:
                self._listener.wait(SLOW_LOOK_S)

    def _is_over(self) -> bool:
        return self._stopping.is_set() and (not self._feed.has_news or time.monotonic() > self._ends_s)

    def _turn(self) -> int:
        """Rows that were taken."""
        before = self._feed.cursor
        changes = [part.changes for part in self._feed.turn()]
        if self._feed.cursor == before:
            return 0
        self._effect.apply(changes, self._feed.cursor)
        tell_place(self._readers, self._name, self._feed.cursor)
        rows = sum(each.count for each in changes)
        self._rows += rows
        return rows
