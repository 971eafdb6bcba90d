"""Plain twin of kernels/claim/wait.py: claims as a list of dictionaries, in the order they came."""

from __future__ import annotations


def find(waiting, order, line):
    return next((claim for claim in waiting if (claim["order"], claim["line"]) == (order, line)), None)


def wait_for(waiting, order, line, sku, qty, wanted, other_channel):
    """Let a line wait for more units."""
    known = find(waiting, order, line)
    if known is not None:
        known["qty"] += qty
        return
    named = wanted["channel_index"] not in (-1, other_channel)
    channel = wanted["channel_index"] if named else None
    plain = {name: wanted[name] for name in ("zone", "service", "priority", "placed_at_ms")}
    waiting.append({"order": order, "line": line, "sku": sku, "qty": qty, "channel": channel} | plain)


def join(waiting, reference, orders, backordered, other_channel):
    """Let orders wait for what their lines lack."""
    for row, (order, lacking) in enumerate(zip(orders, backordered, strict=True)):
        for line, (wanted, qty) in enumerate(zip(order["lines"], lacking, strict=True)):
            if qty:
                wait_for(waiting, reference + row, line, wanted["sku"], qty, order, other_channel)


def withdraw(waiting, rows):
    """Rows (order, line, qty); the units that each line did not wait for."""
    rest = []
    for order, line, qty in rows:
        claim = find(waiting, order, line)
        units = min(qty, claim["qty"]) if claim else 0
        if claim:
            claim["qty"] -= units
        waiting[:] = [other for other in waiting if other["qty"]]
        rest.append(qty - units)
    return rest


def fresh(waiting, sku, seen):
    """Claims of a SKU beyond the first ``seen`` claims, newest first."""
    return [claim for claim in reversed(waiting[seen:]) if claim["sku"] == sku]


def enter(kept, waiting):
    """Claims wait again, in the order they came."""
    waiting.extend(dict(claim) for claim in kept)


def rank(claim, by_priority):
    """Who is served first; the sort is stable, so then who came first."""
    return (-claim["priority"] if by_priority else 0, claim["placed_at_ms"])


def merge(queue, more):
    """Two runs of (priority, placed_at_ms, arrival, …), each in the order of being served."""
    return sorted([*queue, *more], key=lambda entry: (-entry[0], entry[1], entry[2]))
