"""The ledger's acts in plain Python, on the ledger of dictionaries of ``claim.py``: the specification of router/ledger.

Each act answers what the engine answers, and the rows of grants that its record makes: ``order`` with its shard.
"""

from __future__ import annotations

import copy

from tests.reference.claim import claim as claims
from tests.reference.claim.forget import forget, forget_uses
from tests.reference.claim.freed import freed_skus
from tests.reference.claim.hand_out import hand_out
from tests.reference.claim.move import ALLOCATED, AVAILABLE, HELD, WAITING, add, shelved
from tests.reference.claim.move import move as move_units
from tests.reference.claim.move import stock as move_stock
from tests.reference.claim.serve import serve
from tests.reference.claim.wait import bar, lift, wait_for, withdraw
from tests.reference.plan.allocate import plan

RESERVE, POST, VOID, EXPIRE = range(4)
DONE, REPEATED, SHORT, UNKNOWN = range(4)


# --- who waits ----------------------------------------------------------------------------------------


def confirm(ledger, shard, seen):
    """A shard has taken over the grants of all records up to ``seen``."""
    ledger.seen[shard] = max(seen, ledger.seen.get(shard, 0))
    ledger.granted = [row for row in ledger.granted if row["order"] >> 48 != shard or row["record"] > seen]


def give_up(ledger, rows, seen):
    """Rows (order, line, qty): first of what waits, then of the newest grants after ``seen``; units that go back."""
    for (order, line, _), rest in zip(rows, withdraw(ledger.waiting, rows), strict=True):
        mine = [row for row in ledger.granted if (row["order"], row["line"]) == (order, line) and row["record"] > seen]
        for record in sorted({row["record"] for row in mine}, reverse=True):
            rest -= take_back(ledger, [row for row in mine if row["record"] == record], rest)
        assert rest == 0, "gives up what it never waited for"


