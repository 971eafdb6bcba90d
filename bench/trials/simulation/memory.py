"""Arenas whose blocks the next schedule uses again: asking the system for them costs more than the orders do."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from router.arrow.arena import PrivateArena

U8 = npt.NDArray[np.uint8]
TOUCHED_BYTES = 1 << 16  # of a block: the first rows of a column, the first segment of a hash table


class Arenas:
    """Arenas of one world; ``recycle`` gives their blocks back when nobody looks at them any more."""

    _free: dict[int, list[U8]] = defaultdict(list)

    def __init__(self) -> None:
        self._taken: list[U8] = []

    def make(self) -> RecycledArena:
        return RecycledArena(self)

    def take(self, nbytes: int) -> U8:
        free = Arenas._free[nbytes]
        block = free.pop() if free else np.zeros(nbytes, np.uint8)
        self._taken.append(block)
        return block

    def recycle(self) -> None:
        for block in self._taken:
            block[:TOUCHED_BYTES] = 0
            Arenas._free[block.size].append(block)
        self._taken = []


class RecycledArena(PrivateArena):
    def __init__(self, arenas: Arenas) -> None:
        super().__init__()
        self._arenas = arenas

    def allocate(self, name: str, nbytes: int) -> U8:
        return self._publish(name, self._arenas.take(nbytes), nbytes)
