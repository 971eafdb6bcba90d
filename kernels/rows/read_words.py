"""Row rules that read text eight bytes at a time, little endian, and never past a row's end.

Positions are unsigned on purpose: numba then leaves out its test for negative indices, and LLVM joins the
eight byte loads of ``word_at`` into one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels._jit import rule

U8Array = npt.NDArray[np.uint8]

ZERO = np.uint64(0)
ONE = np.uint64(1)
FOUR = np.uint64(4)
SEVEN = np.uint64(7)
EIGHT = np.uint64(8)
SIXTY_FOUR = np.uint64(64)


@rule
def word_at(text: U8Array, at: np.uint64) -> np.uint64:
    """Eight bytes from ``at`` as one number."""
    return (
        np.uint64(text[at])
        | np.uint64(text[at + np.uint64(1)]) << np.uint64(8)
        | np.uint64(text[at + np.uint64(2)]) << np.uint64(16)
        | np.uint64(text[at + np.uint64(3)]) << np.uint64(24)
        | np.uint64(text[at + np.uint64(4)]) << np.uint64(32)
        | np.uint64(text[at + np.uint64(5)]) << np.uint64(40)
        | np.uint64(text[at + np.uint64(6)]) << np.uint64(48)
        | np.uint64(text[at + np.uint64(7)]) << np.uint64(56)
    )


@rule
def half_at(text: U8Array, at: np.uint64) -> np.uint64:
    """Four bytes from ``at`` as one number."""
    return (
        np.uint64(text[at])
        | np.uint64(text[at + np.uint64(1)]) << np.uint64(8)
        | np.uint64(text[at + np.uint64(2)]) << np.uint64(16)
        | np.uint64(text[at + np.uint64(3)]) << np.uint64(24)
    )


@rule
def tail_of(text: U8Array, first: np.uint64, last: np.uint64) -> np.uint64:
    """The (last - first) % 8 bytes before ``last`` as one number, 0 when there are none.

    A row of eight bytes or more reads its last whole word and shifts the part already seen away; a shorter one
    reads bytes twice rather than one by one, because a loop of unknown length costs a wrong guess of the processor.
    """
    count = (last - first) & SEVEN
    if count == ZERO:
        return ZERO
    if last - first >= EIGHT:
        return word_at(text, last - EIGHT) >> (SIXTY_FOUR - EIGHT * count)
    if count >= FOUR:  # two halves of four bytes that may overlap
        return half_at(text, first) | half_at(text, last - FOUR) << (EIGHT * (count - FOUR))
    middle = count >> ONE
    return (
        np.uint64(text[first])
        | np.uint64(text[first + middle]) << (EIGHT * middle)
        | np.uint64(text[last - ONE]) << (EIGHT * (count - ONE))
    )
