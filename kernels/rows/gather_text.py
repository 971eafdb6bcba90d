"""Gather pieces of one text into string columns, field after field; take strings of a table by their numbers.

offsets[f, 0] = 0;  offsets[f, r + 1] = offsets[f, r] + length[f, r]
out[base[f] + offsets[f, r] : + length[f, r]] = text[start[f, r] : + length[f, r]]
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_I32_2D, IN_I64, IN_U8, OUT_I32, OUT_I32_2D, OUT_U8, VOID, kernel, rule
from kernels.rows.read_words import word_at

Array = npt.NDArray[Any]
Int = Any  # int64, see kernels/text/json_text.py
U = np.uint64

BEHIND = 16  # bytes that ``gather_text`` may read and write behind a piece


@rule
def put_word(out: Array, position: Int, word: np.uint64) -> None:
    """Eight bytes, little endian; written so that LLVM makes one store of it."""
    at = U(position)
    out[at] = word & U(0xFF)
    out[at + U(1)] = word >> U(8) & U(0xFF)
    out[at + U(2)] = word >> U(16) & U(0xFF)
    out[at + U(3)] = word >> U(24) & U(0xFF)
    out[at + U(4)] = word >> U(32) & U(0xFF)
    out[at + U(5)] = word >> U(40) & U(0xFF)
    out[at + U(6)] = word >> U(48) & U(0xFF)
    out[at + U(7)] = word >> U(56)


@rule
def copy_text(text: Array, start: Int, length: Int, out: Array, at: Int) -> None:
    """Copy in whole words; up to seven bytes behind the copy are overwritten with anything."""
    for place in range(0, length, 8):
        put_word(out, at + place, word_at(text, U(start + place)))


@kernel(VOID, IN_U8, IN_I32_2D, IN_I32_2D, IN_I64, OUT_I32_2D, OUT_U8)
def gather_text(text: Array, start: Array, length: Array, base: Array, offsets: Array, out: Array) -> None:
    """Copy every piece behind the one before it; the formula is the module's.

    text    (any)       uint8 UTF-8; BEHIND readable bytes behind the last piece                     IN
    start   (F, >= n)   int32 first byte of each piece                                               IN
    length  (F, >= n)   int32 its bytes                                                              IN
    base    (F)         int64 place of each field's column in ``out``, ascending, no two overlap      IN
    offsets (F, n + 1)  int32 offsets of each field's column                                          OUT
    out     (any)       uint8 all columns; BEHIND bytes of room behind the last                       OUT

    Invariant: offsets ascend from 0; ``out`` between two columns is undefined. Most pieces have up to 16 bytes: copying
    so many without asking spares the processor a guess. Cost: about 5 ns a short piece.
    """
    for field in range(offsets.shape[0]):
        at: Int = 0
        offsets[field, 0] = 0
        for row in range(offsets.shape[1] - 1):
            size = np.int64(length[field, row])
            if size > 0:
                first, place = np.int64(start[field, row]), base[field] + at
                put_word(out, place, word_at(text, U(first)))
                put_word(out, place + 8, word_at(text, U(first + 8)))
                if size > BEHIND:
                    copy_text(text, first + BEHIND, size - BEHIND, out, place + BEHIND)
            at += size
            offsets[field, row + 1] = at


@kernel(I64, IN_I32, IN_I32, OUT_I32)
def measure_text(numbers: Array, table: Array, offsets: Array) -> Int:
    """Offsets of the strings with these numbers, one behind the other; returns their bytes, -1 beyond int32.

    numbers (n)      int32 0 <= number < strings of the table                                        IN
    table   (t + 1)  int32 offsets of the table's strings                                            IN
    offsets (n + 1)  int32                                                                           OUT

    Cost: about 1 ns a string.
    """
    at: Int = np.int64(0)
    offsets[0] = 0
    for row in range(numbers.size):
        number = U(numbers[row])
        at += np.int64(table[number + U(1)]) - np.int64(table[number])
        if at > 2**31 - 1:
            return np.int64(-1)
        offsets[row + 1] = at
    return at


@kernel(VOID, IN_I32, IN_I32, IN_U8, IN_I32, OUT_U8)
def take_text(numbers: Array, table: Array, text: Array, offsets: Array, out: Array) -> None:
    """Copy the strings with these numbers to where ``measure_text`` has put them.

    numbers, table, offsets  as in measure_text                                                      IN
    text    (any)    uint8 of the table; 8 readable bytes behind its last string                     IN
    out     (any)    uint8 8 bytes of room behind the last string                                    OUT

    Cost: about 2 ns a short string.
    """
    for row in range(numbers.size):
        number = U(numbers[row])
        size = np.int64(table[number + U(1)]) - np.int64(table[number])
        copy_text(text, np.int64(table[number]), size, out, np.int64(offsets[row]))
