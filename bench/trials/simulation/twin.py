"""The ledger's units in plain Python: what its records say happened, added up without the router's kernels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from bench.trials.simulation import goods
from bench.trials.simulation.queue import ALL, WaitingLines
from router.life.states import CellAccount
from router.log.columns import AMENDED, DECISION, GRANTS, PENDED, AmendResult, PendingStep, Status
from router.log.kinds import MESSAGES, Kind
from router.log.records import Record, read_batch
from router.shard.lanes import PolicyOf
from router.tables.stock_rows import MovementKind

A = CellAccount
Cell = tuple[int, int]
ACCOUNTS = [account for account in A if account not in (A.GONE, A.WAITING)]
_ON_PAPER = (A.AVAILABLE, A.HELD, A.ALLOCATED)  # whose units were on the shelf before
_TELLS_OF_SHELF = (
    MovementKind.RECEIPT, MovementKind.COUNT, MovementKind.TRANSFER, MovementKind.PUT_BACK, MovementKind.ARRIVE,
)  # fmt: skip
# What MOVES.kind said before version 1.
_OLD_MOVES = ((A.HELD, A.ALLOCATED), (A.HELD, A.AVAILABLE), (A.ALLOCATED, A.AVAILABLE), (A.ALLOCATED, A.SHIPPED))
# Of the kinds of movements: from which account they take, and to which they add, at the node and at to_node.
_MOVED: dict[int, tuple[CellAccount | None, CellAccount | None, CellAccount | None]] = {
    MovementKind.RECEIPT: (None, A.AVAILABLE, None),
    MovementKind.DAMAGE: (A.AVAILABLE, None, None),
    MovementKind.TRANSFER: (A.AVAILABLE, None, A.AVAILABLE),
    MovementKind.DISPATCH: (A.AVAILABLE, None, A.IN_TRANSIT),
    MovementKind.ARRIVE: (A.IN_TRANSIT, A.AVAILABLE, None),
}


class Twin:
    def __init__(self, policy_of: PolicyOf = goods.policy_of) -> None:
        self.units: dict[str, Counter[Cell]] = {account.name.lower(): Counter() for account in ACCOUNTS}
        self.received: Counter[Cell] = Counter()
        self.waiting = WaitingLines(policy_of)
        self.faults: list[str] = []
        self.movements: set[int] = set()  # lower halves of the ids that were applied
        self._reserved: dict[tuple[int, int], list[dict[str, Any]]] = {}
        self._granted: defaultdict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)  # by (order, line)
        self._record = 0

    def follow(self, record: Record) -> None:
        self._record = record.sequence
        {
            Kind.DECISION: self._decision, Kind.MOVES: self._moves, Kind.STOCK: self._movements,
            Kind.AMENDS: self._amends, Kind.PENDING: self._pending,
        }[record.kind](record)  # fmt: skip
        if GRANTS in MESSAGES[record.kind]:
            self._grants(record, _rows(record, GRANTS))

    # --- orders ----------------------------------------------------------------------------------

    def _decision(self, record: Record) -> None:
        first = record.batch_number << 48 | record.batch_id << 16
        self._nobody_is_passed(_rows(record, DECISION))
        for row, (asked, decided) in enumerate(zip(_rows(record), _rows(record, DECISION), strict=True)):
            account = A.HELD if decided["status"] == Status.HELD else A.ALLOCATED
            for number, (line, wanted) in enumerate(zip(decided["lines"], asked["lines"], strict=False)):
                taken = sum(part["qty"] for part in line["allocations"] if part["sku"] == wanted["sku"])
                if taken + line["backordered"] > wanted["qty"]:
                    self._fault("gives an order line more units than it asked for")
                self._take(line["allocations"], account)
                self.waiting.name((first + row, number), wanted["node"])
                for part in line["allocations"]:
                    if wanted["node"] not in (-1, part["node"]):
                        self._fault(f"gives a line units of node {part['node']}, which names {wanted['node']}")
                if record.version:
                    waits = (first + row, number), wanted["sku"], line["backordered"]
                    self.waiting.join(*waits, asked, record.now_ms)

    def _nobody_is_passed(self, decided: list[dict[str, Any]]) -> None:
        """An order takes only what nobody waits for, whatever freed it."""
        parts = (part for order in decided for line in order["lines"] for part in line["allocations"])
        for sku, node in sorted({(part["sku"], part["node"]) for part in parts}):
            if (line := self.waiting.has_right(sku, node)) is not None:
                self._fault(f"gives an order units of {(sku, node)}, for which line {line} has waited")

    def _moves(self, record: Record) -> None:
        for row in _rows(record):
            source, target = row["from_account"], row["to_account"]
            if row["kind"] >= 0:
                source, target = _OLD_MOVES[row["kind"]]
            if source == A.WAITING:
                self._give_up(row["order"], row["line"], row["qty"])
            else:
                self._move(A(source), A(target), row["sku"], row["node"], row["to_node"], row["qty"])
                if target == A.AVAILABLE and source not in _ON_PAPER:
                    there = row["to_node"] if row["to_node"] >= 0 else row["node"]
                    self.waiting.found_again(row["sku"], there)

    def _amends(self, record: Record) -> None:
        for row, answer in zip(_rows(record), _rows(record, AMENDED), strict=True):
            if answer["done"] != AmendResult.DONE:
                continue
            for part in row["releases"]:
                source, target = A(part["from_account"]), A(part["to_account"])
                self._move(source, target, part["sku"], part["node"], -1, part["qty"])
            for wanted, line in zip(row["wanted"], answer["lines"], strict=True):
                self._take(line["allocations"], A(row["account"]))
                waits = (row["order"], wanted["line"]), wanted["sku"], line["backordered"]
                self.waiting.join(*waits, row, row["accepted_ms"])
                self._bar(row, wanted["line"])

    def _bar(self, row: dict[str, Any], number: int) -> None:
        """What a line gets from no node again, or not before somebody counted."""
        line = row["order"], number
        for node in row["refused_by"]:
            self.waiting.bar(line, node, ALL)
        for part in row["releases"]:
            if part["line"] == number and part["node"] == row["short_at"]:
                self.waiting.bar(line, part["node"], part["sku"])

    def _take(self, allocations: list[dict[str, int]], account: CellAccount) -> None:
        for part in allocations:
            self._move(A.AVAILABLE, account, part["sku"], part["node"], -1, part["qty"])

    # --- who waits -------------------------------------------------------------------------------

    def _grants(self, record: Record, rows: list[dict[str, Any]]) -> None:
        for sentence in self.waiting.passed_over(record, rows):
            self._fault(sentence)
        for row in rows:
            line = (row["shard"] << 48 | row["order"], row["line"])
            self._move(A.AVAILABLE, A.ALLOCATED, row["sku"], row["node"], -1, row["qty"])
            if not self.waiting.may_have(line, row["sku"], row["node"]):
                self._fault(f"grants line {line} units of node {row['node']}, which it may not have")
            self.waiting.leave(line, row["line_qty"])
            self._granted[line].append(row | {"record": self._record})
            if self.waiting.units[line] < 0:
                self._fault(f"grants more units to line {line} than it waits for")

    def _give_up(self, order: int, line: int, units: int) -> None:
        """First of what waits, then of what was granted, the newest first."""
        waiting = min(units, self.waiting.units[order, line])
        self.waiting.leave((order, line), waiting)
        units -= waiting
        rows = self._granted[order, line]
        for record in sorted({row["record"] for row in rows}, reverse=True) if units else ():
            its = [row for row in rows if row["record"] == record]
            granted = sum(row["line_qty"] for row in its)
            taken = min(granted, units)
            units -= taken
            for sku in {row["sku"] for row in its} if taken else ():
                self._take_back([row for row in its if row["sku"] == sku], taken, granted)
            for row in its:
                row["line_qty"] = granted - taken if row is its[0] else 0

    def _take_back(self, rows: list[dict[str, Any]], taken: int, granted: int) -> None:
        left = taken * (sum(row["qty"] for row in rows) // granted)
        for row in reversed(rows):
            units = min(left, row["qty"])
            left -= units
            row["qty"] -= units
            self._move(A.ALLOCATED, A.AVAILABLE, row["sku"], row["node"], -1, units)

    # --- stock and reservations --------------------------------------------------------------------

    def _movements(self, record: Record) -> None:
        for row in _rows(record):
            self._movement(row)

    def _movement(self, row: dict[str, Any]) -> None:
        sku, node, to_node, units, kind = (row[name] for name in ("sku", "node", "to_node", "qty", "kind"))
        state = A(row["state"]) if row["state"] >= 0 else None
        by_state = {
            MovementKind.SET_ASIDE: (A.AVAILABLE, state, None),
            MovementKind.PUT_BACK: (state, A.AVAILABLE, None),
            MovementKind.SCRAP: (state, None, None),
        }
        source, target, there = {**_MOVED, **by_state}.get(kind, (None, A.AVAILABLE, None))
        if row["hash_lo"] in self.movements or (source is not None and self._of(source)[sku, node] < units):
            return
        self.movements.add(row["hash_lo"])
        if kind == MovementKind.COUNT:
            units -= sum(self._of(account)[sku, node] for account in (A.AVAILABLE, A.HELD, A.ALLOCATED))
        for account, cell, change in ((source, node, -units), (target, node, units), (there, to_node, units)):
            if account is not None:
                self._of(account)[sku, cell] += change
                self.received[sku, cell] += change
        if kind in _TELLS_OF_SHELF:
            self.waiting.found_again(sku, to_node if kind == MovementKind.TRANSFER else node)

    def _pending(self, record: Record) -> None:
        for row, answer in zip(_rows(record), _rows(record, PENDED), strict=True):
            key = row["key_hi"], row["key_lo"]
            if answer["result"] != 0:
                continue
            parts = [part for line in answer["lines"] for part in line["allocations"]]
            if row["step"] == PendingStep.RESERVE:
                self._reserved[key] = parts
                self._take(parts, A.HELD)
                continue
            target = A.ALLOCATED if row["step"] == PendingStep.POST else A.AVAILABLE
            for part in self._reserved.pop(key):
                self._move(A.HELD, target, part["sku"], part["node"], -1, part["qty"])

    # --- units -----------------------------------------------------------------------------------

    def _of(self, account: CellAccount) -> Counter[Cell]:
        return self.units[account.name.lower()]

    def _move(self, source: CellAccount, target: CellAccount, sku: int, node: int, to_node: int, units: int) -> None:
        there = node if to_node < 0 else to_node
        if source != A.GONE:
            if units > max(self._of(source)[sku, node], 0):
                name, has = source.name.lower(), self._of(source)[sku, node]
                self._fault(f"takes {units} {name} units of {(sku, node)}, which has {has}")
            self._of(source)[sku, node] -= units
            self.received[sku, node] -= units
        if target != A.GONE:
            self._of(target)[sku, there] += units
            self.received[sku, there] += units

    def _fault(self, what: str) -> None:
        self.faults.append(f"record {self._record} {what}")

    def unbalanced(self) -> Iterator[Cell]:
        for cell, units in self.received.items():
            if units != sum(account[cell] for account in self.units.values()):
                yield cell


def _rows(record: Record, schema: Any = None) -> list[dict[str, Any]]:
    number = 0 if schema is None else MESSAGES[record.kind].index(schema)
    rows: list[dict[str, Any]] = read_batch(record, number).to_pylist()
    return rows
