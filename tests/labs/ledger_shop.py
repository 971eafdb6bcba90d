"""A ledger with its log in memory, as callers meet it: asked, cut off, started again."""

from __future__ import annotations

import pyarrow as pa

from router.arrow.arena import PrivateArena
from router.config import Policy
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath
from router.ledger.turns import Alone, LedgerTurns, NoCheckpoints
from router.life.states import CellAccount as A
from router.log.columns import AMENDS
from router.log.memory import MemoryLog
from router.log.records import INPUT
from tests.labs.ledger_cases import (
    NOTHING_GIVEN_BACK,
    build_tables,
    claims,
    movement,
    movements,
    moves,
    question,
    withdrawals,
)
from tests.labs.ledger_twin import state_of

EPOCH = 1


class Journal(MemoryLog):
    """A log that can be written again."""

    def __init__(self):
        super().__init__(part_count=1)
        self.appended = []

    def append(self, sequence, part, record, documents=None, by_batch=None, runs=()):
        self.appended.append((sequence, bytes(record), by_batch, runs))
        return super().append(sequence, part, record, documents, by_batch, runs)


class Shop:
    """One ledger over one log."""

    def __init__(self, given, stock=None, log=None, versions=None, **policy):
        self.world, self.policy = given, policy
        self.versions = versions or {1: build_tables(given)}
        self.log = log or Journal()
        self.asked = {}  # by shard: its newest sequence
        self.number = 0
        self.open()
        for (s, n), units in sorted((stock or {}).items()):
            self.receive(s, n, units)

    def open(self):
        """Start from the log, as after a crash."""
        engine = LedgerEngine(Policy(**self.policy), PrivateArena())
        engine.use_tables(self.versions[self.newest])
        self.path = LedgerPath(engine, self.log)
        self.ledger = LedgerTurns(self.path, self.log, self.versions.__getitem__, Alone(), NoCheckpoints())
        self.ledger.recover(1)
        return self

    def cut(self, last):
        """The same shop whose log ends with record ``last``."""
        log = Journal()
        for sequence, record, by_batch, runs in self.log.appended[:last]:
            log.append(sequence, INPUT, bytearray(record), by_batch=by_batch, runs=runs)
        shop = Shop(self.world, log=log, versions=dict(self.versions), **self.policy)
        shop.asked, shop.number = dict(self.asked), self.number
        return shop

    @property
    def engine(self):
        return self.path.engine

    @property
    def state(self):
        return state_of(self.engine)

    def question(self, shard=0, sequence=None, seen=0, now_ms=0, version=None):
        self.asked[shard] = sequence or self.asked.get(shard, 0) + 1
        return question(shard, self.asked[shard], version or self.newest, now_ms, seen, EPOCH)

    @property
    def newest(self):
        return max(self.versions)

    def use(self, given):
        """Newer tables, of which nobody has asked anything yet."""
        self.world = given
        self.versions[self.newest + 1] = build_tables(given, self.newest + 1)
        self.ledger.use_tables(self.versions[self.newest])

    def order(self, *orders, shard=0, seen=0, now_ms=0, version=None):
        """Decisions of orders that come as one batch, by the newest tables or older ones."""
        asked = self.question(shard, seen=seen, now_ms=now_ms, version=version)
        return self.ledger.decide(asked, claims(orders)).to_pylist()

    def move(self, *rows, shard=0, seen=0):
        self.ledger.move(self.question(shard, seen=seen), moves(rows), NOTHING_GIVEN_BACK)

    def give_up(self, *rows, shard=0, seen=0):
        """Lines (order, line, units) wait no longer."""
        self.ledger.move(self.question(shard, seen=seen), withdrawals(rows), NOTHING_GIVEN_BACK)

    def amend(self, *rows, shard=0, seen=0, version=None):
        return self.ledger.amend(self.question(shard, seen=seen, version=version), amends(rows)).to_pylist()

    def receive(self, s, n, units):
        return self.stock(0, s, n, units)

    def stock(self, kind, s, n, units, **changes):
        self.number += 1
        row = movement(self.number, kind, s, n, units, **changes)
        return self.ledger.stock(movements([row]), 0).column("result").to_pylist()[0]

    def grants(self, shard, after=0):
        """(record, rows) of the first grants to a shard after a record."""
        record, rows = self.ledger.grants(shard, EPOCH, after, 0)
        return record, rows.to_pylist()

    def all_grants(self, shard):
        """(order's place, line, units of the line) of everything granted to a shard, in order."""
        found, after = [], 0
        while True:
            record, rows = self.grants(shard, after)
            if record == after:
                return found
            found += [(row["order"], row["line"], row["line_qty"]) for row in rows if row["line_qty"]]
            after = record


def reference(shard, sequence, row=0):
    return shard << 48 | sequence << 16 | row


def amends(rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=AMENDS)


def amendment(order, releases=(), wanted=(), **changes):
    """A row of AMENDS: releases (from, to, SKU, node, units, day given back, line); wanted (line, SKU, units), or
    (line, SKU, units, node that it must come from)."""
    return {
        "order": order, "mode": 0, "account": int(A.ALLOCATED), "only_node": -1, "without_node": -1,
        "channel_index": 0, "zone": 1, "service": -1, "promise_by_ms": -1, "placed_at_ms": 0, "priority": 0,
        "sends_from": [], "refused_by": [], "short_at": -1, "accepted_ms": 0,
        "releases": [_release(*row) for row in releases],
        "wanted": [dict(zip(("line", "sku", "qty", "node"), (*line, -1), strict=False)) for line in wanted],
    } | changes  # fmt: skip


def _release(account, to, s, n, qty, day=-1, line=-1):
    return {
        "from_account": int(account), "to_account": int(to), "sku": s, "node": n, "line": line, "qty": qty,
        "ship_day": day,
    }  # fmt: skip
