"""Books of a shard's open orders: where their units and their money are, and which events they have seen.

    open    the orders of a decided batch           judge   a batch of events, done as it is judged
    apply   the same from what was told             end     books of closed orders are let go

Private to the shard's owner and a step ahead of the order index: books know what was judged, the index shows what is
durable. All of it lies in three arrays (kernels/life/layout.py) that grow at their ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.life import apply as _apply
from kernels.life import end as _end
from kernels.life import judge as _judge
from kernels.life import layout
from kernels.life.open import open_books
from kernels.life.runs import FREE, SIZES, first_free
from router.arrow.arena import Arena
from router.arrow.arrays import frozen
from router.ids import hash_text
from router.life.rules import rule_table

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[Any]

REVIEW = "review"  # the hold of an order that waits to be looked at
_ROOM = {"books": 1 << 16, "positions": 1 << 18, "words": 1 << 18}  # entries at first, and the least that is added
_POSITIONS_EACH, _WORDS_EACH = 4, 16  # of an event: what the arrays grow by where a batch needs more than there is
_MORE = 1 << 17  # and by this; twice as much each time that one event does not find room
_DTYPES: dict[str, Any] = {
    "books": layout.BOOK, "positions": layout.POSITION, "words": np.int64, "book_of_row": np.uint32,
}  # fmt: skip


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


@dataclass
class Judged:
    """What a batch of events did: verdicts row for row, and its moves."""

    verdicts: Rows  # (n) VERDICT
    units: Rows  # UNIT_MOVE
    money: Rows  # MONEY_MOVE
    cells: Rows  # CELL_MOVE


class Books:
    """Books by row of the order index."""

    def __init__(self, key: U64, arena: Arena) -> None:
        self._arena = arena
        self._blocks: dict[str, npt.NDArray[Any]] = {}
        for name, count in {**_ROOM, "book_of_row": 1 << 16}.items():
            block = arena.allocate(f"life.{name}", count * np.dtype(_DTYPES[name]).itemsize)
            self._blocks[name] = block.view(_DTYPES[name])
        self._free_books = np.array([0, 1], np.int64)
        self._free_positions, self._free_words = first_free(), first_free()
        self._shipment_keys = _keys(key, [""] + [str(number) for number in range(1, layout.SHIPMENTS_MAX + 1)])
        self._review_key = int(_keys(key, [REVIEW])[0])

    @property
    def book_of_row(self) -> npt.NDArray[np.uint32]:
        """Number of the book of each row of the index, 0 = none."""
        return self._blocks["book_of_row"]

    @property
    def count(self) -> int:
        """Books that are open."""
        free, number = 0, int(self._free_books[0])
        while number:
            free, number = free + 1, int(self._blocks["books"]["payment"][number])
        return int(self._free_books[1]) - 1 - free

    @property
    def nbytes(self) -> int:
        """Memory that was used so far."""
        used = {
            "books": self._free_books[1],
            "positions": self._free_positions[SIZES],
            "words": self._free_words[SIZES],
        }
        return sum(int(count) * np.dtype(_DTYPES[name]).itemsize for name, count in used.items())

    def of(self, row: int) -> Rows:
        """One open book as the kernels see it; for what is seldom asked."""
        book: Rows = self._blocks["books"][self.book_of_row[row]]
        return book

    # --- orders ----------------------------------------------------------------------------------

    def open(self, sequence: int, orders: Opening) -> None:
        """Open the books of the orders of a record."""
        count, lines = len(orders.rows), len(orders.line_sku)
        self._reserve_rows(int(orders.rows.max(initial=-1)) + 1)
        self._reserve("books", int(self._free_books[1]) + count)
        self._reserve("positions", int(self._free_positions[SIZES]) + 2 * (len(orders.allocation_sku) + lines + count))
        extra = layout.EXTRA_WORDS + 3
        self._reserve(
            "words", int(self._free_words[SIZES]) + extra * count + 2 * lines + 8 * len(orders.allocation_sku)
        )
        open_books(
            sequence, orders.rows, orders.status, orders.state, orders.total_minor, orders.currency, orders.version,
            orders.granted_offset, orders.customer, orders.line_offset, orders.line_sku, orders.line_qty,
            orders.line_key, orders.line_total_minor, orders.backordered, orders.allocation_offset,
            orders.allocation_sku, orders.allocation_node, orders.allocation_qty, orders.parcel_offset,
            orders.parcel_node, orders.parcel_day, self._memory(), self.book_of_row,
        )  # fmt: skip

    def end(self, rows: I64) -> None:
        """Let the books of orders go that were closed."""
        _end.end_books(np.unique(rows), self.book_of_row, self._memory())

    # --- events ----------------------------------------------------------------------------------

    def judge(self, sequence: int, sent: layout.Sent, rows: I64, falls_at: int) -> Judged:
        """Judge a batch of events on the orders of these rows (-1 unknown), doing what they say as it goes."""
        told, sent = _Telling(len(rows)), layout.Sent(*map(frozen, sent))
        self._reserve_rows(int(rows.max(initial=-1)) + 1)

        def run(start: int) -> int:
            terms = self._terms(falls_at)
            return int(_judge.judge(start, sequence, sent, rows, self.book_of_row, terms, self._memory(), told.told))

        self._through(run, len(rows), told.make_room)
        return told.judged()

    def apply(self, sequence: int, sent: layout.Sent, rows: I64, judged: Judged) -> None:
        """Do what a batch did when it was judged; asserts that the books are those it was judged on."""
        told = layout.Told(judged.verdicts, judged.units, judged.money, judged.cells, np.zeros(3, np.int64))
        sent = layout.Sent(*map(frozen, sent))

        def run(start: int) -> int:
            terms = self._terms(layout.STAGE_SHIPPED)
            done = int(_apply.apply(start, sequence, sent, rows, self.book_of_row, terms, self._memory(), told))
            assert done >= 0, f"row {-1 - done} of record {sequence} moved units that its order does not have there"
            return done

        self._through(run, len(rows), lambda step: None)

    def _through(self, run: Callable[[int], int], rows: int, make_room: Callable[[int], None]) -> None:
        """Let a kernel go through all rows; where it stops for lack of room there is more when it goes on."""
        done, step = run(0), 1
        while done < rows:
            more = step * _MORE
            self._reserve("positions", int(self._free_positions[SIZES]) + _POSITIONS_EACH * (rows - done) + more)
            self._reserve("words", int(self._free_words[SIZES]) + _WORDS_EACH * (rows - done) + more)
            make_room(step)
            went = run(done)
            step, done = 2 * step if went == done else 1, went

    # --- state -----------------------------------------------------------------------------------

    def state_hash(self, row_hi: U64) -> int:
        """Digest of all open books; equal facts give equal digests whatever path led there."""
        self._reserve_rows(len(row_hi))
        return int(_end.fold_books(len(row_hi), row_hi, self.book_of_row, self._memory()))

    def units(self, rows: int) -> I64:
        """(k, 4) SKU, node, account, units: where the ledger has to have what open orders hold."""
        found = np.empty((int(self._free_positions[SIZES]), 4), np.int64)
        return found[: int(_end.list_units(rows, self.book_of_row, self._memory(), found))]

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        """The state for a checkpoint, copied."""
        used = {
            "books": self._free_books[1],
            "positions": self._free_positions[SIZES],
            "words": self._free_words[SIZES],
        }
        kept = {name: _plain(self._blocks[name][: int(count)]).copy() for name, count in used.items()}
        free = np.concatenate([self._free_books, self._free_positions, self._free_words])
        return {**kept, "book_of_row": self.book_of_row.copy(), "free": free}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Become what was dumped."""
        for name in _DTYPES:
            stored = arrays[name].view(_DTYPES[name])
            self._reserve(name, len(stored))
            self._blocks[name][: len(stored)] = stored
        books, positions, words = np.split(arrays["free"], [2, 2 + FREE])
        self._free_books, self._free_positions, self._free_words = books.copy(), positions.copy(), words.copy()

    # --- memory ----------------------------------------------------------------------------------

    def _memory(self) -> layout.Memory:
        blocks = self._blocks
        return layout.Memory(
            blocks["books"], blocks["positions"], blocks["words"], self._free_books, self._free_positions,
            self._free_words,
        )  # fmt: skip

    def _terms(self, falls_at: int) -> layout.Terms:
        settings = np.array([falls_at, self._review_key], np.int64)
        return layout.Terms(rule_table(), frozen(self._shipment_keys), frozen(settings))

    def _reserve_rows(self, rows: int) -> None:
        self._reserve("book_of_row", rows)

    def _reserve(self, name: str, count: int) -> None:
        block = self._blocks[name]
        if count > len(block):
            step = _ROOM.get(name, 1 << 16)
            wanted = -(-count // step) * step
            grown = self._arena.extend(f"life.{name}", wanted * block.dtype.itemsize)
            self._blocks[name] = grown.view(_DTYPES[name])


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


def _plain(rows: Rows) -> npt.NDArray[Any]:
    """Structured rows as the bytes they are, so that a checkpoint need not know their fields."""
    return rows.view(np.uint8) if rows.dtype.names else rows


def _keys(key: U64, texts: list[str]) -> I64:
    """Keyed 64-bit hashes, as events carry them."""
    return np.array([hash_text(key, text)[1] for text in texts], np.uint64).view(np.int64)
