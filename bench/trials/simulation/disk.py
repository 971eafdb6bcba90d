"""A simulated disk under one file: what the page cache shows, and what a power cut would leave.

A page is written to the cache and becomes stable with a sync. A cut keeps, loses or tears each page that was not
synced, each by its own luck, which is also every reordering of them. A failed sync leaves pages clean in the cache
whether or not they are stable, as Linux does.
"""

from __future__ import annotations

import errno

from bench.trials.simulation.dice import Dice

PAGE_BYTES = 4_096


class Disk:
    def __init__(self, name: str, dice: Dice) -> None:
        self.name = name
        self.full = False
        self.failing_syncs: set[int] = set()  # numbers of the syncs that report an error
        self.syncs = 0
        self._dice = dice
        self._stable = bytearray()
        self._cache = bytearray()  # what readers see
        self._dirty: set[int] = set()
        self._cuts = 0

    def write(self, page: int, content: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, f"{self.name}: no space left on the simulated disk")
        self.overwrite(page, content)

    def overwrite(self, page: int, content: bytes) -> None:
        """Write where space is not the question: the page exists."""
        assert len(content) == PAGE_BYTES
        missing = (page + 1) * PAGE_BYTES - len(self._cache)
        if missing > 0:
            self._cache += bytes(missing)
            self._stable += bytes(missing)
        self._cache[_bytes_of(page)] = content
        self._dirty.add(page)

    def sync(self) -> None:
        self.syncs += 1
        failing = self.syncs in self.failing_syncs
        for page in sorted(self._dirty):
            if not failing or self._dice.chance(50, "eio", self.name, self.syncs, page):
                self._stable[_bytes_of(page)] = self._cache[_bytes_of(page)]
        self._dirty.clear()
        if failing:
            raise OSError(errno.EIO, f"{self.name}: the simulated disk failed to sync")

    def read(self, first_byte: int, length: int, *, stable: bool = False) -> bytes:
        """Bytes as the page cache shows them, or only what a power cut certainly leaves; zero where nothing is."""
        found = (self._stable if stable else self._cache)[first_byte : first_byte + length]
        return bytes(found) + bytes(length - len(found))

    def cut_power(self) -> None:
        self._cuts += 1
        for page in sorted(self._dirty):
            self._stable[_bytes_of(page)] = self._after_cut(page)
        self._dirty.clear()
        self._cache[:] = self._stable

    def _after_cut(self, page: int) -> bytes:
        new, old = self._cache[_bytes_of(page)], self._stable[_bytes_of(page)]
        fate = self._dice.below(4, "cut", self.name, self._cuts, page)
        if fate == 0:
            return bytes(old)
        if fate == 1:
            torn = self._dice.between(1, PAGE_BYTES - 1, "torn", self.name, self._cuts, page)
            return bytes(new[:torn] + old[torn:])
        return bytes(new)

    def flip(self, byte: int, bit: int) -> None:
        """Change one bit at rest, in the cache and below it."""
        for content in (self._stable, self._cache):
            content[byte] ^= 1 << bit


def _bytes_of(page: int) -> slice:
    return slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
