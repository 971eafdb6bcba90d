"""Chance as a function: the same seed and the same question always get the same answer.

Nothing is drawn from a stream, so that leaving out one order or fault does not change the luck of all the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import xxhash

T = TypeVar("T")


class Dice:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def below(self, end: int, *question: object) -> int:
        """A number from 0 to ``end`` - 1."""
        return int(xxhash.xxh3_64_intdigest(repr(question).encode(), self._seed)) % end

    def between(self, low: int, high: int, *question: object) -> int:
        return low + self.below(high - low + 1, *question)

    def chance(self, percent: int, *question: object) -> bool:
        return percent > 0 and self.below(100, *question) < percent

    def one_of(self, choices: Sequence[T], *question: object) -> T:
        return choices[self.below(len(choices), *question)]
