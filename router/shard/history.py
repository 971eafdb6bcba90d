"""The shard's own log as it tells of single orders: for the books of closed orders, and for what is taken back.

Whoever is late may be right: money goes back, goods return. Such an event is judged on the book as the log tells it,
and the book is let go again with the batch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from router.life.history import tell
from router.life.states import ORDER_BITS, OrderState
from router.log.steps import OrderHistory
from router.ports import Log
from router.shard.engine import ShardEngine

I64 = npt.NDArray[np.int64]


class History:
    """Slow beside books, and asked for seldom."""

    def __init__(self, engine: ShardEngine, log: Log) -> None:
        self._engine = engine
        self._log = log

    def reopen_closed(self, rows: I64) -> None:
        """Open the books of the orders of these rows (-1 unknown) that were closed and let go."""
        index, books = self._engine.index, self._engine.books
        known = rows[rows >= 0]
        closed = np.unique(known[index.state(known) & ORDER_BITS == OrderState.CLOSED])
        closed = closed[~books.are_open(closed)]
        for row, place in zip(closed.tolist(), index.reference(closed).tolist(), strict=True):
            for piece in OrderHistory(self._log, place).pieces():
                tell(books, row, piece, self._engine.key)

    def of(self, row: int) -> OrderHistory:
        """All that readers may know of an order."""
        return OrderHistory(self._log, int(self._engine.index.reference(np.array([row]))[0]))
