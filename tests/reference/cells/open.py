"""Plain twin of kernels/cells/open.py: cells are a dictionary by SKU and node."""

from __future__ import annotations


def closed(rows, cells):
    """Rows that name a cell which is not there."""
    return sum(row not in cells for row in rows)


def open_cells(rows, cells, nothing):
    """Let cells be there; those that are keep what they hold."""
    for row in rows:
        cells.setdefault(row, nothing)
    return len(rows)
