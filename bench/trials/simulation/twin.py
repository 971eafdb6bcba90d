"""The ledger's cells in plain Python: what its records say happened, added up without the router's kernels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from router.life.states import Move
from router.log.columns import Status
from router.log.kinds import Kind
from router.log.records import Record, read_batch
from router.tables.stock_rows import MovementKind

Cell = tuple[int, int]


class Twin:
    def __init__(self) -> None:
        self.available: dict[Cell, int] = defaultdict(int)
        self.held: dict[Cell, int] = defaultdict(int)
        self.allocated: dict[Cell, int] = defaultdict(int)
        self.shipped: dict[Cell, int] = defaultdict(int)
        self.received: dict[Cell, int] = defaultdict(int)
        self.faults: list[str] = []
        self.movements: set[int] = set()  # lower halves of the ids that were applied

    def follow(self, record: Record) -> None:
        if record.kind is Kind.DECISION:
            self._decision(record)
        elif record.kind is Kind.MOVES:
            for row in read_batch(record).to_pylist():
                self._move((row["sku"], row["node"]), row["kind"], row["qty"])
        else:
            for row in read_batch(record).to_pylist():
                self._stock(row)

    def _decision(self, record: Record) -> None:
        decision = read_batch(record, 1)
        statuses, lines = decision.column("status").to_pylist(), decision.column("lines").to_pylist()
        asked = read_batch(record).column("lines").to_pylist()
        for status, given, wanted in zip(statuses, lines, asked, strict=True):
            account = self.held if status == Status.HELD else self.allocated
            for line, claim in zip(given, wanted, strict=False):
                taken = sum(part["qty"] for part in line["allocations"])
                if taken + line["backordered"] > claim["qty"]:
                    self.faults.append(f"record {record.sequence} gives an order line more units than it asked for")
                for part in line["allocations"]:
                    self._take(record.sequence, (part["sku"], part["node"]), part["qty"], account)

    def _take(self, sequence: int, cell: Cell, units: int, account: dict[Cell, int]) -> None:
        if units > max(self.available[cell], 0):
            self.faults.append(f"record {sequence} takes {units} units of {cell}, which has {self.available[cell]}")
        self.available[cell] -= units
        account[cell] += units

    def _move(self, cell: Cell, kind: int, units: int) -> None:
        source = self.held if kind in (Move.CONFIRM, Move.RELEASE) else self.allocated
        target = {Move.CONFIRM: self.allocated, Move.SHIP: self.shipped}.get(Move(kind), self.available)
        source[cell] -= units
        target[cell] += units
        if source[cell] < 0:
            self.faults.append(f"more units leave {cell} than orders hold there")

    def _stock(self, row: dict[str, int]) -> None:
        cell, units, kind = (row["sku"], row["node"]), row["qty"], row["kind"]
        leaves = kind in (MovementKind.DAMAGE, MovementKind.TRANSFER)
        if row["hash_lo"] in self.movements or (leaves and self.available[cell] < units):
            return
        self.movements.add(row["hash_lo"])
        if kind == MovementKind.COUNT:
            units -= self.available[cell] + self.held[cell] + self.allocated[cell]
        self._change(cell, -units if leaves else units)
        if kind == MovementKind.TRANSFER:
            self._change((row["sku"], row["to_node"]), row["qty"])

    def _change(self, cell: Cell, units: int) -> None:
        self.available[cell] += units
        self.received[cell] += units

    def unbalanced(self) -> Iterator[Cell]:
        for cell, units in self.received.items():
            parts = (self.available, self.held, self.allocated, self.shipped)
            if units != sum(part[cell] for part in parts):
                yield cell
