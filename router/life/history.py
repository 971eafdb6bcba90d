"""A book as the log tells it: what happened to one order, done again step by step, deciding nothing.

For whoever has no book of the order: an event that comes after it was closed, what is taken back, readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from router.life.before_books import judge_again
from router.life.books import Books
from router.life.events import judged_again, judged_of, sent_again, sent_before_books
from router.life.grants import granted_of
from router.life.opening import opening_of
from router.life.states import STATE_OF_STATUS, pack_state
from router.log.columns import Status
from router.log.kinds import Kind
from router.log.steps import Step

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


def tell(books: Books, row: int, steps: Iterable[Step], key: U64) -> None:
    """Open the book of a row as the steps tell it, or go on with it where earlier ones did."""
    rows = np.array([row], np.int64)
    for (kind, is_new), run in groupby(steps, lambda step: (step.kind, step.given_version > 0)):
        if kind is Kind.EVENTS and is_new:
            _tell_events(books, rows, list(run))
            continue
        for step in run:
            _tell_one(books, rows, step, key)


def _tell_one(books: Books, rows: I64, step: Step, key: U64) -> None:
    if step.kind is Kind.ORDERS:
        if step.outcome["status"] != Status.REJECTED:
            state = pack_state(STATE_OF_STATUS[step.outcome["status"]], step.given["payment"])
            opening = opening_of(step.given.batch, step.outcome.batch, rows, np.array([state], np.uint8))
            books.open(step.sequence, opening, step.row)
    elif step.kind is Kind.GRANTED:
        books.take_granted(step.sequence, granted_of(step.given.batch), rows, step.row)
    else:
        _tell_before_books(books, rows, step, key)


def _tell_before_books(books: Books, rows: I64, step: Step, key: U64) -> None:
    """An event that came in before books were opened; its outcome may have been written since."""
    sent, judged = sent_before_books(step.given.batch, key), judged_of(step.outcome.batch)
    if step.outcome_version == 0:
        judge_again(books, step.sequence, sent, rows, judged, step.row)
        return
    books.apply(step.sequence, sent, rows, judged)
    books.set_newest(rows, np.array([step.outcome["version"]], np.int32), step.sequence, np.array([step.row]))


def _tell_events(books: Books, rows: I64, steps: Sequence[Step]) -> None:
    """Events of one order, one after the other."""
    sent, judged = sent_again([step.given for step in steps]), judged_again([step.outcome for step in steps])
    books.apply(0, sent, np.repeat(rows, len(steps)), judged)
    last = steps[-1]
    books.set_newest(rows, np.array([last.outcome["version"]], np.int32), last.sequence, np.array([last.row]))
