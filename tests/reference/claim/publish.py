"""Plain twin of kernels/claim/publish.py: what was gathered is what readers are shown."""

from __future__ import annotations


def gather(rows, cells):
    """(available, held, allocated) of every row's cell."""
    return [tuple(cells[sku, node]) for sku, node in rows]


def publish(rows, values, shown):
    """Show the values; of a repeated cell the last counts."""
    for cell, units in zip(rows, values, strict=True):
        shown[cell] = units
