"""Plain twin of kernels/claim/recent.py: generations as dictionaries, and what survives when a table grows."""

from __future__ import annotations


class Window:
    """Two generations of a window, each a dictionary."""

    def __init__(self, window_ms, entries_max):
        self.window_ms, self.entries_max = window_ms, entries_max
        self.started_ms, self.current, self.before = 0, {}, {}

    def rotate(self, known_ms):
        """Begin a new generation when the window has passed, or when this one is full."""
        passed_ms = known_ms - self.started_ms
        if passed_ms >= 2 * self.window_ms:
            self.current, self.before, self.started_ms = {}, {}, known_ms
        elif passed_ms >= self.window_ms:
            self.current, self.before = {}, self.current
            self.started_ms += self.window_ms
        elif len(self.current) >= self.entries_max:
            self.current, self.before = {}, self.current
            self.started_ms = max(known_ms, self.started_ms)


def grow_recent(generation, entries):
    """Entries of a larger table: those of this generation and of the one before."""
    return sorted(entry for entry in entries if entry[1] in (generation, generation - 1))


def fill_recent(rows, entries):
    """Entries of a window after rows were entered."""
    return sorted([*rows, *entries])
