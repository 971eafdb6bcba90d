"""Virtual time, and what is to be done when it has come."""

from __future__ import annotations

import heapq
from collections.abc import Callable

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
TICK_MS = 10 * MINUTE_MS  # what happens within one is known to the router together
Act = Callable[[], None]


class Agenda:
    def __init__(self, begin_ms: int) -> None:
        self.begin_ms = begin_ms
        self.now_ms = begin_ms
        self._heap: list[tuple[int, int, Act]] = []
        self._count = 0

    def after(self, pause_ms: int, act: Act) -> None:
        """Do it so much later; what is due at the same moment is done in the order in which it was said."""
        self._count += 1
        heapq.heappush(self._heap, (self.now_ms + pause_ms, self._count, act))

    def at_hour(self, hour: int, act: Act, pause_ms: int = 0) -> None:
        """On the first day on which it is not that hour yet, after a pause."""
        earliest_ms = self.now_ms + pause_ms
        day_ms = earliest_ms - earliest_ms % DAY_MS + hour * HOUR_MS
        due_ms = day_ms if day_ms >= earliest_ms else day_ms + DAY_MS
        self.after(due_ms - self.now_ms, act)

    @property
    def is_empty(self) -> bool:
        return not self._heap

    def tick(self) -> None:
        """Move on by a tick, or by as many as nothing is due in, up to the next full hour; do what has become due."""
        hour_ms = self.now_ms - self.now_ms % HOUR_MS + HOUR_MS
        next_ms = self._heap[0][0] if self._heap else hour_ms
        ticks = max(1, -((self.now_ms - min(next_ms, hour_ms)) // TICK_MS))
        until_ms = self.now_ms + ticks * TICK_MS
        while self._heap and self._heap[0][0] <= until_ms:
            due_ms, _, act = heapq.heappop(self._heap)
            self.now_ms = max(self.now_ms, due_ms)
            act()
        self.now_ms = until_ms
