"""Plain twin of kernels/claim/move.py: accounts as {account: {(sku, node): units}}, and what was received."""

from __future__ import annotations

AVAILABLE, HELD, ALLOCATED, SHIPPED, GONE, INSPECTION, DAMAGED, BLOCKED, IN_TRANSIT, WAITING = range(10)
KINDS = ("receipt", "count", "damage", "transfer", "set_aside", "put_back", "scrap", "dispatch", "arrive")


def add(units, cell, qty):
    units[cell] = units.get(cell, 0) + qty


def move(rows, accounts, received, parcels_on):
    """Apply rows (from, to, sku, node, to_node, qty, ship_day) in order; True for each that was refused."""
    refused = []
    for source, target, sku, node, to_node, qty, ship_day in rows:
        here, there = (sku, node), (sku, to_node if to_node >= 0 else node)
        short = source != GONE and accounts[source].get(here, 0) < qty
        refused.append(short)
        if short:
            continue
        if source != GONE:
            add(accounts[source], here, -qty)
            add(received, here, -qty)
        if target != GONE:
            add(accounts[target], there, qty)
            add(received, there, qty)
        if ship_day >= 0:
            free_day(node, ship_day, parcels_on)
    return refused


def free_day(node, day, parcels_on):
    if parcels_on.get((node, day), 0) > 0:
        parcels_on[node, day] -= 1


def shelved(rows, results):
    """Cells (SKU, node) in which movements laid units on the shelf, or counted them."""
    kinds = ("receipt", "count", "transfer", "put_back", "arrive")
    return {
        (sku, to_node if kind == "transfer" else node)
        for (_, _, kind, sku, node, to_node, _, _), result in zip(rows, results, strict=True)
        if kind in kinds and result == "applied"
    }


def stock(rows, accounts, received, known):
    """Apply movements (id, fingerprint, kind, sku, node, to_node, qty, state), each id once; one result a row."""
    results = []
    for movement_id, fingerprint, kind, sku, node, to_node, qty, state in rows:
        if movement_id in known:
            same = known[movement_id] == fingerprint or 0 in (known[movement_id], fingerprint)
            results.append("repeated" if same else "conflict")
            continue
        here, there = (sku, node), (sku, to_node)
        changes = {
            "receipt": [(AVAILABLE, here, qty)],
            "count": [(AVAILABLE, here, qty - sum(accounts[a].get(here, 0) for a in (AVAILABLE, HELD, ALLOCATED)))],
            "damage": [(AVAILABLE, here, -qty)],
            "transfer": [(AVAILABLE, here, -qty), (AVAILABLE, there, qty)],
            "set_aside": [(AVAILABLE, here, -qty), (state, here, qty)],
            "put_back": [(state, here, -qty), (AVAILABLE, here, qty)],
            "scrap": [(state, here, -qty)],
            "dispatch": [(AVAILABLE, here, -qty), (IN_TRANSIT, there, qty)],
            "arrive": [(IN_TRANSIT, here, -qty), (AVAILABLE, here, qty)],
        }[kind]
        taken_from = changes[0][0] if kind not in ("receipt", "count") else None
        if taken_from is not None and accounts[taken_from].get(here, 0) < qty:
            results.append("short")
            continue
        for account, cell, units in changes:
            add(accounts[account], cell, units)
            add(received, cell, units)
        known[movement_id] = fingerprint
        results.append("applied")
    return results
