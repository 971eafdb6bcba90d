"""Plain twin of kernels/claim/hand_out.py: units of a plan back to the lines of the order, in line order."""

from __future__ import annotations


def components(world, sku):
    """What lies on a shelf for one unit of the SKU."""
    return world["skus"][sku]["bundle"] or [(sku, 1)]


def demands_of(world, line):
    """What a line wants, as demands: (SKU, node that it must come from, -1 any), with the units in one of it."""
    return [((sku, line["node"]), qty) for sku, qty in components(world, line["sku"])]


def serve_lines(world, order, parcels):
    """Backordered units per line; units no line can use leave the last parcels first."""
    pool = {}
    for loaded in parcels:
        for demand, units in loaded["take"].items():
            pool[demand] = pool.get(demand, 0) + units
    backordered = []
    for line in order["lines"]:
        parts = demands_of(world, line)
        units = min([line["qty"], *(pool[demand] // qty for demand, qty in parts)])
        for demand, qty in parts:
            pool[demand] -= units * qty
        backordered.append(line["qty"] - units)
    for loaded in reversed(parcels):
        for demand in loaded["take"]:
            back = min(loaded["take"][demand], pool[demand])
            loaded["take"][demand] -= back
            pool[demand] -= back
    return backordered


def hand_out(world, order, rows, backordered):
    """Allocations per line: units drawn from the parcels in order."""
    left = [dict(row["take"]) for row in rows]
    lines = []
    for line, waiting in zip(order["lines"], backordered, strict=True):
        given = []
        for demand, qty in demands_of(world, line):
            units = (line["qty"] - waiting) * qty
            for row, have in zip(rows, left, strict=True):
                got = min(units, have.get(demand, 0))
                if got:
                    given.append({"sku": demand[0], "node": row["node"], "qty": got})
                    have[demand] -= got
                    units -= got
        lines.append({"backordered": waiting, "allocations": given})
    return lines
