"""How far a batch of whole lines reaches."""

from __future__ import annotations


def count_lines(text: bytes) -> int:
    return text.count(b"\n")


def split_lines(text: bytes, lines_max: int) -> tuple[int, int]:
    """(cut, lines): behind the newline number lines_max, or behind the last one."""
    cut = lines = 0
    for place, byte in enumerate(text):
        if byte == 0x0A and lines < lines_max:
            cut, lines = place + 1, lines + 1
    return cut, lines
