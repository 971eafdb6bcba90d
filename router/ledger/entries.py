"""Hash tables of the ledger that grow by small steps: for ever, and for the two generations of a window.

A table lies at the start of room that is larger, so that growing writes one segment of it and nothing moves. Room that
was not used yet costs address space only. A table for ever is copied into twice as much when it is used up: a plain
copy, some 30 ms for 128 MB, where entering every key anew took 0.8 s. A window's entries are bounded, so it takes all
of its room at its first growth: copying would touch as much memory once more, and fresh memory is dear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels import layout
from kernels.claim.recent import FIRST_GENERATION, ROWS_MAX, SEGMENTS_MAX, fill_recent, grow_recent
from kernels.claim.segments import SEGMENT_PLACES, fill_ever, grow_ever
from router.arrow.arrays import with_room, zeros_aligned

Rows = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]

_ENTRIES_PER_SEGMENT = SEGMENT_PLACES // 4  # segments are a quarter to half full
EMPTY = FIRST_GENERATION  # a generation that no entry of an empty table seems to belong to, as it would to 0 and 1
_FIELDS = layout.ENTRY.names or ()


class EverTable:
    """Entries by (key, tag)."""

    def __init__(self, rows: Rows | None = None, entries_expected: int = 0) -> None:
        """``entries_expected``: so many get room at the first growth; nothing is copied until there are more."""
        self._room = zeros_aligned(SEGMENT_PLACES, layout.ENTRY)
        self._segments = 1
        self._segments_expected = _segments(entries_expected)
        self._scratch: Rows = np.zeros(SEGMENT_PLACES, layout.ENTRY)
        if rows is not None:
            self.reserve(len(rows))
            fill_ever(rows, self.entries)

    @property
    def entries(self) -> Rows:
        return self._room[: self._segments * SEGMENT_PLACES]

    def reserve(self, entries: int) -> None:
        """Places for so many entries in all; views handed out before are void."""
        wanted = _segments(entries)
        if wanted > self._segments:
            places = max(wanted, self._segments_expected) * SEGMENT_PLACES
            if places > len(self._room):
                self._room = with_room(self.entries, max(places, 2 * len(self._room)))
            grow_ever(self._segments, wanted, self._room, self._scratch)
            self._segments = wanted

    def live(self) -> Rows:
        alive: Rows = self.entries[self.entries["key"] != 0]
        return alive


class WindowTable:
    """Entries by key of the current generation and of the one before it (kernels/claim/recent.py)."""

    def __init__(self, entries_max: int, entered: Rows | None = None) -> None:
        """At most ``entries_max`` of a generation."""
        assert entries_max <= ROWS_MAX and _segments(entries_max) <= SEGMENTS_MAX, "slots name rows by 21 bits"
        self._entries_max = entries_max
        self._slots = np.zeros(2 * SEGMENT_PLACES, np.int64)
        self._segments = 1
        self.rows: Rows = zeros_aligned((2, _ENTRIES_PER_SEGMENT), layout.ENTRY)
        self._scratch = np.zeros(SEGMENT_PLACES, np.int64)
        if entered is not None:
            self.reserve(min(len(entered), entries_max), EMPTY)
            fill_recent(entered, self.slots, self.rows)

    @property
    def slots(self) -> I64:
        return self._slots[: self._segments * 2 * SEGMENT_PLACES]

    def reserve(self, entries: int, generation: int) -> None:
        """Places for so many entries of the current generation; views handed out before are void."""
        wanted = _segments(entries)
        if wanted <= self._segments:
            return
        places = max(wanted, _segments(self._entries_max)) * 2 * SEGMENT_PLACES
        if places > len(self._slots):
            self._take_room(places)
        grow_recent(generation, self._segments, wanted, self._slots, self._scratch)
        self._segments = wanted

    def _take_room(self, places: int) -> None:
        """All that there may ever be, of which memory is only what is used."""
        self._slots = with_room(self._slots, places)
        rows = zeros_aligned((2, self._entries_max), layout.ENTRY)
        rows[:, : self.rows.shape[1]] = self.rows
        self.rows = rows

    def live(self, generation: int) -> Rows:
        used = self.rows[:, : self._segments * _ENTRIES_PER_SEGMENT]
        halves = (used[tag & 1][used[tag & 1]["tag"] == tag] for tag in (generation - 1, generation))
        alive: Rows = np.concatenate(list(halves))
        return alive


def rows_of(numbers: npt.NDArray[np.int64]) -> Rows:
    """Entries from plain numbers, one column a field."""
    rows = np.zeros(len(numbers), layout.ENTRY)
    for column, field in enumerate(_FIELDS):
        rows[field] = numbers[:, column]
    return rows


def _segments(entries: int) -> int:
    return max(1, -(-entries // _ENTRIES_PER_SEGMENT))
