"""Plain twin of kernels/cells/put.py: what is available, and the nodes that have some."""

from __future__ import annotations


def put_available(rows, available, stocked):
    """Change what is available by rows (SKU, node, units)."""
    for sku, node, qty in rows:
        available[sku, node] += qty
        (stocked.add if available[sku, node] > 0 else stocked.discard)((sku, node))
