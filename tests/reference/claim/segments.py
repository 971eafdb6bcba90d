"""Plain twin of kernels/claim/segments.py: what a table for ever holds, however it grows."""

from __future__ import annotations


def grow_ever(entries):
    """Entries of a larger table: all of them."""
    return sorted(entries)


def fill_ever(rows, entries):
    """Entries of a table after rows were entered."""
    return sorted([*rows, *entries])
