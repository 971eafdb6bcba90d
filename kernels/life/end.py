"""End: books of orders that were closed are let go; digests and sums over all that are open."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I64, IN_U32, IN_U64, OUT_I64_2D, OUT_U32, U64, VOID, inlined_rule, kernel, rule
from kernels.life.layout import (
    AUTHORIZED,
    AVAILABLE,
    CAPTURED,
    CREDITED,
    EXTRA_WORDS,
    GONE,
    HOLD_COUNT,
    HOLDS,
    HOLDS_MAX,
    INT64,
    LINE_COUNT,
    LINE_KEYS,
    MEMORY,
    ON_HOLD,
    PART_COUNT,
    PART_WORDS,
    PARTS,
    PAYMENT_COUNT,
    PAYMENT_WORDS,
    PAYMENTS,
    PROMOTED,
    REFUNDED,
    REFUNDING,
    SHIPMENT_COUNT,
    SHIPMENT_WORDS,
    SHIPMENTS,
    STAGE_MASK,
    TOGETHER,
    WRITTEN_OFF,
)
from kernels.life.money import credited_minor, due_minor, sum_of, total_of, written_off_minor
from kernels.life.runs import end_position, first_position, give_positions, give_words
from kernels.life.units import account_of, stage_byte_of
from kernels.rows.fingerprint import absorb, scatter
from kernels.rows.read_words import ZERO

Array = npt.NDArray[Any]


@rule
def give_extra(book: Any, memory: Any) -> None:
    extra = INT64(book.extra)
    if extra == 0:
        return
    words = memory.words
    give_words(words[extra + PAYMENTS], PAYMENT_WORDS * words[extra + PAYMENT_COUNT], memory)
    give_words(words[extra + SHIPMENTS], SHIPMENT_WORDS * words[extra + SHIPMENT_COUNT], memory)
    give_words(words[extra + PARTS], PART_WORDS * words[extra + PART_COUNT], memory)
    give_words(words[extra + LINE_KEYS], words[extra + LINE_COUNT], memory)
    give_words(words[extra + HOLDS], HOLDS_MAX, memory)
    give_words(extra, EXTRA_WORDS, memory)


@kernel(VOID, IN_I64, OUT_U32, MEMORY)
def end_books(rows: Array, book_of_row: Array, memory: Any) -> None:
    """Let go of the books of orders.

    rows         (n) i64  of the orders in the index; those without a book are passed by                  IN
    book_of_row  u32      0 afterwards                                                                    INOUT
    memory       Memory   what they took can be taken again                                               INOUT
    """
    for row in range(rows.shape[0]):
        number = INT64(book_of_row[rows[row]])
        if number == 0:
            continue
        book = memory.books[number]
        give_extra(book, memory)
        give_words(INT64(book.first_event), INT64(book.events), memory)
        give_positions(INT64(book.first_position), INT64(book.positions), memory)
        book.payment = memory.free_books[0]
        memory.free_books[0] = number
        book_of_row[rows[row]] = 0


@inlined_rule
def mixed(state: np.uint64, number: int) -> np.uint64:
    return absorb(state, np.uint64(number))


@inlined_rule
def byte_of(book: Any, position: Any) -> int:
    """The stage byte of a position, whether or not all units of the order lie together."""
    return stage_byte_of(book) if book.flags & TOGETHER else INT64(position.stage)


@rule
def fold_words(state: np.uint64, first: int, count: int, memory: Any) -> np.uint64:
    """A digest of words in no particular order."""
    total = ZERO
    for at in range(first, first + count):
        total += scatter(mixed(state, memory.words[at]))
    return total


@rule
def fold_positions(state: np.uint64, book: Any, memory: Any) -> np.uint64:
    total = ZERO
    for at in range(first_position(book), end_position(book)):
        position = memory.positions[at]
        if position.qty == 0:
            continue
        one = mixed(mixed(state, position.line), position.sku)
        one = mixed(mixed(one, position.node), position.qty)
        one = mixed(mixed(one, byte_of(book, position)), position.shipment)
        total += scatter(mixed(mixed(one, position.ship_day), position.value_minor))
    return total


@rule
def fold_run(state: np.uint64, first: int, count: int, memory: Any) -> np.uint64:
    """A digest of words in their order."""
    for at in range(first, first + count):
        state = mixed(state, memory.words[at])
    return state


@inlined_rule
def extra_word(book: Any, word: int, memory: Any) -> int:
    return INT64(memory.words[book.extra + word]) if book.extra else 0


@rule
def fold_extra(state: np.uint64, book: Any, memory: Any) -> np.uint64:
    """A book that has an EXTRA without anything in it is as one that has none."""
    state = mixed(mixed(state, extra_word(book, CREDITED, memory)), extra_word(book, WRITTEN_OFF, memory))
    first, count = extra_word(book, HOLDS, memory), extra_word(book, HOLD_COUNT, memory)
    state = absorb(state, fold_words(state, first, count, memory))
    for run in range(PAYMENTS, EXTRA_WORDS, 2):
        if run != HOLDS:
            count = extra_word(book, run + 1, memory)
            state = fold_run(mixed(state, count), extra_word(book, run, memory), count * entry_words(run), memory)
    return state


@inlined_rule
def entry_words(run: int) -> int:
    """Words of one entry of a run of EXTRA."""
    if run == PAYMENTS:
        return PAYMENT_WORDS
    if run == SHIPMENTS:
        return SHIPMENT_WORDS
    return PART_WORDS if run == PARTS else 1


@kernel(U64, I64, IN_U64, IN_U32, MEMORY)
def fold_books(count: int, row_hi: Array, book_of_row: Array, memory: Any) -> np.uint64:
    """Sum over all open orders of a mix of all their books hold, modulo 2^64: the same whatever path led there.

    count        rows of the order index                                                                  IN
    row_hi       (>= count) u64  upper half of the id's hash    book_of_row (>= count) u32                IN
    memory       Memory                                                                                   IN
    """
    total = ZERO
    for row in range(count):
        number = INT64(book_of_row[row])
        if number == 0:
            continue
        book = memory.books[number]
        state = mixed(absorb(ZERO, row_hi[row]), book.state)
        state = mixed(mixed(state, book.flags & (TOGETHER | PROMOTED | ON_HOLD)), total_of(book, memory))
        state = mixed(mixed(mixed(state, book.version), book.customer), book.currency)
        state = mixed(mixed(state, book.order_sequence), book.order_row)
        state = mixed(mixed(state, book.newest_sequence), book.newest_row)
        state = mixed(mixed(state, book.payment), book.tracking)
        state = absorb(state, fold_positions(state, book, memory))
        state = absorb(state, fold_words(state, INT64(book.first_event), INT64(book.events), memory))
        total += scatter(fold_extra(state, book, memory))
    return total


@inlined_rule
def place_of(book: Any, position: Any) -> int:
    """The ledger's account of a position's units; a wait that was cancelled has left nothing anywhere."""
    account = account_of(byte_of(book, position))
    return GONE if account == AVAILABLE and position.node < 0 else account


@kernel(I64, I64, IN_U32, MEMORY, OUT_I64_2D)
def list_units(count: int, book_of_row: Array, memory: Any, units: Array) -> int:
    """Where the ledger has to have the units of all open orders; returns the rows filled.

    count        rows of the order index                                                                  IN
    book_of_row  (>= count) u32    memory Memory                                                          IN
    units        (>= positions in use, 4) i64  SKU, node, account, units                                  OUT
    """
    filled: int = INT64(0)
    for row in range(count):
        number = INT64(book_of_row[row])
        if number == 0:
            continue
        book = memory.books[number]
        for at in range(first_position(book), end_position(book)):
            position = memory.positions[at]
            if position.qty > 0:
                units[filled, 0], units[filled, 1] = position.sku, position.node
                units[filled, 2], units[filled, 3] = place_of(book, position), position.qty
                filled += 1
    return filled


@kernel(VOID, IN_I64, IN_U32, MEMORY, OUT_I64_2D, OUT_I64_2D)
def sum_books(rows: Array, book_of_row: Array, memory: Any, units: Array, money: Array) -> None:
    """What the books of some orders say in sum.

    rows         (k) i64  of the orders in the index, each with a book    book_of_row u32                 IN
    memory       Memory                                                                                   IN
    units        (k, 10) i64  units by stage                                                              OUT
    money        (k, 8) i64   authorized, captured, refunding, refunded, due, total, credited, written off OUT
    """
    for row in range(rows.shape[0]):
        book = memory.books[INT64(book_of_row[rows[row]])]
        units[row, :] = 0
        for at in range(first_position(book), end_position(book)):
            position = memory.positions[at]
            units[row, byte_of(book, position) & STAGE_MASK] += position.qty
        money[row, 0], money[row, 1] = sum_of(book, AUTHORIZED, memory), sum_of(book, CAPTURED, memory)
        money[row, 2], money[row, 3] = sum_of(book, REFUNDING, memory), sum_of(book, REFUNDED, memory)
        money[row, 4], money[row, 5] = due_minor(book, memory), total_of(book, memory)
        money[row, 6], money[row, 7] = credited_minor(book, memory), written_off_minor(book, memory)
