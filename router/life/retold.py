"""Books of many orders as the log tells them, in a few large steps; ``router/life/history.py`` tells of one.

    links (router/log/chains.py) ─▶ chapters ─▶ books

Reading the chapters takes the log and the time; telling them to the books is quick.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.life import layout
from router.arrow.arrays import numbers
from router.arrow.selection import select
from router.life.before_books import judge_again
from router.life.books import Books
from router.life.events import judged_of, sent_before_books, sent_of
from router.life.grants import granted_of
from router.life.opening import opening_of
from router.life.states import STATE_NUMBERS, pack_state
from router.log.chains import Link
from router.log.columns import Status
from router.log.kinds import Kind

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Tell = Callable[[Books, I64], None]  # of the orders of these rows of the index


@dataclasses.dataclass(frozen=True)
class Chapter:
    """Steps of one kind, an entry a step; of an order that is named more than once the earlier ones first."""

    who: I64  # numbers of the orders among those that were asked for
    versions: I32
    sequences: I64
    record_rows: I64
    tell: Tell


def retell(books: Books, rows: I64, chapters: Iterable[Chapter]) -> None:
    """Open the books of orders, by their rows in the index."""
    for chapter in chapters:
        its = rows[chapter.who]
        chapter.tell(books, its)
        books.set_newest(its, chapter.versions, chapter.sequences, chapter.record_rows)


def chapters_of(links: Sequence[Link], key: U64) -> list[Chapter]:
    """Decisions first, of all orders alike: each comes before whatever happened to its order."""
    accepted = [_accepted(link) for link in links if link.kind is Kind.ORDERS]
    later = (link for link in links if link.kind is not Kind.ORDERS)
    runs = [accepted, *(list(run) for _, run in groupby(later, lambda link: (link.kind, link.has_books)))]
    return [_chapter(run, key) for run in runs if sum(len(link.who) for link in run)]


def _accepted(link: Link) -> Link:
    """Without those that were rejected, of which there is no book."""
    at = np.flatnonzero(numbers(link.outcome, "status") != Status.REJECTED)
    return dataclasses.replace(
        link, rows=link.rows[at], who=link.who[at], given=select(link.given, at), outcome=select(link.outcome, at)
    )


def _chapter(run: Sequence[Link], key: U64) -> Chapter:
    link = run[0]
    given = pa.concat_batches([link.given for link in run])
    outcome = pa.concat_batches([link.outcome for link in run])
    sequences = np.repeat([link.sequence for link in run], [len(link.who) for link in run])
    record_rows = np.concatenate([link.rows for link in run])
    if link.kind is Kind.ORDERS:
        tell = _decided(given, outcome, sequences, record_rows)
    elif link.kind is Kind.GRANTED:
        tell = _granted(given)
    elif link.has_books[0]:
        tell = _applied(sent_of(given), outcome)
    elif link.has_books[1]:
        tell = _applied(sent_before_books(given, key), outcome)
    else:
        tell = _judged_again(sent_before_books(given, key), outcome)
    who = np.concatenate([link.who for link in run])
    return Chapter(who, numbers(outcome, "version").astype(np.int32), sequences, record_rows, tell)


def _decided(given: pa.RecordBatch, outcome: pa.RecordBatch, sequences: I64, record_rows: I64) -> Tell:
    state = pack_state(STATE_NUMBERS[numbers(outcome, "status")], numbers(given, "payment"))
    opening = opening_of(given, outcome, np.zeros(len(state), np.int64), state)

    def tell(books: Books, rows: I64) -> None:
        books.open(0, dataclasses.replace(opening, rows=rows))
        books.set_decided(rows, sequences, record_rows)

    return tell


def _granted(given: pa.RecordBatch) -> Tell:
    granted = granted_of(given)

    def tell(books: Books, rows: I64) -> None:
        books.take_granted(0, granted, rows)

    return tell


def _applied(sent: layout.Sent, outcome: pa.RecordBatch) -> Tell:
    judged = judged_of(outcome)
    return lambda books, rows: books.apply(0, sent, rows, judged)


def _judged_again(sent: layout.Sent, outcome: pa.RecordBatch) -> Tell:
    """Events whose outcome was written before books were opened."""
    known = judged_of(outcome)

    def tell(books: Books, rows: I64) -> None:
        judge_again(books, 0, sent, rows, known)

    return tell
