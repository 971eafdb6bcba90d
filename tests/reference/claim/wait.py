"""Plain twin of kernels/claim/wait.py: claims as a list of dictionaries, in the order they came."""

from __future__ import annotations


def find(waiting, order, line):
    return next((claim for claim in waiting if (claim["order"], claim["line"]) == (order, line)), None)


def wait_for(waiting, order, line, sku, node, qty, wanted, other_channel, accepted_ms):
    """Let a line wait for more units."""
    known = find(waiting, order, line)
    if known is not None:
        known["qty"] += qty
        return
    named = wanted["channel_index"] not in (-1, other_channel)
    channel = wanted["channel_index"] if named else None
    plain = {name: wanted[name] for name in ("zone", "service", "priority", "placed_at_ms")}
    rest = {"qty": qty, "channel": channel, "accepted_ms": accepted_ms, "barred": set()}
    waiting.append({"order": order, "line": line, "sku": sku, "node": node} | plain | rest)


def join(waiting, reference, orders, backordered, other_channel, accepted_ms):
    """Let orders wait for what their lines lack."""
    for row, (order, lacking) in enumerate(zip(orders, backordered, strict=True)):
        for line, (wanted, qty) in enumerate(zip(order["lines"], lacking, strict=True)):
            if qty:
                its = wanted["sku"], wanted["node"]
                wait_for(waiting, reference + row, line, *its, qty, order, other_channel, accepted_ms)


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


def bar(waiting, order, rows):
    """Lines (line, node, SKU that was not found there, or -1 for a node that refused) are given nothing from a node."""
    for line, node, sku in rows:
        claim = find(waiting, order, line)
        if claim:
            claim["barred"].add((node, sku))


def is_barred(claim, node, sku):
    return bool({(node, -1), (node, sku)} & claim["barred"])


def lift(waiting, cells):
    """In cells (SKU, node) somebody laid units, or counted them; the SKUs that claims may have from there again."""
    lifted = set()
    for claim in waiting:
        again = {(node, sku) for sku, node in cells} & claim["barred"]
        claim["barred"] -= again
        lifted |= {sku for _, sku in again}
    return lifted


def fresh(waiting, sku, seen):
    """Claims of a SKU beyond the first ``seen`` claims, newest first."""
    return [claim for claim in reversed(waiting[seen:]) if claim["sku"] == sku]


def enter(kept, waiting):
    """Claims wait again, in the order they came."""
    waiting.extend(dict(claim) for claim in kept)


def rank(claim, by_priority):
    """Who is served first; the sort is stable, so then the line of an order that came first."""
    return (-claim["priority"] if by_priority else 0, claim["placed_at_ms"], claim["accepted_ms"], claim["order"])


def merge(queue, more):
    """Two runs of (priority, placed_at_ms, accepted_ms, order, arrival, …), each in the order of being served."""
    return sorted([*queue, *more], key=lambda entry: (-entry[0], *entry[1:5]))
