"""Weigh, in plain Python: the specification of ``kernels/money/weigh.py``."""

from __future__ import annotations

WEIGHT_MAX_G = 2**40
VALUE_MAX = (2**63 - 1) // 10_000


def value(lines: list[dict]) -> int | None:
    """What the lines are worth together; None where the order cannot be priced."""
    if any(line["sku"] is None or line["unit_price"] is None for line in lines):
        return None
    subtotal = sum(line["qty"] * line["unit_price"] for line in lines)
    return subtotal if subtotal <= VALUE_MAX else None


def weigh(lines: list[dict], unit_weight: dict[int, int]) -> tuple[int, int | None]:
    """Weight in grams, capped, and value of one order."""
    known = [line for line in lines if line["sku"] is not None]
    return min(sum(line["qty"] * unit_weight[line["sku"]] for line in known), WEIGHT_MAX_G), value(lines)
