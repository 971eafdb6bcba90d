"""Plain twin of kernels/claim/move.py: accounts of a cell as a dictionary."""

from __future__ import annotations

SOURCES = {0: "held", 1: "held", 2: "allocated", 3: "allocated"}  # confirm, release, cancel, ship
TARGETS = {0: "allocated", 1: "available", 2: "available", 3: "shipped"}


def move(rows, cells, parcels_on):
    """Apply rows (kind, sku, node, qty, ship_day) in order; True for each that was refused."""
    refused = []
    for kind, sku, node, qty, ship_day in rows:
        cell = cells[sku, node]
        short = cell[SOURCES[kind]] < qty
        refused.append(short)
        if short:
            continue
        cell[SOURCES[kind]] -= qty
        cell[TARGETS[kind]] += qty
        if ship_day >= 0 and parcels_on.get((node, ship_day), 0) > 0:
            parcels_on[node, ship_day] -= 1
    return refused


def stock(rows, cells, known):
    """Apply movements (id, kind, sku, node, to_node, qty) in order, each id once; one result a row."""
    results = []
    for movement_id, kind, sku, node, to_node, qty in rows:
        cell = cells[sku, node]
        if movement_id in known:
            results.append("repeated")
            continue
        if kind in ("damage", "transfer") and cell["available"] < qty:
            results.append("short")
            continue
        on_hand = cell["available"] + cell["held"] + cell["allocated"]
        change = {"receipt": qty, "count": qty - on_hand, "damage": -qty, "transfer": -qty}[kind]
        for place, units in [(cell, change)] + ([(cells[sku, to_node], qty)] if kind == "transfer" else []):
            place["available"] += units
            place["received"] += units
        known.add(movement_id)
        results.append("applied")
    return results
