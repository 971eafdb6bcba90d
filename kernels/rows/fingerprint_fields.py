"""Content hash of a row over many optional fields, one column after the other; absent fields cost nothing.

    state <- absorb(state, tag << 32 | length), then absorb(state, word) for every word of the text
    state <- absorb(state, tag << 32), then absorb(state, value)

A row in which the field is empty or absent stays as it is; the tag, the field's own number, tells apart which
fields were given. ``absorb`` is the step of kernels/rows/fingerprint.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import I64, IN_I32, IN_I64, IN_U8, OUT_U64, VOID, kernel
from kernels.rows.fingerprint import absorb
from kernels.rows.read_words import EIGHT, SEVEN, ZERO, tail_of, word_at

Array = npt.NDArray[Any]

TAG_SHIFT = np.uint64(32)


@kernel(VOID, OUT_U64, I64, IN_I32, IN_U8)
def fingerprint_text_field(state: Array, tag: int, offsets: Array, text: Array) -> None:
    """Mix one optional text into every row's state.

    state   (n)     uint64 hash of the fields before                        INOUT
    tag             int64  number of the field, from 1                      IN
    offsets (n + 1) int32  byte where each text starts, ascending           IN
    text    (any)   uint8  UTF-8 of all texts                               IN

    Invariant: rows equal so far and equal in this field stay equal. Cost: about 1.5 ns per 8 bytes.
    """
    for row in range(state.size):
        at, last = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        if at == last:
            continue
        mixed = absorb(state[row], np.uint64(tag) << TAG_SHIFT | (last - at))
        for _ in range((last - at) // EIGHT):
            mixed = absorb(mixed, word_at(text, at))
            at += EIGHT
        if (last - at) & SEVEN != ZERO:
            mixed = absorb(mixed, tail_of(text, np.uint64(offsets[row]), last))
        state[row] = mixed


@kernel(VOID, OUT_U64, I64, IN_I64, I64)
def fingerprint_number_field(state: Array, tag: int, values: Array, absent: int) -> None:
    """Mix one optional number into every row's state.

    state  (n) uint64 hash of the fields before                INOUT
    tag        int64  number of the field, from 1              IN
    values (n) int64  any unit                                 IN
    absent     int64  the value that stands for "not given"    IN

    Invariant: as above. Cost: two steps a row that has the field.
    """
    for row in range(state.size):
        if values[row] != absent:
            state[row] = absorb(absorb(state[row], np.uint64(tag) << TAG_SHIFT), np.uint64(values[row]))
