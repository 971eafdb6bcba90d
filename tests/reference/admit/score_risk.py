"""Risk points of an order by itself, in plain Python."""

from __future__ import annotations

from kernels.reasons import RISK_ADDRESS, RISK_QTY


def score_risk(orders, qty_suspicious, points_address, points_qty):
    """orders: (address differs, [qty]) -> per order (points, set of reasons)."""
    scored = []
    for differs, quantities in orders:
        many = any(qty > qty_suspicious for qty in quantities)
        reasons = ({RISK_ADDRESS} if differs else set()) | ({RISK_QTY} if many else set())
        scored.append((points_address * bool(differs) + points_qty * many, reasons))
    return scored
