"""The whole ledger beside its plain twin: random walks over all its acts, with replays and checkpoints in between.

Shards here keep little books: what their orders hold where, what waits, which grants they took over. So they ask what
real shards may ask: they give up what they believe to be waiting, whether or not it was granted meanwhile.
"""

from __future__ import annotations

import copy
import random
from collections import Counter, defaultdict

import msgspec
import pyarrow as pa
import pytest

from router.arrow.arena import PrivateArena
from router.config import Policy
from router.ledger.engine import LedgerEngine
from router.life.states import CellAccount as A
from router.log.columns import AMENDS, GIVEN_BACK, MOVEMENTS, MOVES, PENDING, AmendResult
from router.ports import NO_NUMBERS, NOTHING_NUMBERED
from tests.kernels.test_claim import settings
from tests.labs.cells import stocked_in
from tests.labs.ledger_cases import (
    NOON_MS,
    build_tables,
    changed_world,
    claims,
    engine_of,
    movement,
    question,
    random_order,
    random_stock,
    random_world,
)
from tests.labs.ledger_twin import expected, state_of, twin_state
from tests.reference.claim import acts
from tests.reference.claim import claim as twin
from tests.reference.claim.move import KINDS

SHARDS = 3
RESULTS = ("applied", "repeated", "short", "conflict")


