"""Room: whether a book's arenas, and what is told, hold whatever an event may do, so that rules need not look."""

from __future__ import annotations

from typing import Any

from kernels._jit import rule
from kernels.life.layout import EXTRA_WORDS, INT64, PAYMENT_COUNT, PAYMENTS_MAX
from kernels.life.runs import SIZES
from kernels.life.select import parts_max
from kernels.life.tell import CELLS, MONEY, UNITS

MONEY_MOVES_MAX = 4 * PAYMENTS_MAX  # more than one event can do


@rule
def needs_words(book: Any, memory: Any) -> int:
    """More words than one event can take for this book."""
    extra = 0
    if book.extra:
        for count in range(PAYMENT_COUNT, EXTRA_WORDS, 2):
            extra += memory.words[book.extra + count]
    return INT64(128 + 2 * book.events + 16 * extra)


@rule
def moves_max(book: Any, event: Any, memory: Any) -> int:
    """More moves of units than one event can do: every position as a whole, and a part of one for all that it names."""
    named = INT64(event.line_last) - INT64(event.line_first)
    return INT64(book.positions) + 8 + (named * (parts_max(book, memory) + 1) if named > 0 else 0)


@rule
def has_memory(book: Any, moves: int, memory: Any) -> bool:
    """Whether the arenas have room for what so many moves may take; a run that grows leaves its old ones behind."""
    positions = memory.positions.shape[0] - memory.free_positions[SIZES]
    words = memory.words.shape[0] - memory.free_words[SIZES]
    return bool(positions >= 6 * (INT64(book.positions) + moves) and words >= needs_words(book, memory))


@rule
def has_room(book: Any, event: Any, memory: Any, told: Any) -> bool:
    moves = moves_max(book, event, memory)
    rows = min(told.units.shape[0] - told.ends[UNITS], told.cells.shape[0] - told.ends[CELLS])
    return bool(
        rows >= moves and told.money.shape[0] - told.ends[MONEY] >= MONEY_MOVES_MAX and has_memory(book, moves, memory)
    )
