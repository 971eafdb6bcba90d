"""The shard's own log as it tells of single orders: for the books of closed orders, and for what is taken back.

Whoever is late may be right: money goes back, goods return. Such an event is judged on the book as the log tells it,
and the book is let go again with the batch. A batch looks back before it begins, while others have their turn:

    lacking ──(turn)──▶ look_back ──(no turn)──▶ reopen_closed ──(turn)

The log does not change, so what was read stands; an order of which there is more by then is read again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.life.retold import Chapter, chapters_of, retell
from router.life.states import ORDER_BITS, OrderState
from router.log.chains import chains_of
from router.log.steps import OrderHistory
from router.ports import Log
from router.shard.engine import ShardEngine

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Lacking:
    """Closed orders without a book: rows of the index, ascending, and the newest record of each."""

    rows: I64
    newest: U64


@dataclass(frozen=True)
class LookedBack:
    """What the log tells of them up to those records."""

    of: Lacking
    chapters: list[Chapter]


class History:
    """Slow beside books, and asked for seldom."""

    def __init__(self, engine: ShardEngine, log: Log) -> None:
        self._engine = engine
        self._log = log

    def lacking(self, rows: I64) -> Lacking:
        """Of the orders of these rows (-1 unknown) those that were closed and let go."""
        index, books = self._engine.index, self._engine.books
        known = rows[rows >= 0]
        closed = np.unique(known[index.state(known) & ORDER_BITS == OrderState.CLOSED])
        closed = closed[~books.are_open(closed)]
        return Lacking(closed, index.reference(closed))

    def look_back(self, lacking: Lacking) -> LookedBack:
        """Reads only what is durable: may run beside everything else."""
        return LookedBack(lacking, chapters_of(chains_of(self._log, lacking.newest), self._engine.key))

    def reopen_closed(self, rows: I64, looked_back: LookedBack | None = None) -> None:
        """Open the books of the orders of these rows that were closed and let go."""
        lacking = self.lacking(rows)
        if not len(lacking.rows):
            return
        if looked_back is None or not _are_same(looked_back.of, lacking):
            looked_back = self.look_back(lacking)
        retell(self._engine.books, lacking.rows, looked_back.chapters)

    def of(self, row: int) -> OrderHistory:
        """All that readers may know of an order."""
        return OrderHistory(self._log, int(self._engine.index.reference(np.array([row]))[0]))


def _are_same(one: Lacking, other: Lacking) -> bool:
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.newest, other.newest)
