"""A number for what a customer put into the basket, independent of the order of lines.

    basket = mix(customer + sum over lines of mix(sku << 32 | qty)),   0 for a guest

so that the ledger can tell "the same customer, the same basket" by comparing two integers.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import IN_I32, IN_I64, IN_U64, OUT_U64, U64, VOID, kernel, rule


@rule
def _mix(value: Any) -> Any:
    """Finaliser of a 64-bit mixing function (xor-shift-multiply, full avalanche)."""
    value = (value ^ (value >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> U64(27))) * U64(0x94D049BB133111EB)
    return value ^ (value >> U64(31))


@kernel(VOID, IN_I64, IN_I32, IN_I32, IN_U64, OUT_U64)
def basket(line_offset: Any, sku: Any, qty: Any, customer: Any, out: Any) -> None:
    """Number every order's basket.

    line_offset (n+1) i64 first line of each order IN
    sku (m) i32, qty (m) i32 units that count IN
    customer (n) u64 keyed hash of the customer, 0 = guest IN
    out (n) u64 basket number, 0 = guest OUT

    Invariant: any permutation of an order's lines gives the same number. Cost: one pass over lines.
    """
    for order in range(line_offset.shape[0] - 1):
        if customer[order] == 0:
            out[order] = U64(0)
            continue
        total = customer[order]
        for line in range(line_offset[order], line_offset[order + 1]):
            if qty[line] > 0:
                total += _mix((U64(sku[line]) << U64(32)) ^ U64(qty[line]))
        out[order] = _mix(total) | U64(1)
