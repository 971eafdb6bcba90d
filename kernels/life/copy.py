"""Copy: one book several times, so that events can be tried on it."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, IN_I64, OUT_U32, inlined_rule, kernel, rule
from kernels.life.layout import (
    EXTRA_WORDS,
    HOLDS,
    HOLDS_MAX,
    INT64,
    LINE_COUNT,
    LINE_KEYS,
    MEMORY,
    PART_COUNT,
    PART_WORDS,
    PARTS,
    PAYMENT_COUNT,
    PAYMENT_WORDS,
    PAYMENTS,
    SHIPMENT_COUNT,
    SHIPMENT_WORDS,
    SHIPMENTS,
)
from kernels.life.open import take_book
from kernels.life.room import needs_words
from kernels.life.runs import copy_position, first_position, take_positions, take_words

Array = npt.NDArray[Any]


@rule
def copied_words(at: int, count: int, memory: Any) -> int:
    """A run with the same words; 0 of none."""
    if at == 0:
        return 0
    new = take_words(count, memory)
    for place in range(count):
        memory.words[new + place] = memory.words[at + place]
    return new


@inlined_rule
def copy_run(extra: int, place: int, count: int, memory: Any) -> None:
    """Give a copied EXTRA its own run instead of the one it shares."""
    memory.words[extra + place] = copied_words(memory.words[extra + place], count, memory)


@rule
def copied_extra(extra: int, memory: Any) -> int:
    new = copied_words(extra, EXTRA_WORDS, memory)
    if new != 0:
        words = memory.words
        copy_run(new, PAYMENTS, PAYMENT_WORDS * words[new + PAYMENT_COUNT], memory)
        copy_run(new, SHIPMENTS, SHIPMENT_WORDS * words[new + SHIPMENT_COUNT], memory)
        copy_run(new, PARTS, PART_WORDS * words[new + PART_COUNT], memory)
        copy_run(new, LINE_KEYS, words[new + LINE_COUNT], memory)
        copy_run(new, HOLDS, INT64(HOLDS_MAX), memory)
    return new


@rule
def copied_positions(book: Any, memory: Any) -> int:
    count = INT64(book.positions)
    new = take_positions(max(count, INT64(1)), memory)
    for place in range(count):
        copy_position(memory.positions[first_position(book) + place], memory.positions[new + place])
    return new


@kernel(I64, I64, I64, IN_I64, OUT_U32, MEMORY)
def copy_book(start: int, row: int, rows: Array, book_of_row: Array, memory: Any) -> int:
    """Copy the book of a row, from ``start`` on; returns the first of ``rows`` that lacks room.

    row          of an order in the index that has a book
    rows         (n) i64  without books                                                                   IN
    book_of_row  u32      theirs afterwards                                                               INOUT
    memory       Memory   with room for n books                                                           INOUT

    Afterwards each of the books says what the one says, and none shares memory with another. Cost: n x its size.
    """
    for at in range(start, rows.shape[0]):
        book = memory.books[INT64(book_of_row[row])]
        if memory.positions.shape[0] - memory.free_positions[memory.free_positions.shape[0] - 1] < 2 * (
            INT64(book.positions) + 1
        ) or memory.words.shape[0] - memory.free_words[memory.free_words.shape[0] - 1] < needs_words(book, memory):
            return at
        number = take_book(memory)
        memory.books[number] = book
        new = memory.books[number]
        new.first_position = copied_positions(book, memory)
        new.first_event = copied_words(INT64(book.first_event), INT64(book.events), memory)
        new.extra = copied_extra(INT64(book.extra), memory)
        book_of_row[rows[at]] = number
    return rows.shape[0]
