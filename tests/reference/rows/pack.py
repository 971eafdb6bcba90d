"""Plain twin of kernels/rows/pack.py: the differences from the lowest value, and the bytes they take."""

from __future__ import annotations


def narrow(values):
    """(lowest, bytes a value, stored differences)."""
    if not values:
        return 0, 0, []
    lowest = min(values)
    span = max(values) - lowest
    width = next(w for w in (0, 1, 2, 4, 8) if span < 1 << (8 * w))
    return lowest, width, [value - lowest for value in values] if width else []


def narrow_64(values):
    return narrow(values)


def narrow_32(values):
    return narrow(values)


def narrow_16(values):
    return narrow(values)


def narrow_8(values):
    return narrow(values)


def widen(lowest, width, stored, count):
    """The values again."""
    return [lowest + (stored[row] if width else 0) for row in range(count)]


def widen_64(lowest, width, stored, count):
    return widen(lowest, width, stored, count)


def widen_32(lowest, width, stored, count):
    return widen(lowest, width, stored, count)


def widen_16(lowest, width, stored, count):
    return widen(lowest, width, stored, count)


def widen_8(lowest, width, stored, count):
    return widen(lowest, width, stored, count)


def lengths_of(offsets):
    return [after - before for before, after in zip(offsets, offsets[1:], strict=False)]


def offsets_of(lengths):
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    return ends
