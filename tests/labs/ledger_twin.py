"""The engine's state in the words of its plain twin, for tests that compare the two."""

from __future__ import annotations

import numpy as np

from router.log.columns import DECISION
from tests.reference.claim import claim as twin

SIGNED = 1 << 64
_ACCOUNTS = {"available": 0, "held": 1, "allocated": 2, "shipped": 3}
_CLAIM = (
    "order", "placed_at_ms", "sku", "line", "qty", "priority", "zone", "channel", "service", "accepted_ms", "node",
)  # fmt: skip
_GRANT = ("record", "order", "line", "sku", "qty", "line_qty", "node")


def expected(answers: list[dict]) -> list[dict]:
    """The twin's answers in the form of DECISION rows."""
    return [
        {name: answer[name] for name in DECISION.names} | {"reasons": twin.reasons_mask(answer["reasons"])}
        for answer in answers
    ]


def state_of(engine) -> dict:
    """The engine's state as the twin keeps it."""
    dump = engine.dump()
    cells = zip(dump["cell_sku"].tolist(), dump["cell_node"].tolist(), dump["cell_units"].tolist(), strict=True)
    units = {(s, n): dict(zip((*_ACCOUNTS, "received"), row, strict=True)) for s, n, row in cells}
    accounts = {
        number: {cell: row[name] for cell, row in units.items() if row[name]} for name, number in _ACCOUNTS.items()
    }
    for account in (5, 6, 7, 8):
        accounts[account] = {(s, n): qty for s, n, named, qty in dump["aside"].tolist() if named == account}
    waiting = [dict(zip(_CLAIM, row, strict=True)) for row in dump["waiting"].tolist()]
    return {
        "accounts": accounts,
        "received": {cell: row["received"] for cell, row in units.items() if row["received"]},
        "parcels_on": {(n, day): count for n, day, count in dump["capacity"].tolist()},
        "customers": {key % SIGNED: count for key, _, count, _ in dump["customers"].tolist() if count},
        "channels": {key % SIGNED: (count, level) for key, _, count, level in dump["channels"].tolist()},
        "uses": sorted(count for _, count in dump["uses"].tolist()),
        "customer_uses": sorted(count for _, _, count, _ in dump["coupon_uses"].tolist()),
        "baskets": {key % SIGNED: (at, reference) for key, _, at, reference in dump["baskets"].tolist()},
        "waiting": [row | {"channel": None if row["channel"] < 0 else row["channel"]} for row in waiting],
        "barred": [tuple(row) for row in dump["barred"].tolist()],
        "granted": [dict(zip(_GRANT, row, strict=True)) for row in dump["granted"].tolist()],
        "seen": {shard: record for shard, record in dump["grants_seen"].tolist() if record},
        "reserved": sorted(tuple(row) for row in dump["reserved"].tolist()),
        "over": [(_key(hi, lo), step) for hi, lo, step in dump["reservations_over"].tolist()],
    }


def twin_state(ledger) -> dict:
    granted = sorted(
        ledger.granted, key=lambda row: (row["order"] >> 48, row["record"])
    )  # rows of a record stay in order
    reserved = [
        (*_signed(key), part["sku"], part["node"], part["qty"])
        for key, (_, lines) in ledger.reservations.items()
        for line in lines
        for part in line["allocations"]
    ]
    return {
        "accounts": {account: _some(units) for account, units in ledger.accounts.items()},
        "received": _some(ledger.received),
        "parcels_on": _some(ledger.parcels_on),
        "customers": _some(ledger.customers),
        "channels": ledger.channels,
        "uses": sorted(_some(ledger.uses).values()),
        "customer_uses": sorted(ledger.customer_uses.values()),
        "baskets": ledger.baskets.before | ledger.baskets.current,
        "waiting": [{name: claim[name] for name in _CLAIM} for claim in ledger.waiting],
        "barred": sorted((c["order"], c["line"], *bar) for c in ledger.waiting for bar in c["barred"]),
        "granted": [{name: row[name] for name in _GRANT} for row in granted],
        "seen": _some(ledger.seen),
        "reserved": sorted(reserved),
        "over": list(ledger.over.items()),
    }


def _some(units: dict) -> dict:
    return {cell: qty for cell, qty in units.items() if qty}


def _key(hi: int, lo: int) -> tuple[int, int]:
    return hi % SIGNED, lo % SIGNED


def _signed(key: tuple[int, int]) -> tuple[int, int]:
    return tuple(np.array(key, np.uint64).view(np.int64).tolist())