def take_back(ledger, rows, qty):
    """Of what a record granted to a line, up to ``qty`` units, the last rows first; returns the units of the line."""
    granted = sum(row["line_qty"] for row in rows)
    taken = min(granted, qty)
    for sku in {row["sku"] for row in rows} if taken else ():
        parts = [row for row in rows if row["sku"] == sku]
        left = taken * (sum(row["qty"] for row in parts) // granted)
        for row in reversed(parts):
            units = min(left, row["qty"])
            left -= units
            row["qty"] -= units
            add(ledger.accounts[ALLOCATED], (sku, row["node"]), -units)
            add(ledger.accounts[AVAILABLE], (sku, row["node"]), units)
    lower = taken
    for row in reversed(rows):
        units = min(lower, row["line_qty"])
        row["line_qty"] -= units
        lower -= units
    return taken


def grant_grown(ledger, world, before, record, lifted=()):
    """Grants of a record by which some node has more of a SKU than ``before``, and of SKUs whose bars were lifted."""
    grown = {cell[0] for cell, units in ledger.available.items() if units > before.get(cell, 0)}
    grown = sorted(grown | set(lifted))
    whole_first = ledger.policy["grant_order"] == "whole_orders"
    rows = []
    for whole in (True, False) if whole_first else (False,):
        for sku in grown:
            rows += serve(ledger, world, sku, whole)
    ledger.granted += [row | {"record": record} for row in rows]
    return rows


# --- acts ---------------------------------------------------------------------------------------------


def move(ledger, world, shard, seen, rows, given_back, record):
    """Rows (from, to, sku, node, to_node, qty, ship_day, order, line) of an event batch; orders given back."""
    confirm(ledger, shard, seen)
    before = dict(ledger.available)
    give_up(ledger, [(row[7], row[8], row[5]) for row in rows if row[0] == WAITING], seen)
    units = [row[:7] for row in rows if row[0] != WAITING]
    assert not any(move_units(units, ledger.accounts, ledger.received, ledger.parcels_on))
    on_paper = (AVAILABLE, HELD, ALLOCATED)
    laid = {(r[2], r[4] if r[4] >= 0 else r[3]) for r in units if r[1] == AVAILABLE and r[0] not in on_paper}
    lifted = lift(ledger.waiting, laid)
    give_back(ledger, world, given_back)
    return grant_grown(ledger, world, before, record, lifted)


def give_back(ledger, world, orders):
    """Orders {order, customer, basket, promotions} that are cancelled."""
    forget(ledger, [(order["order"], order["customer"], order["basket"]) for order in orders])
    for order in orders:
        for number in order["promotions"]:
            terms = world["promotions"][number]
            ledger.uses[terms["code"]] -= 1
            if order["customer"] and terms["per_customer"] is not None:
                forget_uses(ledger, [(order["customer"], terms["code"])])


def stock(ledger, world, rows, record):
    """Movements from outside; one result a row, and the grants."""
    before = dict(ledger.available)
    results = move_stock(rows, ledger.accounts, ledger.received, ledger.movements)
    lifted = lift(ledger.waiting, shelved(rows, results))
    return results, grant_grown(ledger, world, before, record, lifted)


def follow_tables(ledger, before, world, record):
    """The tables of ``world`` follow those of ``before``; the grants of what they free."""
    return grant_grown(ledger, world, dict(ledger.available), record, freed_skus(ledger.available, before, world))


def amend(ledger, world, shard, seen, rows, now_ms, record):
    """Amendments in order; what one made free is kept for who waits, not for the next one."""
    confirm(ledger, shard, seen)
    before, parked, answers = dict(ledger.available), {}, []
    for row in rows:
        earlier, untouched = dict(ledger.available), copy.deepcopy(ledger.__dict__)
        answer = amend_row(ledger, world, row, seen, now_ms)
        if answer["done"] != 1:
            ledger.__dict__.update(untouched)
            ledger.available, ledger.held, ledger.allocated = (ledger.accounts[account] for account in (0, 1, 2))
        answers.append(answer)
        park(ledger, earlier, parked)
    for cell, units in parked.items():
        add(ledger.available, cell, units)
    return answers, grant_grown(ledger, world, before, record)


def park(ledger, earlier, parked):
    for cell, units in list(ledger.available.items()):
        more = max(units - earlier.get(cell, 0), 0)
        add(parked, cell, more)
        ledger.available[cell] -= more


def amend_row(ledger, world, row, seen, now_ms):
    nothing = [{"backordered": 0, "allocations": []} for _ in row["wanted"]]
    if any(grant["order"] == row["order"] and grant["record"] > seen for grant in ledger.granted):
        return {"done": 2, "parcels": [], "lines": nothing}  # units are on their way to the shard
    units = [
        (r["from_account"], r["to_account"], r["sku"], r["node"], -1, r["qty"], r["ship_day"]) for r in row["releases"]
    ]
    assert not any(move_units(units, ledger.accounts, ledger.received, ledger.parcels_on))
    complete, parcels, lines = plan_request(ledger, world, row, now_ms)
    parcels = [parcel for parcel in parcels if parcel["node"] not in row["sends_from"]]  # one leaves there anyhow
    if row["mode"] == 0 and not complete:
        return {"done": 0, "parcels": [], "lines": nothing}
    take(ledger, lines, row["account"])
    for parcel in parcels:
        add(ledger.parcels_on, (parcel["node"], parcel["ship_day"]), 1)
    for wanted, line in zip(row["wanted"], lines, strict=True):
        if line["backordered"]:
            wait_for(
                ledger.waiting, row["order"], wanted["line"], wanted["sku"], wanted["node"], line["backordered"], row,
                claims.other_channel(world), row["accepted_ms"],
            )  # fmt: skip
    bar(ledger.waiting, row["order"], [(w["line"], node, -1) for w in row["wanted"] for node in row["refused_by"]])
    missed = [r for r in row["releases"] if r["node"] == row["short_at"]]
    bar(ledger.waiting, row["order"], [(r["line"], r["node"], r["sku"]) for r in missed])
    return {"done": 1, "parcels": parcels, "lines": lines}


def plan_request(ledger, world, row, now_ms):
    """(whether everything is there, parcels, lines) of what a row wants, as one order that takes what there is."""
    if not row["wanted"]:
        return True, [], []
    order = row | {"lines": [{"sku": w["sku"], "qty": w["qty"], "node": w.get("node", -1)} for w in row["wanted"]]}
    policy = ledger.policy | {"short_stock": "partial"}
    allowed = [
        node | {"channels": node["channels"] if _may(number, row) else [False] * len(node["channels"])}
        for number, node in enumerate(world["nodes"])
    ]
    known_ms = max(row["placed_at_ms"], now_ms)
    planned = plan(world | {"nodes": allowed}, policy, ledger.available, ledger.parcels_on, order, known_ms)
    waiting = planned.get("backordered") or [line["qty"] for line in order["lines"]]
    lines = hand_out(world, order, planned["parcels"], waiting)
    parcels = [{k: v for k, v in parcel.items() if k != "take"} for parcel in planned["parcels"]]
    return planned["outcome"] == "complete", parcels, lines


def _may(number, row):
    without = {row.get("without_node", -1), *row.get("refused_by", ())}
    return row.get("only_node", -1) in (-1, number) and number not in without


def take(ledger, lines, account):
    for line in lines:
        for part in line["allocations"]:
            add(ledger.accounts[AVAILABLE], (part["sku"], part["node"]), -part["qty"])
            add(ledger.accounts[account], (part["sku"], part["node"]), part["qty"])


def pending(ledger, world, rows, now_ms, record):
    """Steps (key, step, deadline_ms, channel_index, zone, wanted) of reservations, in order."""
    before, parked, answers = dict(ledger.available), {}, []
    for key, step, deadline_ms, channel_index, zone, wanted in rows:
        earlier = dict(ledger.available)
        if step == RESERVE:
            row = {
                "wanted": wanted, "channel_index": channel_index, "zone": zone, "service": -1, "promise_by_ms": -1,
                "placed_at_ms": 0,
            }  # fmt: skip
            answers.append(reserve(ledger, world, key, deadline_ms, row, now_ms))
        else:
            answers.append(end(ledger, key, step))
        park(ledger, earlier, parked)
    for cell, units in parked.items():
        add(ledger.available, cell, units)
    return answers, grant_grown(ledger, world, before, record)


def reserve(ledger, world, key, deadline_ms, row, now_ms):
    nothing = [{"backordered": 0, "allocations": []} for _ in row["wanted"]]
    if key in ledger.reservations:
        return {"result": REPEATED, "lines": ledger.reservations[key][1]}
    if key in ledger.over:
        return {"result": UNKNOWN, "lines": nothing}
    complete, _, lines = plan_request(ledger, world, row, now_ms)
    if not complete:
        return {"result": SHORT, "lines": nothing}
    take(ledger, lines, HELD)
    ledger.reservations[key] = (deadline_ms, lines)
    return {"result": DONE, "lines": lines}


def end(ledger, key, step):
    if key not in ledger.reservations:
        before = ledger.over.get(key)
        same = before == step or (before in (VOID, EXPIRE) and step in (VOID, EXPIRE))
        return {"result": REPEATED if same else UNKNOWN, "lines": []}
    _, lines = ledger.reservations.pop(key)
    ledger.over[key] = step
    for part in (part for line in lines for part in line["allocations"]):
        cell = (part["sku"], part["node"])
        add(ledger.accounts[HELD], cell, -part["qty"])
        add(ledger.accounts[ALLOCATED if step == POST else AVAILABLE], cell, part["qty"])
    return {"result": DONE, "lines": lines}


def conserved(ledger):
    """Cells whose accounts do not sum to what was received."""
    cells = {cell for units in (ledger.received, *ledger.accounts.values()) for cell in units}
    return [
        cell
        for cell in cells
        if ledger.received.get(cell, 0) != sum(units.get(cell, 0) for units in ledger.accounts.values())
    ]
