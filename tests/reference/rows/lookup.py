"""A table of distinct strings is a dict from string to number."""

from __future__ import annotations


def fill_slots(texts: list[bytes]) -> dict[bytes, int]:
    """The table of these strings."""
    assert len(set(texts)) == len(texts)
    return {text: number for number, text in enumerate(texts)}


def find_strings(texts: list[bytes], table: dict[bytes, int]) -> list[int]:
    """The number of each string, -1 where the table lacks it."""
    return [table.get(text, -1) for text in texts]
