"""Plain twin of kernels/pack.py: the differences from the lowest value, and the bytes they take."""

from __future__ import annotations


def narrow(values):
    """(lowest, bytes a value, stored differences)."""
    if not values:
        return 0, 0, []
    lowest = min(values)
    span = max(values) - lowest
    width = next(w for w in (0, 1, 2, 4, 8) if span < 1 << (8 * w))
    return lowest, width, [value - lowest for value in values] if width else []
