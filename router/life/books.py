"""Books of a shard's open orders: where their units and their money are, and which events they have seen.

    open    the orders of a decided batch           judge   a batch of events, done as it is judged
    apply   the same from what was told             end     books of closed orders are let go

Private to the shard's owner and a step ahead of the order index: books know what was judged, the index shows what is
durable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import apply as _apply
from kernels.life import check as _check
from kernels.life import end as _end
from kernels.life import judge as _judge
from kernels.life import layout
from kernels.life.copy import copy_book
from kernels.life.gifts import take_gifts
from kernels.life.open import open_books
from router.arrow.arena import Arena
from router.arrow.arrays import frozen
from router.ids import hash_text
from router.life.book_memory import BookMemory
from router.life.holds import REVIEW
from router.life.open_book import OpenBook, read_book
from router.life.rules import rule_table
from router.life.states import ORDER_BITS, OrderState
from router.log.columns import MONEY_SHOWN

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[Any]

_POSITIONS_EACH, _WORDS_EACH = 4, 16  # of an event: what the arrays grow by where a batch needs more than there is
_MORE = 1 << 17  # and by this; twice as much each time that one event does not find room


@dataclass(frozen=True)
class Opening:
    """The orders of one decided record as :meth:`Books.open` takes them; ragged lists by offsets."""

    rows: I64  # of the orders in the index
    status: npt.NDArray[np.int8]
    state: npt.NDArray[np.uint8]
    total_minor: I64
    currency: npt.NDArray[np.int16]
    version: I32
    granted_offset: I32
    customer: I64
    line_offset: I32
    line_sku: I32
    line_qty: I32
    line_key: I64
    line_total_minor: I64
    backordered: I32
    allocation_offset: I32
    allocation_sku: I32
    allocation_node: npt.NDArray[np.int16]
    allocation_qty: I32
    parcel_offset: I32
    parcel_node: npt.NDArray[np.int16]
    parcel_day: I32


@dataclass(frozen=True)
class Granted:
    """What orders were granted as :meth:`Books.take_granted` takes it; columns of GRANTED."""

    offset: I32
    line: I32
    sku: I32
    node: npt.NDArray[np.int16]
    qty: I32
    line_qty: I32


@dataclass
class Judged:
    """What a batch of events did: verdicts row for row, and its moves."""

    verdicts: Rows  # (n) VERDICT
    units: Rows  # UNIT_MOVE
    money: Rows  # MONEY_MOVE
    cells: Rows  # CELL_MOVE


class Books:
    """Books by row of the order index; a row is -1 where an order is unknown."""

    def __init__(self, key: U64, arena: Arena) -> None:
        self._memory = BookMemory(arena)
        self._shipment_keys = _keys(key, [""] + [str(number) for number in range(1, layout.SHIPMENTS_MAX + 1)])
        self._review_key = int(_keys(key, [REVIEW])[0])

    @property
    def count(self) -> int:
        """Books that are open."""
        return self._memory.count

    @property
    def nbytes(self) -> int:
        """Memory that was used so far."""
        return self._memory.nbytes

    # --- single books ----------------------------------------------------------------------------

    def look(self, row: int) -> OpenBook:
        """One open book as plain Python; for what is seldom done."""
        return read_book(self.of(row), self._memory.rows)

    def of(self, row: int) -> Rows:
        """The same as the kernels see it."""
        book: Rows = self._memory.books[self._memory.book_of_row[row]]
        return book

    # --- some books ------------------------------------------------------------------------------

    def customers(self, rows: I64) -> U64:
        """Keyed hash of each order's customer, 0 = guest."""
        return np.ascontiguousarray(self._memory.books["customer"][self._memory.book_of_row[rows]]).view(np.uint64)

    def were_promoted(self, rows: I64) -> npt.NDArray[np.bool_]:
        """Which of these orders were granted promotions."""
        return np.asarray(self._memory.books["flags"][self._memory.book_of_row[rows]] & layout.PROMOTED != 0)

    def are_open(self, rows: I64) -> npt.NDArray[np.bool_]:
        """Which of these orders have a book."""
        self._memory.reserve_rows(rows)
        return np.asarray((rows >= 0) & (self._memory.book_of_row[rows] != 0))

    def are_busy(self, rows: I64) -> npt.NDArray[np.bool_]:
        """Which of these orders wait for an answer of the ledger, so that nothing else may be judged of them."""
        self._memory.reserve_rows(rows)
        flags = self._memory.books["flags"][self._memory.book_of_row[rows]]
        return np.asarray(flags & layout.BUSY != 0)

    def free(self, rows: I64) -> None:
        """Of these orders whatever is reported may be judged again."""
        self._memory.books["flags"][self._memory.book_of_row[rows]] &= ~np.uint8(layout.BUSY)

    def are_closed(self, rows: I64) -> npt.NDArray[np.bool_]:
        """Which of these orders have a book although they are closed."""
        self._memory.reserve_rows(rows)
        states = self._memory.books["state"][self._memory.book_of_row[rows]] & ORDER_BITS
        return np.asarray((rows >= 0) & (states == OrderState.CLOSED))

    def states(self, rows: I64) -> npt.NDArray[np.uint8]:
        """State bytes of orders that have a book."""
        return np.asarray(self._memory.books["state"][self._memory.book_of_row[rows]])

    def newest_sequence(self, rows: I64) -> npt.NDArray[np.uint32]:
        """Of the newest record of each of these orders, judged or shown; 0 where it has no book."""
        return np.asarray(self._memory.books["newest_sequence"][self._memory.book_of_row[rows]])

    def set_newest(self, rows: I64, versions: I32, sequence: int | I64, record_rows: I64) -> None:
        """Name the newest record of orders that have a book, and the version it left them in; of an order that is named
        more than once the last one counts."""
        books, numbers = self._memory.books, self._memory.book_of_row[rows]
        books["version"][numbers], books["newest_sequence"][numbers] = versions, sequence
        books["newest_row"][numbers] = record_rows

    def set_decided(self, rows: I64, sequences: I64, record_rows: I64) -> None:
        """Name the records by which orders were decided, where these are several."""
        books, numbers = self._memory.books, self._memory.book_of_row[rows]
        books["order_sequence"][numbers], books["order_row"][numbers] = sequences, record_rows

    def sums(self, rows: I64) -> tuple[I64, I64]:
        """(k, stages) units and (k, MONEY_SHOWN) amounts of orders that have a book."""
        units = np.zeros((len(rows), layout.STAGES), np.int64)
        money = np.zeros((len(rows), len(MONEY_SHOWN)), np.int64)
        _end.sum_books(rows, self._memory.book_of_row, self._memory.rows, units, money)
        return units, money

    def check(self, orders: Opening) -> npt.NDArray[np.int8]:
        """What is wrong with the book of each of these orders, one of kernels/life/check.py FAULTS; without a book
        nothing is."""
        self._memory.reserve_rows(orders.rows)
        faults = np.empty(len(orders.rows), np.int8)
        _check.check_books(
            orders.rows, self._memory.book_of_row, orders.line_offset, orders.line_qty, orders.line_total_minor,
            self._memory.rows, faults,
        )  # fmt: skip
        return faults

    # --- orders ----------------------------------------------------------------------------------

    def open(self, sequence: int, orders: Opening, first_row: int = 0) -> None:
        """Open the books of orders of a record, of which the first is its row ``first_row``."""
        count, lines, allocations = len(orders.rows), len(orders.line_sku), len(orders.allocation_sku)
        self._memory.reserve_rows(orders.rows)
        self._memory.reserve(
            books=count,
            positions=2 * (allocations + lines + count),
            words=(layout.EXTRA_WORDS + 3) * count + 2 * lines + 8 * allocations,
        )
        open_books(
            sequence, first_row, orders.rows, orders.status, orders.state, orders.total_minor, orders.currency,
            orders.version, orders.granted_offset, orders.customer, orders.line_offset, orders.line_sku,
            orders.line_qty, orders.line_key, orders.line_total_minor, orders.backordered, orders.allocation_offset,
            orders.allocation_sku, orders.allocation_node, orders.allocation_qty, orders.parcel_offset,
            orders.parcel_node, orders.parcel_day, self._memory.rows, self._memory.book_of_row,
        )  # fmt: skip

    def end(self, rows: I64) -> None:
        """Let the books of orders go that were closed."""
        _end.end_books(np.unique(rows), self._memory.book_of_row, self._memory.rows)

    def copy(self, row: int, rows: I64) -> None:
        """Open books of further rows that say what the book of ``row`` says, to try something on them."""
        memory = self._memory
        memory.reserve_rows(rows)
        memory.reserve(books=len(rows))

        def run(start: int) -> int:
            return int(copy_book(start, row, rows, memory.book_of_row, memory.rows))

        self._through(run, len(rows), lambda step: None)

    def take_granted(self, sequence: int, granted: Granted, rows: I64, first_row: int = 0) -> Judged:
        """Take over units that the ledger gave to orders that waited; an order a row."""
        told = _Telling(len(rows))
        self._memory.reserve_rows(rows)

        def run(start: int) -> int:
            done = take_gifts(
                start, sequence, first_row, rows, granted.offset, granted.line, granted.sku, granted.node, granted.qty,
                granted.line_qty, self._memory.book_of_row, self._memory.rows, told.told,
            )  # fmt: skip
            return int(done)

        self._through(run, len(rows), told.make_room)
        return told.judged()

    # --- events ----------------------------------------------------------------------------------

    def judge(self, sequence: int, sent: layout.Sent, rows: I64, falls_at: int) -> Judged:
        """Judge a batch of events on the orders of these rows, doing what they say as it goes."""
        told, sent = _Telling(len(rows)), layout.Sent(*map(frozen, sent))
        self._memory.reserve_rows(rows)

        def run(start: int) -> int:
            terms, memory = self._terms(falls_at), self._memory
            return int(_judge.judge(start, sequence, sent, rows, memory.book_of_row, terms, memory.rows, told.told))

        self._through(run, len(rows), told.make_room)
        return told.judged()

    def apply(self, sequence: int, sent: layout.Sent, rows: I64, judged: Judged, first_row: int = 0) -> None:
        """Do what a batch did when it was judged; asserts that the books are those it was judged on."""
        told = layout.Told(judged.verdicts, judged.units, judged.money, judged.cells, np.zeros(3, np.int64))
        sent = layout.Sent(*map(frozen, sent))

        def run(start: int) -> int:
            terms, memory = self._terms(layout.STAGE_SHIPPED), self._memory
            done = _apply.apply(start, sequence, first_row, sent, rows, memory.book_of_row, terms, memory.rows, told)
            assert done >= 0, f"row {-1 - done} of record {sequence} moved units that its order does not have there"
            return int(done)

        self._through(run, len(rows), lambda step: None)

    def _through(self, run: Callable[[int], int], rows: int, make_room: Callable[[int], None]) -> None:
        """Let a kernel go through all rows; where it stops for lack of room there is more when it goes on."""
        done, step = run(0), 1
        while done < rows:
            more = step * _MORE
            self._memory.reserve(
                positions=_POSITIONS_EACH * (rows - done) + more, words=_WORDS_EACH * (rows - done) + more
            )
            make_room(step)
            went = run(done)
            step, done = 2 * step if went == done else 1, went

    def _terms(self, falls_at: int) -> layout.Terms:
        return layout.Terms(rule_table(), self._shipment_keys, frozen(np.array([falls_at, self._review_key], np.int64)))

    # --- state -----------------------------------------------------------------------------------

    def state_hash(self, row_hi: U64) -> int:
        """Digest of all open books; equal facts give equal digests whatever path led there."""
        self._memory.reserve_rows(np.array([len(row_hi) - 1]))
        return int(_end.fold_books(len(row_hi), row_hi, self._memory.book_of_row, self._memory.rows))

    def units(self, rows: int) -> I64:
        """(k, 4) SKU, node, account, units: where the ledger has to have what open orders hold."""
        found = np.empty((self._memory.used["positions"], 4), np.int64)
        return found[: int(_end.list_units(rows, self._memory.book_of_row, self._memory.rows, found))]

    def dump(self) -> dict[str, Rows]:
        """The state for a checkpoint until the next change."""
        return self._memory.dump()

    def restore(self, arrays: dict[str, Rows]) -> None:
        """Become what was dumped."""
        self._memory.restore(arrays)


