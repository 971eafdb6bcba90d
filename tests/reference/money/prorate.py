"""Prorate, in plain Python: the specification of ``kernels/money/prorate.py``."""

from __future__ import annotations


def prorate(amount: int, weights: list[int]) -> list[int]:
    """Largest remainder: whole shares first, then one more where the remainder is largest, earlier rows first."""
    total = sum(weights)
    if amount == 0:
        return [0] * len(weights)
    parts = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda row: (-(amount * weights[row] % total), row))
    for row in by_remainder[: amount - sum(parts)]:
        parts[row] += 1
    return parts


def unit_parts(amount: int, qty: int) -> list[int]:
    """The part of each of ``qty`` equal units."""
    return prorate(amount, [1] * qty)
