"""The basket number in plain Python: a sum over lines, so that their order does not matter."""

from __future__ import annotations

WORD = (1 << 64) - 1


def mix(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & WORD
    return value ^ (value >> 31)


def basket(orders):
    """orders: (customer number, [(sku, qty)]) -> basket number of each, 0 for a guest."""
    numbers = []
    for customer, lines in orders:
        total = customer + sum(mix((sku << 32) ^ qty) for sku, qty in lines if qty > 0)
        numbers.append(mix(total & WORD) | 1 if customer else 0)
    return numbers
