"""Content hash of a row, column after column: lengths first, then words."""

from __future__ import annotations

MASK = (1 << 64) - 1
A = 0xBB67AE8584CAA73B
B = 0xA54FF53A5F1D36F1


def absorb(state: int, word: int) -> int:
    """turn(state + word * A, 31) * B, modulo 2^64."""
    mixed = (state + (word & MASK) * A) & MASK
    return ((mixed << 31 | mixed >> 33) & MASK) * B & MASK


def scatter(state: int) -> int:
    """Spread every bit over all bits."""
    state = (state ^ state >> 32) * A & MASK
    state = (state ^ state >> 29) * B & MASK
    return state ^ state >> 32


def absorb_text(state: int, text: bytes) -> int:
    """The length, then eight bytes at a time, the last word filled up with zeros."""
    state = absorb(state, len(text))
    for at in range(0, len(text), 8):
        state = absorb(state, int.from_bytes(text[at : at + 8], "little"))
    return state


def fingerprint_ragged_ints(states: list[int], rows: list[list[int]]) -> list[int]:
    """A list of numbers a row: the count, then each."""
    mixed = []
    for state, values in zip(states, rows, strict=True):
        state = absorb(state, len(values))
        for value in values:
            state = absorb(state, value)
        mixed.append(state)
    return mixed


def fingerprint_ragged_strings(states: list[int], rows: list[list[bytes]]) -> list[int]:
    """A list of strings a row: the count, then each."""
    mixed = []
    for state, texts in zip(states, rows, strict=True):
        state = absorb(state, len(texts))
        for text in texts:
            state = absorb_text(state, text)
        mixed.append(state)
    return mixed
