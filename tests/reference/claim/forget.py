"""Plain twin of kernels/claim/forget.py: what a cancelled order gives back beside units."""

from __future__ import annotations


def forget(ledger, rows):
    """Rows (reference, customer, basket): one order less of the customer, the basket if it still names the order."""
    for reference, customer, basket in rows:
        if customer:
            ledger.customers[customer] -= 1
        for generation in (ledger.baskets.current, ledger.baskets.before):
            if basket and generation.get(basket, (0, None))[1] == reference:
                del generation[basket]


def forget_uses(ledger, rows):
    """Rows (customer, code) of promotions that are limited per customer: one use less."""
    for key in rows:
        ledger.customer_uses[key] -= 1
        if not ledger.customer_uses[key]:
            del ledger.customer_uses[key]
