"""Pieces of one text as string columns."""

from __future__ import annotations


def gather_text(text: bytes, pieces: list[list[tuple[int, int]]]) -> list[list[bytes]]:
    """For every field the bytes of its (start, length) pieces, row by row."""
    return [[text[start : start + length] for start, length in field] for field in pieces]
