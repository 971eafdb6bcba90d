"""Memory that an owner writes and others read: the private form, and the sequence lock that both sides keep.

The form that other processes can map is ``actors/store/mapped.py``.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from router.errors import Retryable

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]

ALIGNMENT = 64
_ROOM = 256 << 20  # bytes of address space for a block that grows


class BlockBusy(Retryable):
    """A reader met an owner that is writing or recovering; reading again shortly will do."""


class Arena(Protocol):
    """Growable zeroed memory that other processes on this machine may map read-only."""

    def allocate(self, name: str, nbytes: int) -> npt.NDArray[np.uint8]:
        """A zeroed, 64-byte aligned block, published under ``name``; a second call with the same name
        replaces it (readers that mapped the old block keep it until they look again)."""

    def extend(self, name: str, nbytes: int) -> npt.NDArray[np.uint8]:
        """The block made longer: what it held is kept, the rest is zero. Forget every array taken before."""


class ArenaReader(Protocol):
    """The blocks of an arena as somebody else reads them, read-only."""

    def version(self) -> int:
        """A number that changes when a block came, went or grew; then every view must be taken again."""

    def view(self, name: str) -> npt.NDArray[np.uint8] | None:
        """The block, possibly longer than what was asked for; None while the owner has none of this name."""


class PrivateArena:
    """An arena inside one process, owner and reader in one; for offline routing, simulation and tests."""

    def __init__(self) -> None:
        self._blocks: dict[str, U8] = {}  # as long as what was asked for
        self._room: dict[str, U8] = {}  # the memory behind it, longer after an extension
        self._version = 0

    def allocate(self, name: str, nbytes: int) -> U8:
        return self._publish(name, _zeroed(nbytes), nbytes)

    def extend(self, name: str, nbytes: int) -> U8:
        old = self._blocks[name]
        assert nbytes >= old.size, "a block only grows"
        room = self._room[name]
        if nbytes > room.size:  # pages nobody touched take address space only, so a generous room spares the copies
            room = _zeroed(max(2 * nbytes, _ROOM))
            room[: old.size] = old
        return self._publish(name, room, nbytes)

    def _publish(self, name: str, room: U8, nbytes: int) -> U8:
        self._room[name] = room
        self._blocks[name] = room[:nbytes]
        self._version += 1
        return self._blocks[name]

    def version(self) -> int:
        return self._version

    def view(self, name: str) -> U8 | None:
        block = self._blocks.get(name)
        if block is None:
            return None
        shown = block.view()
        shown.flags.writeable = False
        return shown


def _zeroed(nbytes: int) -> U8:
    room = np.zeros(nbytes + ALIGNMENT, np.uint8)
    first = -room.ctypes.data % ALIGNMENT
    return room[first : first + nbytes]


class SequenceLock:
    """One word of shared memory: odd while its owner writes, another even number after every change.

    A reader takes the word, reads, and keeps what it read only if the word was even and is still the same. The owner
    never waits. Stores become visible in the order in which they are made (x86-64; each is a Python call of its own,
    so no compiler reorders them either).
    """

    def __init__(self, words: U64) -> None:
        assert words.size == 1
        self._words = words
        self._depth = 0

    def __enter__(self) -> None:
        self.begin_write()

    def __exit__(self, *_: object) -> None:
        self.end_write()

    def begin_write(self) -> None:
        if self._depth == 0:
            self._words[0] |= np.uint64(1)
        self._depth += 1

    def end_write(self) -> None:
        assert self._depth > 0, "end_write without begin_write"
        self._depth -= 1
        if self._depth == 0:
            self._words[0] += np.uint64(1)
