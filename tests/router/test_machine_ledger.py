"""The ledger against a plain model: any order of decisions, repeats, moves, stock, quotes and crashes.

The model is a dictionary of cells and a list of what orders hold. It does not choose warehouses; it says what any
choice must keep: units come from where they are, once, and no unit is left while an order waits for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.arrow.arena import PrivateArena
from router.config import Policy
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath, StaleOwner
from router.ledger.turns import Alone, LedgerTurns, NoCheckpoints
from router.life.states import CellAccount
from router.log.columns import Status
from router.log.memory import MemoryLog
from router.tables.compiled import Tables
from router.tables.stock_rows import MovementKind, MovementResult
from tests.labs.ledger_cases import (
    NOTHING_GIVEN_BACK,
    build_tables,
    claims,
    movement,
    movements,
    moves,
    node,
    order,
    promotion,
    question,
    sku,
    world,
)

SKUS, NODES, PROMOTION_LIMIT = 2, 2, 3
EPOCH, NOW_MS = 5, 0
ACCOUNTS = ("available", "held", "allocated", "shipped", "received")

Cell = tuple[int, int]
cells = st.tuples(st.integers(0, SKUS - 1), st.integers(0, NODES - 1))
orders = st.builds(
    lambda lines, hold, coupon: order(lines, admission=int(hold), promotions=[0] if coupon else []),
    st.lists(
        st.tuples(st.integers(0, SKUS - 1), st.integers(1, 6), st.integers(-1, NODES - 1)), min_size=1, max_size=2
    ),
    st.booleans(),
    st.booleans(),
)


def tables_of(version: int, safety: Sequence[int]) -> Tables:
    nodes = [node(safety=units) for units in safety]
    return build_tables(world([sku(), sku()], nodes, promotions=[promotion("P", limit=PROMOTION_LIMIT)]), version)


def _cells_of(asked: dict[str, Any]) -> list[Cell]:
    """Where a line's units may come from."""
    nodes = [asked["node"]] if asked["node"] >= 0 else range(NODES)
    return [(asked["sku"], node) for node in nodes]