class Walk:
    """An engine, a copy that only applies what the engine said, and the twin."""

    def __init__(self, rng: random.Random, **changed) -> None:
        self.rng = rng
        self.changed = settings(rng) | {"short_stock": rng.choice(["partial", "backorder"])} | changed
        self.world, self.version = random_world(rng, skus=4, nodes=4), 1
        stock = random_stock(rng, self.world)
        self.engine, self.copy = (engine_of(self.world, stock, **self.changed) for _ in range(2))
        self.engine.granted_by = self.version
        self.twin = twin.Ledger(msgspec.to_builtins(Policy(**self.changed)), stock)
        self.record = 0
        self.sequence = Counter()
        self.orders = {}  # reference -> what a shard knows of it
        self.held = defaultdict(Counter)  # reference -> (account, sku, node) -> units
        self.waits = defaultdict(Counter)  # reference -> line -> units, as the shard believes
        self.taken_over = Counter()  # by shard
        self.grants = defaultdict(list)  # by shard: (record, rows)
        self.keys = [(k + 1, 7 << 40 | k) for k in range(4)]

    def ask(self, shard, now_ms=0):
        self.sequence[shard] += 1
        self.record += 1
        return question(shard, self.sequence[shard], self.version, now_ms, seen=self.taken_over[shard])

    # --- what a shard does with grants ---------------------------------------------------------------

    def granted(self, grants: pa.RecordBatch, rows: list[dict]) -> pa.RecordBatch:
        """The engine's grants are the twin's; shards will hear of them."""
        found = [row | {"order": row["shard"] << 48 | row["order"]} for row in grants.to_pylist()]
        assert [{k: v for k, v in row.items() if k != "shard"} for row in found] == rows
        for shard in {row["order"] >> 48 for row in rows}:
            self.grants[shard].append((self.record, [row for row in rows if row["order"] >> 48 == shard]))
        return grants

    def take_over(self) -> None:
        """A shard takes over the next record's grants: of each line as many units as it still believes to wait."""
        shard = self.rng.randrange(SHARDS)
        if not self.grants[shard]:
            return
        record, rows = self.grants[shard].pop(0)
        self.take_rows(rows)
        self.taken_over[shard] = record

    def take_rows(self, rows) -> None:
        lines = defaultdict(list)
        for row in rows:
            lines[row["order"], row["line"]].append(row)
        for (order, line), its in lines.items():
            granted = sum(row["line_qty"] for row in its)
            units = min(granted, self.waits[order][line])
            self.waits[order][line] -= units
            for sku in {row["sku"] for row in its}:
                parts = [row for row in its if row["sku"] == sku]
                left = units * (sum(row["qty"] for row in parts) // granted)
                for row in parts:  # the first units count
                    got = min(left, row["qty"])
                    left -= got
                    self.held[order][int(A.ALLOCATED), sku, row["node"]] += got

    # --- acts ----------------------------------------------------------------------------------------

    def decide(self) -> None:
        shard, rng = rng_shard(self.rng), self.rng
        batch = [random_order(rng, self.world) for _ in range(rng.randint(1, 5))]
        asked = self.ask(shard, rng.choice([0, NOON_MS + 3_600_000]))
        reference = shard << 48 | asked.sequence << 16
        acts.confirm(self.twin, shard, asked.grants_seen)
        decision = self.engine.decide(asked, claims(batch))
        answers = twin.decide(self.twin, self.world, batch, reference, asked.now_ms)
        assert decision.to_pylist() == expected(answers)
        basis = self.engine.basis(asked)
        version = self.version
        self.copy.apply_decision(shard, asked.sequence, version, claims(batch), decision, basis, asked.now_ms)
        for row, (order, answer) in enumerate(zip(batch, answers, strict=True)):
            if answer["status"] != twin.REJECTED:
                self.remember(reference + row, order, answer)

    def remember(self, reference, order, answer) -> None:
        account = A.HELD if answer["status"] == twin.HELD else A.ALLOCATED
        self.orders[reference] = order | {"granted": answer["granted"], "days": list(answer["parcels"])}
        for number, line in enumerate(answer["lines"]):
            self.waits[reference][number] += line["backordered"]
            for part in line["allocations"]:
                self.held[reference][int(account), part["sku"], part["node"]] += part["qty"]

    def some_order(self):
        return self.rng.choice(sorted(self.orders)) if self.orders else None

    def given_up(self, reference, whole):
        """(line, units) that the shard believes to wait."""
        rows = [
            (line, qty if whole else self.rng.randint(0, qty)) for line, qty in self.waits[reference].items() if qty
        ]
        for line, qty in rows:
            self.waits[reference][line] -= qty
        return [(line, qty) for line, qty in rows if qty]

    def move(self) -> None:
        """Some units of an order go somewhere, or all of it is cancelled."""
        reference = self.some_order()
        if reference is None:
            return
        rng, held = self.rng, self.held[reference]
        cancelled = rng.random() < 0.4
        rows, day = [], -1
        for (account, s, n), qty in list(held.items()):
            units = qty if cancelled else rng.randint(0, qty)
            target = {A.HELD: (A.ALLOCATED, A.AVAILABLE), A.ALLOCATED: (A.SHIPPED, A.AVAILABLE), A.SHIPPED: (
                A.AVAILABLE, A.INSPECTION, A.GONE, A.DAMAGED)}[A(account)]  # fmt: skip
            to = A.AVAILABLE if cancelled and account != A.SHIPPED else rng.choice(target)
            if account == A.SHIPPED and cancelled:
                continue
            away = rng.randrange(len(self.world["nodes"])) if account == A.SHIPPED and rng.random() < 0.3 else -1
            if cancelled and self.orders[reference]["days"]:
                day = self.orders[reference]["days"].pop()["ship_day"]
            held[account, s, n] -= units
            if to in (A.ALLOCATED, A.SHIPPED):
                held[int(to), s, n if away < 0 else away] += units
            if units:
                rows.append((account, int(to), s, n, away, units, day, -1, -1))
        for line, qty in self.given_up(reference, cancelled):
            rows.append((int(A.WAITING), int(A.GONE), 0, 0, -1, qty, -1, reference, line))
        given_back = []
        if cancelled:
            order = self.orders.pop(reference)
            given_back = [{"order": reference, "promotions": order["granted"]} | _of(order, "customer", "basket")]
        self.move_rows(reference >> 48, rows, given_back)

    def move_rows(self, shard, rows, given_back) -> None:
        asked = self.ask(shard)
        names = ("from_account", "to_account", "sku", "node", "to_node", "qty", "ship_day", "order", "line")
        batch = pa.RecordBatch.from_pylist([{"kind": -1, **dict(zip(names, row, strict=True))} for row in rows], MOVES)
        back = pa.RecordBatch.from_pylist(
            [row | {"tables_version": self.version} for row in given_back], schema=GIVEN_BACK
        )
        grants, _ = self.engine.move(asked, batch, back, NOTHING_NUMBERED, self.record)
        self.granted(grants, acts.move(self.twin, self.world, shard, asked.grants_seen, rows, given_back, self.record))
        basis = self.engine.basis(asked)
        self.copy.apply_move(
            shard, asked.sequence, batch, back, grants, NOTHING_NUMBERED, NO_NUMBERS, basis, self.record
        )

    def stock(self) -> None:
        rng, rows = self.rng, []
        plain = [s for s, row in enumerate(self.world["skus"]) if not row["bundle"]]
        for _ in range(rng.randint(1, 4)):
            kind, n = rng.choice(("receipt", *KINDS)), rng.randrange(len(self.world["nodes"]))
            to_node = (n + 1) % len(self.world["nodes"]) if kind in ("transfer", "dispatch") else -1
            states = {"set_aside": (5, 6, 7), "put_back": (5, 6, 7), "scrap": (5, 6, 7, 8)}.get(kind, (-1,))
            number = rng.randint(self.record, self.record + 3) if rng.random() < 0.8 else rng.randint(0, self.record)
            rows.append(
                (
                    number,
                    rng.choice([0, 1, 2]),
                    kind,
                    rng.choice(plain),
                    n,
                    to_node,
                    rng.randint(0, 5),
                    rng.choice(states),
                )
            )
        self.record += 1
        batch = pa.RecordBatch.from_pylist(
            [
                movement(number + 500, KINDS.index(kind), s, n, qty, to_node, fingerprint=print_, state=state)
                for number, print_, kind, s, n, to_node, qty, state in rows
            ],
            schema=MOVEMENTS,
        )
        results, grants, _ = self.engine.stock(batch, self.record, 0)
        told, granted = acts.stock(self.twin, self.world, rows, self.record)
        assert [RESULTS[result] for result in results.column("result").to_pylist()] == told
        self.granted(grants, granted)
        self.copy.apply_stock(batch, grants, self.record)

    def follow_tables(self) -> None:
        """Newer tables free units, or some less; what they free is granted before anything else is asked."""
        before, self.world = self.world, changed_world(self.rng, self.world)
        self.version += 1
        self.record += 1
        for engine in (self.engine, self.copy):
            engine.use_tables(build_tables(self.world, self.version))
        none = pa.RecordBatch.from_pylist([], schema=MOVEMENTS)
        _, grants, made = self.engine.stock(none, self.record, 0, self.engine.follow_tables())
        assert not made.num_rows
        self.granted(grants, acts.follow_tables(self.twin, before, self.world, self.record))
        self.copy.apply_stock(none, grants, self.record)

    def amend(self) -> None:
        """Orders of one shard give up some of what they have and want something else."""
        shard = rng_shard(self.rng)
        mine = [reference for reference in sorted(self.orders) if reference >> 48 == shard]
        rows = [
            self.amendment(reference) for reference in self.rng.sample(mine, min(len(mine), self.rng.randint(1, 3)))
        ]
        if not rows:
            return
        asked = self.ask(shard, self.rng.choice([0, NOON_MS]))
        batch = pa.RecordBatch.from_pylist([row for row, _ in rows], schema=AMENDS)
        amended, grants = self.engine.amend(asked, batch, self.record)
        answers, granted = acts.amend(
            self.twin, self.world, shard, asked.grants_seen, [row for row, _ in rows], asked.now_ms, self.record
        )
        assert amended.to_pylist() == answers
        self.granted(grants, granted)
        basis = self.engine.basis(asked)
        self.copy.apply_amend(shard, asked.sequence, batch, amended, grants, basis, self.record)
        for (row, undo), answer in zip(rows, answers, strict=True):
            self.amended(row, undo, answer)

    def amendment(self, reference):
        """A row, and what the shard would believe again if nothing came of it."""
        rng, order = self.rng, self.orders[reference]
        held, waits = self.held[reference], self.waits[reference]
        days = order["days"]
        before = copy.deepcopy((held, waits, days))
        releases = []
        for (account, s, n), qty in list(held.items()):
            units = rng.randint(0, qty)
            if units and account != A.SHIPPED and rng.random() < 0.6:
                held[account, s, n] -= units
                to = rng.choice([A.AVAILABLE, A.AVAILABLE, A.GONE, A.DAMAGED])
                day = days.pop()["ship_day"] if days and rng.random() < 0.5 else -1
                line = rng.randrange(len(order["lines"]))
                releases.append(_release(account, int(to), s, n, units, day) | {"line": line})
        wanted = [
            {
                "line": rng.randrange(len(order["lines"])),
                "sku": rng.randrange(len(self.world["skus"])),
                "qty": 1 + rng.randrange(4),
            }
            for _ in range(rng.randint(0, 2))
        ]
        wanted = [w | _of(order["lines"][w["line"]], "sku", "node") for w in wanted]
        if rng.random() < 0.2:
            wanted = [w | {"node": -1} for w in wanted]  # as of a move
        node = rng.choice([-1, -1, rng.randrange(len(self.world["nodes"]))])
        row = {
            "order": reference, "mode": rng.randrange(2), "account": int(rng.choice([A.ALLOCATED, A.HELD])),
            "only_node": node if rng.random() < 0.5 else -1, "without_node": node if rng.random() < 0.5 else -1,
            "releases": releases, "wanted": wanted, "sends_from": sorted({day["node"] for day in days}),
            "refused_by": sorted(rng.sample(range(len(self.world["nodes"])), rng.choice([0, 0, 1, 2]))),
            "short_at": rng.choice([-1, rng.randrange(len(self.world["nodes"]))]),
            "accepted_ms": rng.choice([0, NOON_MS, NOON_MS + 3_600_000]),
        }  # fmt: skip
        plain = ("channel_index", "zone", "service", "promise_by_ms", "placed_at_ms", "priority")
        row |= _of(order, *plain)
        if row["channel_index"] == len(self.world["nodes"][0]["channels"]) - 1:
            row["channel_index"] = -1  # as a shard asks for every channel without a number
        return row, before

    def amended(self, row, before, answer) -> None:
        reference = row["order"]
        if answer["done"] != AmendResult.DONE:
            self.held[reference], self.waits[reference], self.orders[reference]["days"] = before
            return
        self.orders[reference]["days"] += answer["parcels"]
        for wanted, line in zip(row["wanted"], answer["lines"], strict=True):
            self.waits[reference][wanted["line"]] += line["backordered"]
            for part in line["allocations"]:
                self.held[reference][row["account"], part["sku"], part["node"]] += part["qty"]

    def pending(self) -> None:
        rng = self.rng
        rows = []
        for _ in range(rng.randint(1, 3)):
            step = rng.choice([0, 0, *range(4)])
            lines = [
                {"line": k, "sku": rng.randrange(len(self.world["skus"])), "qty": rng.randint(1, 3)}
                for k in range(rng.randint(1, 2))
            ]
            rows.append(
                (rng.choice(self.keys), step, rng.randint(0, 99), 0, rng.choice([1, 1, 2]), lines if step == 0 else [])
            )
        if rng.random() < 0.1:
            self.keys.append((len(self.keys), 1 << 63 | len(self.keys)))
        self.record += 1
        names = ("step", "deadline_ms", "channel_index", "zone", "wanted")
        batch = pa.RecordBatch.from_pylist(
            [{"key_hi": key[0], "key_lo": key[1], **dict(zip(names, row, strict=True))} for key, *row in rows], PENDING
        )
        pended, grants = self.engine.pending(batch, NOON_MS, self.record)
        answers, granted = acts.pending(self.twin, self.world, rows, NOON_MS, self.record)
        assert pended.to_pylist() == answers
        self.granted(grants, granted)
        self.copy.apply_pending(batch, pended, grants, self.record)

    def quote(self) -> None:
        before = self.engine.state_hash()
        self.engine.quote(self.version, claims([random_order(self.rng, self.world)]), NOON_MS)
        assert self.engine.state_hash() == before

    # --- what must hold --------------------------------------------------------------------------------

    def check(self) -> None:
        assert state_of(self.engine) == twin_state(self.twin)
        assert self.engine.conservation() == [] and acts.conserved(self.twin) == []
        some = {cell for cell, units in self.engine.cells.units_of("available").items() if units > 0}
        assert stocked_in(self.engine.cells) == some

    def checkpoint(self) -> None:
        """The copy and a checkpoint are the same, and the walk goes on from either."""
        assert self.copy.state_hash() == self.engine.state_hash()
        restored = LedgerEngine(Policy(**self.changed), PrivateArena())
        restored.use_tables(build_tables(self.world, self.version))
        restored.restore(self.engine.snapshot())
        restored.granted_by = self.engine.granted_by
        assert restored.state_hash() == self.engine.state_hash()
        self.engine = self.rng.choice([restored, self.engine])

    def finish(self) -> None:
        """Shards take over everything; then ledger and shards agree on every unit, and on who waits."""
        for _ in range(10_000):
            if not any(self.grants.values()):
                break
            self.take_over()
        cells = Counter()
        for held in self.held.values():
            for (account, s, n), qty in held.items():
                cells[account, s, n] += qty
        for lines in (lines for _, lines in self.twin.reservations.values()):
            for part in (part for line in lines for part in line["allocations"]):
                cells[int(A.HELD), part["sku"], part["node"]] += part["qty"]
        for account in (A.HELD, A.ALLOCATED):
            ours = {(s, n): qty for (named, s, n), qty in cells.items() if named == account and qty}
            theirs = {cell: qty for cell, qty in self.twin.accounts[account].items() if qty}
            if account == A.ALLOCATED:
                assert all(theirs.get(cell, 0) >= qty for cell, qty in ours.items())
            else:
                assert ours == theirs
        waits = {(ref, line): qty for ref, lines in self.waits.items() for line, qty in lines.items() if qty}
        assert waits == {(claim["order"], claim["line"]): claim["qty"] for claim in self.twin.waiting}


def rng_shard(rng) -> int:
    return rng.randrange(SHARDS)


def _of(row, *names):
    return {name: row[name] for name in names}


def _release(account, to, s, n, qty, day):
    return {"from_account": account, "to_account": to, "sku": s, "node": n, "line": -1, "qty": qty, "ship_day": day}


@pytest.mark.parametrize("grant_order", ["fifo", "priority", "whole_orders"])
@pytest.mark.parametrize("seed", range(6))
def test_the_ledger_is_what_its_twin_is_after_every_act(seed, grant_order):
    walk = Walk(random.Random(seed), grant_order=grant_order)
    acts_of = (
        ["decide"] * 6 + ["move"] * 5 + ["stock"] * 5 + ["amend"] * 3 + ["pending"] * 2 + ["take_over"] * 4
        + ["quote", "follow_tables", "follow_tables"]
    )  # fmt: skip
    for step in range(150):
        getattr(walk, walk.rng.choice(acts_of))()
        walk.check()
        if step % 15 == 0:
            walk.checkpoint()
    walk.finish()
