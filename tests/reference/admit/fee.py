"""Fee, in plain Python: the specification of ``kernels/admit/fee.py``."""

from __future__ import annotations


def fee(bands: list[dict], weight_g: int, service: int | None) -> int | None:
    """The least price of a band that carries the weight with the service; None where there is none."""
    kilograms = -(-weight_g // 1_000)
    prices = [
        band["price"] + band["per_kg"] * kilograms
        for band in bands
        if band["min_g"] <= weight_g <= band["max_g"] and service in (None, band["service"])
    ]
    return min(prices, default=None)
