"""Plain twin of kernels/claim/hand_out.py: units of a plan back to the lines of the order, in line order."""

from __future__ import annotations


def components(world, sku):
    """What lies on a shelf for one unit of the SKU."""
    return world["skus"][sku]["bundle"] or [(sku, 1)]


def serve_lines(world, order, parcels):
    """Backordered units per line; units no line can use leave the last parcels first."""
    pool = {}
    for loaded in parcels:
        for sku, units in loaded["take"].items():
            pool[sku] = pool.get(sku, 0) + units
    backordered = []
    for line in order["lines"]:
        parts = components(world, line["sku"])
        units = min([line["qty"], *(pool[sku] // qty for sku, qty in parts)])
        for sku, qty in parts:
            pool[sku] -= units * qty
        backordered.append(line["qty"] - units)
    for loaded in reversed(parcels):
        for sku in loaded["take"]:
            back = min(loaded["take"][sku], pool[sku])
            loaded["take"][sku] -= back
            pool[sku] -= back
    return backordered


def hand_out(world, order, rows, backordered):
    """Allocations per line: units drawn from the parcels in order."""
    left = [dict(row["take"]) for row in rows]
    lines = []
    for line, waiting in zip(order["lines"], backordered, strict=True):
        given = []
        for sku, qty in components(world, line["sku"]):
            units = (line["qty"] - waiting) * qty
            for row, have in zip(rows, left, strict=True):
                got = min(units, have.get(sku, 0))
                if got:
                    given.append({"sku": sku, "node": row["node"], "qty": got})
                    have[sku] -= got
                    units -= got
        lines.append({"backordered": waiting, "allocations": given})
    return lines
