"""Pieces of one text as string columns."""

from __future__ import annotations


def gather_text(text: bytes, pieces: list[list[tuple[int, int]]]) -> list[list[bytes]]:
    """For every field the bytes of its (start, length) pieces, row by row."""
    return [[text[start : start + length] for start, length in field] for field in pieces]


def measure_text(numbers: list[int], table: list[str]) -> list[int]:
    """Where each of the strings begins, and where the last one ends."""
    offsets = [0]
    for number in numbers:
        offsets.append(offsets[-1] + len(table[number].encode()))
    return offsets


def take_text(numbers: list[int], table: list[str]) -> list[str]:
    return [table[number] for number in numbers]
