"""Windows: what happened lately, in bounded memory, and for ever, in tables that grow between batches.

    a window has two generations, each in an open-addressing table; a generation ends when the window has passed by
    the highest time seen, or when it holds entries_max entries; the one before it stays readable until then
    count in the window = this generation + the one before x (part of the window not yet passed)

An entry belongs to a generation by its number, so a new generation begins without clearing anything; both lie side
by side, so that looking at both costs one cache line. Tables are powers of two and never more than half full; keys
are hashes, so their low bits are the place. In tables for ever key 0 is a free place.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import I64, VOID, inlined_rule, kernel, rule
from kernels.ledger_layout import IO_ENTRIES, IO_GENERATIONS

Array = npt.NDArray[Any]


@inlined_rule
def rotate(placed_at_ms: int, window: Any) -> None:
    """Begin a new generation when it is time."""
    passed_ms = placed_at_ms - window.started_ms
    if passed_ms >= 2 * window.window_ms:
        window.generation += 2  # nothing of the generation before is recent either
        window.started_ms = placed_at_ms
        window.entries = 0
    elif passed_ms >= window.window_ms:
        window.generation += 1
        window.started_ms += window.window_ms
        window.entries = 0
    elif window.entries >= window.entries_max:
        window.generation += 1
        window.started_ms = max(placed_at_ms, window.started_ms)
        window.entries = 0


@inlined_rule
def find_recent(key: int, generation: int, entries: Array) -> int:
    """Place of the key in a generation, or the free place where it would stand."""
    half = generation & 1
    last = entries.shape[0] - 1
    at: int = key & last
    while entries[at, half].tag == generation and entries[at, half].key != key:
        at = (at + 1) & last
    return at


@inlined_rule
def home_ever(key: int, tag: int, entries: Array) -> int:
    """Where a search for (key, tag) begins."""
    mixed = (key ^ tag) * 0x2545F4914F6CDD1D
    return int((mixed ^ (mixed >> 29)) & (entries.shape[0] - 1))


@inlined_rule
def find_ever(key: int, tag: int, entries: Array) -> int:
    """Place of (key, tag) in a table for ever, or the free place where it would stand."""
    last = entries.shape[0] - 1
    at = home_ever(key, tag, entries)
    while entries[at].key != 0 and (entries[at].key != key or entries[at].tag != tag):
        at = (at + 1) & last
    return at


@rule
def copy_entry(old: Any, new: Any) -> None:
    new.key, new.tag, new.count, new.value = old.key, old.tag, old.count, old.value


@kernel(VOID, I64, IO_GENERATIONS, IO_GENERATIONS)
def regrow_recent(generation: int, old: Array, new: Array) -> None:
    """Move the two live generations of a window into larger, empty tables.

    generation       i64    the current one; it and the one before it live
    old  (m, 2)      ENTRY  by place and generation & 1                  IN
    new  (n, 2)      ENTRY  zeroed, n at least twice the live entries    OUT

    Afterwards new holds exactly the live entries of old. Cost: 2 m steps.
    """
    for half in range(2):
        live = generation if generation & 1 == half else generation - 1
        for at in range(old.shape[0]):
            entry = old[at, half]
            if entry.tag == live:
                copy_entry(entry, new[find_recent(entry.key, live, new), half])


@kernel(VOID, IO_ENTRIES, IO_ENTRIES)
def regrow_ever(old: Array, new: Array) -> None:
    """Move all entries into a larger, empty table.

    old  (m)  ENTRY                                                      IN
    new  (n)  ENTRY  zeroed, n at least twice the entries                OUT

    Afterwards new holds exactly the entries of old. Cost: m steps.
    """
    for at in range(old.shape[0]):
        if old[at].key != 0:
            copy_entry(old[at], new[find_ever(old[at].key, old[at].tag, new)])
