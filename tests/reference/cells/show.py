"""Plain twin of kernels/cells/show.py."""

from __future__ import annotations


def spread(sku, cells, nodes):
    """Units of one SKU by node."""
    return [cells.get((sku, node), 0) for node in range(nodes)]


def list_cells(cells):
    """All cells by SKU and node."""
    return sorted(cells)


def look_up(rows, cells):
    """1 for each row that is a cell."""
    return [int(row in cells) for row in rows]
