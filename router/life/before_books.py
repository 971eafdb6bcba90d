"""Events from before books were opened: their records say which were applied, not what they moved.

They are judged again by today's rules, in order, and what the record says wins: an event that was applied then counts
as applied, with the version that the order had then. One that today's rules would refuse moves nothing, and an order
that was closed then is closed: what it still waited for is cancelled.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.life import layout
from router.life.books import Books, Judged, last_applied
from router.life.event_types import OrderEvent
from router.life.states import ORDER_BITS, OrderState

I64 = npt.NDArray[np.int64]
_OTHER_KEY = np.uint64(1 << 63)


def judge_again(
    books: Books, sequence: int, sent: layout.Sent, rows: I64, known: Judged, first_row: int = 0
) -> Judged:  # fmt: skip
    """Do what a record says was applied; the verdicts with the states of today. ``known`` is what the record says."""
    applied = known.verdicts["result"] == layout.APPLIED
    at = np.where(applied, rows, -1)
    judged = books.judge(sequence, sent, at, layout.STAGE_SHIPPED)
    missed = applied & (judged.verdicts["result"] != layout.APPLIED)
    closes = missed & (known.verdicts["after"] & ORDER_BITS == OrderState.CLOSED)
    _force(books, sequence, sent, at, missed & ~closes, OrderEvent.NOTE)
    _force(books, sequence, sent, at, closes, OrderEvent.CANCEL)
    _force(books, sequence, sent, at, closes, OrderEvent.CLOSE)
    judged.verdicts["result"], judged.verdicts["version"] = known.verdicts["result"], known.verdicts["version"]
    judged.verdicts["after"][applied] = books.states(rows[applied])
    last = last_applied(judged)
    books.set_newest(rows[last], judged.verdicts["version"][last], sequence, first_row + last)
    return judged


def _force(
    books: Books, sequence: int, sent: layout.Sent, rows: I64, which: npt.NDArray[np.bool_], event: OrderEvent
) -> None:  # fmt: skip
    """Let some rows say something else, on all units."""
    if not which.any():
        return
    others = layout.Sent(sent.events.copy(), sent.lines)
    others.events["event"] = event
    if event is OrderEvent.CANCEL:
        others.events["event_key"] ^= _OTHER_KEY  # its id is to be the closing's
    books.judge(sequence, others, np.where(which, rows, -1), layout.STAGE_SHIPPED)
