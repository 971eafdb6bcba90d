"""Books of nobody: the history of one order is told into them, looked at, and let go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from router.arrow.arena import PrivateArena
from router.life.books import Books
from router.life.history import tell
from router.log.steps import Step

ROW = 0  # of the order
_ROWS = np.array([ROW])


class Scratch:
    """For one order at a time, and one thread."""

    def __init__(self, key: npt.NDArray[np.uint64]) -> None:
        self._key = key
        self._books: Books | None = None  # made when it is first needed

    @contextmanager
    def told(self, pieces: Iterable[list[Step]]) -> Iterator[Books]:
        """Books in which ROW is the order as the steps tell it; an order that was rejected has none."""
        books = self._books = self._books or Books(self._key, PrivateArena())
        try:
            for piece in pieces:
                tell(books, ROW, piece, self._key)
            yield books
        finally:
            books.end(_ROWS)
