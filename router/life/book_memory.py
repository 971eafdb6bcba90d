"""Memory of books: three arrays that grow at their ends (kernels/life/layout.py), and which book is whose."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from kernels.life.runs import FREE, SIZES, first_free
from router.arrow.arena import Arena

Rows = npt.NDArray[Any]

_ROOM = {"books": 1 << 16, "positions": 1 << 18, "words": 1 << 18}  # entries at first, and the least that is added
_DTYPES: dict[str, Any] = {
    "books": layout.BOOK, "positions": layout.POSITION, "words": np.int64, "book_of_row": np.uint32,
}  # fmt: skip


class BookMemory:
    """Where the books of a shard lie; numbers of free entries as kernels/life/runs.py keeps them."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._blocks: dict[str, Rows] = {}
        for name, count in {**_ROOM, "book_of_row": 1 << 16}.items():
            block = arena.allocate(f"life.{name}", count * np.dtype(_DTYPES[name]).itemsize)
            self._blocks[name] = block.view(_DTYPES[name])
        self._free_books = np.array([0, 1], np.int64)
        self._free_positions, self._free_words = first_free(), first_free()

    @property
    def book_of_row(self) -> npt.NDArray[np.uint32]:
        """Number of the book of each row of the index, 0 = none."""
        return self._blocks["book_of_row"]

    @property
    def books(self) -> Rows:
        return self._blocks["books"]

    @property
    def rows(self) -> layout.Memory:
        """All of it as kernels take it, until the next ``reserve``."""
        blocks = self._blocks
        return layout.Memory(
            blocks["books"], blocks["positions"], blocks["words"], self._free_books, self._free_positions,
            self._free_words,
        )  # fmt: skip

    @property
    def used(self) -> dict[str, int]:
        """Entries that were ever used."""
        counts = (self._free_books[1], self._free_positions[SIZES], self._free_words[SIZES])
        return {name: int(count) for name, count in zip(_ROOM, counts, strict=True)}

    @property
    def nbytes(self) -> int:
        """Memory that was used so far."""
        return sum(count * np.dtype(_DTYPES[name]).itemsize for name, count in self.used.items())

    @property
    def count(self) -> int:
        """Books that are open."""
        return int(np.count_nonzero(self.book_of_row))

    def reserve_rows(self, rows: npt.NDArray[np.int64]) -> None:
        """Know of rows of the index."""
        self._reserve("book_of_row", int(rows.max(initial=-1)) + 1)

    def reserve(self, **more: int) -> None:
        """Room for so many more books, positions or words."""
        for name, count in more.items():
            self._reserve(name, self.used[name] + count)

    def _reserve(self, name: str, count: int) -> None:
        block = self._blocks[name]
        if count > len(block):
            step = _ROOM.get(name, 1 << 16)
            wanted = -(-count // step) * step
            grown = self._arena.extend(f"life.{name}", wanted * block.dtype.itemsize)
            self._blocks[name] = grown.view(_DTYPES[name])

    def dump(self) -> dict[str, Rows]:
        """The state for a checkpoint until the next change: views, structured rows as the bytes they are."""
        kept = {name: self._blocks[name][:count].view(_plain(name)) for name, count in self.used.items()}
        free = np.concatenate([self._free_books, self._free_positions, self._free_words])
        return {**kept, "book_of_row": self.book_of_row, "free": free}

    def restore(self, arrays: dict[str, Rows]) -> None:
        """Become what was dumped."""
        for name, dtype in _DTYPES.items():
            stored = arrays[name].view(dtype)
            self._reserve(name, len(stored))
            self._blocks[name][: len(stored)] = stored
        books, positions, words = np.split(arrays["free"], [2, 2 + FREE])
        self._free_books, self._free_positions, self._free_words = books.copy(), positions.copy(), words.copy()


def _plain(name: str) -> Any:
    return np.uint8 if np.dtype(_DTYPES[name]).names else _DTYPES[name]
