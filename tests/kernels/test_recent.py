"""A window holds what its two generations hold, whatever comes, goes and grows, as two dictionaries do."""

from __future__ import annotations

import random

import numpy as np
import pytest

from kernels import layout
from kernels.claim.recent import (
    GENERATIONS,
    ROW_MASK,
    add_recent,
    fill_recent,
    find_recent,
    is_of,
    remove_recent,
    rotate,
)
from kernels.claim.segments import SEGMENT_PLACES
from router.ledger.entries import EMPTY, WindowTable
from tests.labs.crowded_keys import crowded_keys
from tests.labs.rules import callable_rule
from tests.reference.claim.recent import Window

_find, _add, _remove, _is_of, _rotate = map(callable_rule, (find_recent, add_recent, remove_recent, is_of, rotate))
WINDOW_MS, ENTRIES_MAX = 100, 3_000


class Pair:
    """The table and its twin, told the same."""

    def __init__(self, started: int = EMPTY) -> None:
        self.window = np.zeros(1, layout.WINDOW)
        self.window[0] = (WINDOW_MS, started, 0, 0, ENTRIES_MAX)
        self.table, self.twin = WindowTable(ENTRIES_MAX), Window(WINDOW_MS, ENTRIES_MAX)

    @property
    def generation(self) -> int:
        return int(self.window["generation"][0])

    def _find(self, key: int, generation: int) -> tuple[int, int]:
        """(slot, row or -1)"""
        at = int(_find(np.int64(key), np.int64(generation), self.table.slots, self.table.rows))
        slot = self.table.slots[at]
        return at, int(slot & ROW_MASK) if _is_of(slot, np.int64(generation)) else -1

    def remember(self, key: int, now_ms: int, value: int) -> None:
        _rotate(np.int64(now_ms), self.window[0])
        self.twin.rotate(now_ms)
        entries = int(self.window["entries"][0])
        self.table.reserve(min(entries + 1, ENTRIES_MAX), self.generation)
        at, row = self._find(key, self.generation)
        assert (row >= 0) == (key in self.twin.current)
        if row < 0:
            row = entries
            _add(np.int64(key), at, np.int64(self.generation), row, self.table.slots, self.table.rows)
            self.window["entries"][0] += 1
        entry = self.table.rows[self.generation & 1, row]
        entry["count"], entry["value"] = now_ms, value
        self.twin.current[key] = (now_ms, value)

    def forget(self, key: int) -> None:
        for generation, held in ((self.generation, self.twin.current), (self.generation - 1, self.twin.before)):
            at, row = self._find(key, generation) if generation >= EMPTY else (0, -1)
            assert (row >= 0) == (key in held)
            if key in held:
                is_current = generation == self.generation
                entries = int(self.window["entries"][0]) if is_current else 0
                _remove(at, np.int64(generation), entries, self.table.slots, self.table.rows)
                self.window["entries"][0] -= is_current
                del held[key]

    def check(self) -> None:
        live = self.table.live(self.generation)
        assert sorted(live.tolist()) == sorted(
            (key, generation, *entry)
            for generation, held in ((self.generation, self.twin.current), (self.generation - 1, self.twin.before))
            for key, entry in held.items()
        )
        assert self.window["entries"][0] == len(self.twin.current)


@pytest.mark.parametrize("seed", range(6))
def test_a_window_holds_what_two_dictionaries_hold(seed: int) -> None:
    """Few homes, so that searches run through each other and round a segment's end; then many keys, so it grows."""
    rng, pair, now_ms = random.Random(seed), Pair(), 0
    crowded = crowded_keys()
    for step in range(6_000):
        key = rng.choice(crowded) if seed % 2 else rng.randint(1, 1 << 62)
        now_ms += rng.choice([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, rng.choice([0, 60, 150, 250]) * (rng.random() < 0.02)])
        pair.remember(key, now_ms, step)
        if rng.random() < 0.3:
            pair.forget(rng.choice([key, *list(pair.twin.before)[:3], *list(pair.twin.current)[:3]]))
        if step % 500 == 0:
            pair.check()
    pair.check()


def test_a_window_that_is_full_begins_a_generation() -> None:
    pair = Pair()
    for key in range(1, 2 * ENTRIES_MAX + 100):
        pair.remember(key, 1, key)
    pair.check()
    assert (len(pair.twin.current), len(pair.twin.before)) == (99, ENTRIES_MAX)


def test_what_was_dumped_is_found_again() -> None:
    pair = Pair()
    for key in range(1, 2_000):
        pair.remember(key, key // 15, key)
    for key in range(1_950, 1_990, 3):
        pair.forget(key)
    live = pair.table.live(pair.generation)
    pair.table = WindowTable(ENTRIES_MAX, live)
    pair.check()
    pair.remember(5_000, 133, 1)
    pair.forget(1_951)
    pair.check()


def test_slots_of_a_generation_with_the_same_number_do_no_harm() -> None:
    """Slots name generations modulo a number: what lies there from so long ago is another key."""
    pair = Pair()
    for key in range(1, 300):
        pair.remember(key, 1, key)
    pair.window["generation"][0] += 2 * GENERATIONS
    pair.window["entries"][0] = 0
    pair.twin.current, pair.twin.before = {}, {}
    for key in range(1, 400, 2):
        pair.remember(key, 1, -key)
    pair.check()
    for key in range(1, 400, 6):
        pair.forget(key)
    pair.check()


def test_a_generation_alone_touches_its_own_half() -> None:
    rows = np.zeros(900, layout.ENTRY)
    rows["key"], rows["tag"] = np.arange(1, 901), EMPTY
    table = WindowTable(ENTRIES_MAX)
    table.reserve(900, EMPTY)
    fill_recent(rows, table.slots, table.rows)
    halves = table.slots.reshape(-1, SEGMENT_PLACES, 2)
    assert (halves[:, :, EMPTY & 1] != 0).sum() == 900 and not halves[:, :, 1 - (EMPTY & 1)].any()
    assert not table.rows[1 - (EMPTY & 1)]["tag"].any()
