"""Risk of an order as far as the order itself tells: points for each rule that fires.

    risk = points_address x (billing differs from shipping) + points_qty x (a line above risk_qty_max)

What needs memory of other orders (velocity, usual value, same basket) is added by the ledger.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import I64, IN_I32, IN_I64, IN_U8, OUT_I32, OUT_U64, U64, VOID, kernel
from kernels.reasons import RISK_ADDRESS, RISK_QTY

QTY_SUSPICIOUS, POINTS_ADDRESS, POINTS_QTY = range(3)


@kernel(VOID, IN_I64, IN_I32, IN_U8, IN_I64, OUT_I32, OUT_U64)
def score_risk(line_offset: Any, qty: Any, address_differs: Any, rules: Any, risk: Any, reasons: Any) -> None:
    """Set points and add the reasons of the rules that fired.

    line_offset (n+1) i64 first line of each order IN
    qty (m) i32 units that count IN
    address_differs (n) u8 1 = billing country or postcode is given and differs from shipping IN
    rules (3) i64 QTY_SUSPICIOUS units, POINTS_ADDRESS, POINTS_QTY IN
    risk (n) i32 points OUT
    reasons (n) u64 INOUT

    Cost: one pass over lines.
    """
    for order in range(line_offset.shape[0] - 1):
        points = I64(0)
        if address_differs[order]:
            points += rules[POINTS_ADDRESS]
            reasons[order] |= U64(1) << U64(RISK_ADDRESS)
        for line in range(line_offset[order], line_offset[order + 1]):
            if qty[line] > rules[QTY_SUSPICIOUS]:
                points += rules[POINTS_QTY]
                reasons[order] |= U64(1) << U64(RISK_QTY)
                break
        risk[order] = points
