"""Runs: memory of the books in pieces of a few sizes, given back and taken again without moving anything else.

    sizes   1, 2, 3, 4, 6, 8, 12, 16, 24, …: a run that grows takes the next size and is copied
    free    per size the head of a list of free runs, each linked through its first entry; the last word of ``free`` is
            the first entry that was never used

Nothing is ever moved but a run that outgrows its size, so an index stays good while its owner does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.life.layout import INT64

Array = npt.NDArray[Any]

SIZES = 64  # sizes there are; the largest has some 4 thousand million entries
FREE = SIZES + 1


def first_free() -> npt.NDArray[np.int64]:
    """Lists of free runs of an empty arena; entry 0 is never given out."""
    free = np.zeros(FREE, np.int64)
    free[SIZES] = 1
    return free


@inlined_rule
def either(value: int, one: int, other: int) -> bool:
    return bool(value == one or value == other)  # noqa: SIM109  (numba looks into tuples of one type only)


@inlined_rule
def first_position(book: Any) -> int:
    """Index of a book's first position; unsigned numbers that meet signed ones would become floats."""
    return INT64(book.first_position)


@inlined_rule
def end_position(book: Any) -> int:
    return INT64(book.first_position) + INT64(book.positions)


@inlined_rule
def size_of(number: int) -> int:
    """Entries of a run of this size: 1, 2, 3, 4, 6, 8, 12, 16, 24, …"""
    if number < 2:
        return number + 1
    return (2 + (number + 1 & 1)) << ((number + 1 >> 1) - 1)


@inlined_rule
def size_for(count: int) -> int:
    """The smallest size that holds so many entries, at least one."""
    number = 0
    while size_of(number) < count:
        number += 1
    return number


@rule
def take_words(count: int, memory: Any) -> int:
    """A run of words for ``count`` entries; the caller made sure that there is room."""
    number = size_for(count)
    at = memory.free_words[number]
    if at != 0:
        memory.free_words[number] = memory.words[at]
    else:
        at = memory.free_words[SIZES]
        memory.free_words[SIZES] = at + size_of(number)
    return INT64(at)


@rule
def give_words(at: int, count: int, memory: Any) -> None:
    """Take back a run that was taken for, or has grown to, ``count`` entries."""
    if at != 0:
        number = size_for(count)
        memory.words[at] = memory.free_words[number]
        memory.free_words[number] = at


@rule
def grown_words(at: int, count: int, more: int, memory: Any) -> int:
    """A run of ``count`` entries with room for ``more``: the same one, or a larger one that it was copied to."""
    if at == 0:
        return take_words(more, memory)
    if size_for(count) == size_for(count + more):
        return at
    new = take_words(count + more, memory)
    for place in range(count):
        memory.words[new + place] = memory.words[at + place]
    give_words(at, count, memory)
    return new


@rule
def take_positions(count: int, memory: Any) -> int:
    """As :func:`take_words`; free runs of positions are linked through ``sku``."""
    number = size_for(count)
    at = memory.free_positions[number]
    if at != 0:
        memory.free_positions[number] = memory.positions[at].sku
    else:
        at = memory.free_positions[SIZES]
        memory.free_positions[SIZES] = at + size_of(number)
    return INT64(at)


@rule
def give_positions(at: int, count: int, memory: Any) -> None:
    if at != 0:
        number = size_for(count)
        memory.positions[at].sku = memory.free_positions[number]
        memory.free_positions[number] = at


@rule
def copy_position(old: Any, new: Any) -> None:
    new.value_minor, new.sku, new.qty, new.line, new.node = old.value_minor, old.sku, old.qty, old.line, old.node
    new.ship_day, new.stage, new.shipment = old.ship_day, old.stage, old.shipment


@rule
def add_position(book: Any, memory: Any) -> int:
    """Room for one position more at the end of a book's run; returns its index. The run may have moved."""
    count, at = INT64(book.positions), INT64(book.first_position)
    if at == 0 or size_for(count) != size_for(count + 1):
        new = take_positions(count + 1, memory)
        for place in range(count):
            copy_position(memory.positions[at + place], memory.positions[new + place])
        give_positions(at, count, memory)
        book.first_position = new
        at = new
    book.positions = count + 1
    return at + count
