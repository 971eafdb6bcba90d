"""Plain twin of kernels/claim/serve.py: units that became free, to the claims that wait for them."""

from __future__ import annotations

from tests.reference.claim.hand_out import components, demands_of
from tests.reference.claim.move import ALLOCATED, AVAILABLE, add
from tests.reference.claim.wait import is_barred, rank
from tests.reference.plan.allocate import atp, has_lane, may_ship
from tests.reference.plan.freight import floor_minor


def may_give(world, claim, number, sku):
    """Whether a node may give a SKU to a claim."""
    channel = claim["channel"] if claim["channel"] is not None else len(world["nodes"][number]["channels"]) - 1
    wanted = {"zone": claim["zone"], "service": claim["service"], "channel_index": channel}
    node = world["nodes"][number]
    if node["capacity"] == 0 or not may_ship(world, node, wanted) or not has_lane(world, number, claim["zone"]):
        return False
    return floor_minor(world, wanted, {"node": number}, world["skus"][sku]["weight_g"]) is not None


def supply(ledger, world, claim, sku, others=()):
    """Units of a SKU by node that may be given to a claim; or to all ``others`` of its order, whatever they are bound
    to."""
    found = {}
    for number in range(len(world["nodes"])):
        if not others and claim["node"] not in (-1, number):
            continue
        units = atp(world, ledger.available, sku, number)
        barred = any(is_barred(one, number, sku) for one in (claim, *others))
        if units and not barred and may_give(world, claim, number, sku):
            found[number] = units
    return found


def give(ledger, world, claim, sku, qty):
    """Rows of one SKU: from one node that has it all, else in the order of the nodes."""
    there = supply(ledger, world, claim, sku)
    single = next(((number, qty) for number, units in there.items() if units >= qty), None)
    rows = []
    for number, units in [single] if single else there.items():
        got = min(qty, units)
        qty -= got
        if got:
            add(ledger.accounts[AVAILABLE], (sku, number), -got)
            add(ledger.accounts[ALLOCATED], (sku, number), got)
            rows.append({"order": claim["order"], "line": claim["line"], "sku": sku, "node": number, "qty": got})
    return rows


def serve_claim(ledger, world, claim):
    parts = components(world, claim["sku"])
    there = [sum(supply(ledger, world, claim, sku).values()) // each for sku, each in parts]
    qty = min([claim["qty"], *there])
    if not qty:
        return []
    rows = [row for sku, each in parts for row in give(ledger, world, claim, sku, qty * each)]
    claim["qty"] -= qty
    ledger.waiting[:] = [other for other in ledger.waiting if other["qty"]]
    return [row | {"line_qty": 0 if at else qty} for at, row in enumerate(rows)]


def fits(ledger, world, claim):
    """Whether the claim's order can have all it waits for."""
    need, its = {}, [other for other in ledger.waiting if other["order"] == claim["order"]]
    for other in its:
        for demand, each in demands_of(world, other):
            need[demand] = need.get(demand, 0) + each * other["qty"]
    there = {sku: supply(ledger, world, claim, sku, its) for sku, _ in need}
    bound = all(there[sku].get(node, 0) >= units for (sku, node), units in need.items() if node >= 0)
    free = {sku for sku, node in need if node < 0}
    return bound and all(
        sum(there[sku].values()) >= sum(units for (of, _), units in need.items() if of == sku) for sku in free
    )


def serve(ledger, world, sku, whole):
    """Rows of what the claims that wait for a SKU, or for a bundle with it, are given."""
    rows = []
    queue = [claim for claim in ledger.waiting if sku in dict(components(world, claim["sku"]))]
    for claim in sorted(queue, key=lambda claim: rank(claim, ledger.policy["grant_order"] == "priority")):
        if not claim["qty"] or not supply(ledger, world, claim, sku):
            continue
        if not whole:
            rows += serve_claim(ledger, world, claim)
        elif fits(ledger, world, claim):
            its = [other for other in ledger.waiting if other["order"] == claim["order"]]
            for other in sorted(its, key=lambda other: other["node"] < 0):  # those that are bound to a node first
                rows += serve_claim(ledger, world, other)
    return rows


def serve_again(ledger, rows):
    """Give again what a record of the log gave."""
    for row in rows:
        cell = (row["sku"], row["node"])
        add(ledger.accounts[AVAILABLE], cell, -row["qty"])
        add(ledger.accounts[ALLOCATED], cell, row["qty"])
        for claim in ledger.waiting:
            if (claim["order"], claim["line"]) == (row["order"], row["line"]):
                claim["qty"] -= row["line_qty"]
    ledger.waiting[:] = [other for other in ledger.waiting if other["qty"]]