def last_applied(judged: Judged) -> I64:
    """Rows of a batch that are the last applied one of their order."""
    applied = np.flatnonzero(judged.verdicts["result"] == layout.APPLIED)
    rows = judged.verdicts["row"][applied]
    _, last = np.unique(rows[::-1], return_index=True)
    return np.asarray(applied[len(applied) - 1 - last])


class _Telling:
    """Room for what a batch of events does; grows where the batch needs more."""

    def __init__(self, rows: int) -> None:
        self._verdicts = np.zeros(rows, layout.VERDICT)
        self._units = np.zeros(4 * rows + 1_024, layout.UNIT_MOVE)
        self._money = np.zeros(2 * rows + 1_024, layout.MONEY_MOVE)
        self._cells = np.zeros(4 * rows + 1_024, layout.CELL_MOVE)
        self._ends = np.zeros(3, np.int64)

    @property
    def told(self) -> layout.Told:
        return layout.Told(self._verdicts, self._units, self._money, self._cells, self._ends)

    def make_room(self, step: int) -> None:
        """Grow what is nearly full; more of it counts as nearly full with each step."""
        for name, end in zip(("_units", "_money", "_cells"), self._ends.tolist(), strict=True):
            rows, least = getattr(self, name), step << 14
            if len(rows) - end < least:
                setattr(self, name, np.concatenate([rows, np.zeros(len(rows) + 2 * least, rows.dtype)]))

    def judged(self) -> Judged:
        units, money, cells = self._ends.tolist()
        return Judged(self._verdicts, self._units[:units], self._money[:money], self._cells[:cells])


def _keys(key: U64, texts: list[str]) -> I64:
    """Keyed 64-bit hashes, as events carry them."""
    return frozen(np.array([hash_text(key, text)[1] for text in texts], np.uint64).view(np.int64))