class LedgerMachine(RuleBasedStateMachine):
    @initialize(stock=st.dictionaries(cells, st.integers(0, 20)))
    def start(self, stock: dict[Cell, int]) -> None:
        self.log = MemoryLog(part_count=1)
        self.cells = {(s, n): Counter[str]() for s in range(SKUS) for n in range(NODES)}
        self.units: list[tuple[str, Cell, int]] = []  # what orders hold: account, cell, units
        self.asked: list[tuple[Any, ...]] = []  # every decide or move so far
        self.answers: list[list[dict[str, Any]] | None] = []
        self.moved: dict[int, int] = {}  # movement number -> its result
        self.granted = 0
        self.waits: Counter[tuple[int, int, int]] = Counter()  # shard, order, line -> units
        self.cells_of: dict[tuple[int, int, int], list[Cell]] = {}  # where a line's units may come from
        self.heard: Counter[int] = Counter()  # by shard, the newest record whose grants it knows
        self.safety: Sequence[int] = [0] * NODES
        self.versions = {1: tables_of(1, self.safety)}
        self._open()
        for number, (cell, units) in enumerate(sorted(stock.items())):
            self._stock(1_000 + number, MovementKind.RECEIPT, cell, units)

    def _open(self) -> None:
        self.path = LedgerPath(LedgerEngine(Policy(), PrivateArena()), self.log)
        self.path.engine.use_tables(self.versions[self.newest])
        self.path.recover(1, self.versions.__getitem__)
        self.ledger = LedgerTurns(self.path, self.log, self.versions.__getitem__, Alone(), NoCheckpoints())

    @property
    def newest(self) -> int:
        return max(self.versions)

    def _free(self, cell: Cell) -> int:
        """Units that an order may be given."""
        return max(0, self.cells[cell]["available"] - self.safety[cell[1]])

    # --- orders ----------------------------------------------------------------------------------

    @rule(batch=st.lists(orders, min_size=1, max_size=4), shard=st.integers(0, 2))
    def decide(self, batch: list[dict[str, Any]], shard: int) -> None:
        self.asked.append((shard, len(self.asked) + 1, self.newest, claims(batch)))
        decided = self._ask_again(len(self.asked) - 1)
        self.answers.append(decided)
        assert decided is not None
        self._hear()  # what newer tables free went to who waited, before
        for row, (wanted, answer) in enumerate(zip(batch, decided, strict=True)):
            self._take(wanted, answer)
            for line, (asked, given) in enumerate(zip(wanted["lines"], answer["lines"], strict=True)):
                key = shard, len(self.asked) << 16 | row, line
                self.waits[key], self.cells_of[key] = given["backordered"], _cells_of(asked)
        assert self.granted <= PROMOTION_LIMIT

    def _take(self, wanted: dict[str, Any], answer: dict[str, Any]) -> None:
        account = "held" if wanted["admission"] else "allocated"
        short = 0
        for asked, line in zip(wanted["lines"], answer["lines"], strict=True):
            assert asked["qty"] == line["backordered"] + sum(part["qty"] for part in line["allocations"])
            short += line["backordered"]
            for part in line["allocations"]:
                cell = part["sku"], part["node"]
                assert cell in _cells_of(asked) and 0 < part["qty"] <= self._free(cell)
                self._shift(cell, "available", account, part["qty"])
                self.units.append((account, cell, part["qty"]))
        for asked, line in zip(wanted["lines"], answer["lines"], strict=True):
            left = sum(self._free(cell) for cell in _cells_of(asked))
            assert not (line["backordered"] and left), "units lie there while an order waits for them"
        given = any(line["allocations"] for line in answer["lines"])
        usual = Status.BACKORDERED if not given else Status.PARTIALLY_ALLOCATED if short else Status.ALLOCATED
        assert answer["status"] == (Status.HELD if wanted["admission"] else usual)
        self.granted += len(answer["granted"])

    @precondition(lambda self: self.asked)
    @rule(pick=st.integers(0, 1_000))
    def ask_again(self, pick: int) -> None:
        at, before = pick % len(self.asked), self.path.engine.state_hash()
        assert self._ask_again(at) == self.answers[at], "a repeated question gets the first answer"
        assert self.path.engine.state_hash() == before, "a repeated question takes nothing"

    def _ask_again(self, at: int) -> list[dict[str, Any]] | None:
        shard, sequence, version, wanted = self.asked[at]
        asked = question(shard, sequence, version, epoch=EPOCH)
        if "kind" in wanted.schema.names:
            self.ledger.move(asked, wanted, NOTHING_GIVEN_BACK)
            return None
        decided: list[dict[str, Any]] = self.ledger.decide(asked, wanted).to_pylist()
        return decided

    def _hear(self) -> None:
        """What became free went to who waited, and to nobody else."""
        for shard in range(3):
            while (told := self.ledger.grants(shard, EPOCH, self.heard[shard], 0))[0] > self.heard[shard]:
                self.heard[shard] = told[0]
                for row in told[1].to_pylist():
                    cell = row["sku"], row["node"]
                    self.waits[shard, row["order"], row["line"]] -= row["line_qty"]
                    self._shift(cell, "available", "allocated", row["qty"])
                    self.units.append(("allocated", cell, row["qty"]))
        assert all(units >= 0 for units in self.waits.values())
        for key in (key for key, units in self.waits.items() if units):
            left = [self._free(cell) for cell in self.cells_of[key]]
            assert max(left) == 0, "units lie there while an order waits for them"

    @rule(batch=st.lists(orders, min_size=1, max_size=3))
    def quote(self, batch: list[dict[str, Any]]) -> None:
        before = self.path.engine.state_hash()
        self.ledger.quote(self.newest, claims(batch), NOW_MS)
        assert self.path.engine.state_hash() == before, "a quote takes nothing"

    @precondition(lambda self: self.asked)
    @rule()
    def a_replaced_shard_asks(self) -> None:
        self._ask_again(0)  # the ledger has heard of the newer epoch
        shard, before = self.asked[0][0], self.path.engine.state_hash()
        with pytest.raises(StaleOwner):
            self.ledger.decide(question(shard, 999, epoch=EPOCH - 1), claims([order([(0, 1)])]))
        assert self.path.engine.state_hash() == before

    @rule(safety=st.tuples(*[st.integers(0, 3)] * NODES), batch=st.lists(orders, max_size=2))
    def newer_tables(self, safety: Sequence[int], batch: list[dict[str, Any]]) -> None:
        """Nodes keep more back, or less; whoever waits is served before the next order, or else by the owner."""
        self.safety = safety
        self.versions[self.newest + 1] = tables_of(self.newest + 1, safety)
        self.ledger.use_tables(self.versions[self.newest])
        if batch:
            self.decide(batch, 1)
        self.ledger.keep_up(NOW_MS)
        self._hear()

    # --- moves and stock -------------------------------------------------------------------------

    @precondition(lambda self: self.units)
    @rule(pick=st.integers(0, 1_000), ends_well=st.booleans())
    def move(self, pick: int, ends_well: bool) -> None:
        account, cell, qty = self.units.pop(pick % len(self.units))
        to = {"held": "allocated", "allocated": "shipped"}[account] if ends_well else "available"
        accounts = (int(CellAccount[name.upper()]) for name in (account, to))
        self.asked.append((0, len(self.asked) + 1, 1, moves([(*accounts, *cell, qty, -1)])))
        self.answers.append(self._ask_again(len(self.asked) - 1))
        self._shift(cell, account, to, qty)
        if to == "allocated":
            self.units.append((to, cell, qty))
        self._hear()

    @rule(number=st.integers(0, 9), kind=st.integers(0, 3), cell=cells, qty=st.integers(0, 8))
    def stock(self, number: int, kind: int, cell: Cell, qty: int) -> None:
        self._stock(number, kind, cell, qty)

    def _stock(self, number: int, kind: int, cell: Cell, qty: int) -> None:
        other = cell[0], (cell[1] + 1) % NODES
        row = movement(number, kind, *cell, qty, other[1] if kind == MovementKind.TRANSFER else -1)
        (result,) = self.ledger.stock(movements([row]), NOW_MS).column("result").to_pylist()
        assert result == self._expected(number, kind, cell, qty)
        if result != MovementResult.APPLIED:
            return
        self.moved[number] = result
        here, there = self.cells[cell], self.cells[other]
        if kind == MovementKind.COUNT:
            qty -= here["available"] + here["held"] + here["allocated"]
        elif kind != MovementKind.RECEIPT:
            qty = -qty
        here.update(available=qty, received=qty)
        if kind == MovementKind.TRANSFER:
            there.update(available=-qty, received=-qty)
        self._hear()

    def _expected(self, number: int, kind: int, cell: Cell, qty: int) -> int:
        if number in self.moved:
            return MovementResult.REPEATED
        takes = kind in (MovementKind.DAMAGE, MovementKind.TRANSFER)
        return MovementResult.SHORT if takes and qty > self.cells[cell]["available"] else MovementResult.APPLIED

    def _shift(self, cell: Cell, account: str, to: str, qty: int) -> None:
        self.cells[cell][account] -= qty
        self.cells[cell][to] += qty

    # --- crash -----------------------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        before = self.path.engine.state_hash()
        self._open()
        assert self.path.engine.state_hash() == before, "what the log gives back is what there was"

    @invariant()
    def cells_are_those_of_the_model(self) -> None:
        engine = self.path.engine
        assert engine.conservation() == []
        for account in ACCOUNTS:
            ours = {cell: accounts[account] for cell, accounts in self.cells.items() if accounts[account]}
            assert engine.cells.units_of(account) == ours, account


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, derandomize=True)
TestLedgerMachine = LedgerMachine.TestCase
