"""What clients were promised, and what broke a promise. Takes answers of both media types, from several threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import xxhash

Row = dict[str, Any]


class Part(msgspec.Struct):
    node: str
    qty: int


class Line(msgspec.Struct):
    sku: str
    allocations: list[Part] = []


class Answer(msgspec.Struct):
    """The fields of an acknowledgement that are a promise."""

    order_id: str | None = None
    status: str = ""
    total: int | None = 0
    discount: int | None = 0
    tax: int | None = 0
    shipping: int | None = 0
    lines: list[Line] | None = None
    parcels: int | None = 0
    promise_date: str | None = None
    cursor: str | None = None
    duplicate: bool | None = False
    detail: str | None = None

    @property
    def decision(self) -> int:
        """Digest of what was promised."""
        told = (self.status, self.total, self.discount, self.tax, self.shipping, self.parcels, self.promise_date)
        return xxhash.xxh3_64_intdigest(msgspec.msgpack.encode((told, self.cursor, self.lines)))

    @property
    def parts(self) -> Iterable[tuple[str, str, int]]:
        """SKU, node and units of every allocation."""
        return ((line.sku, part.node, part.qty) for line in self.lines or () for part in line.allocations)


@dataclass
class Promises:
    promised: dict[str, int] = field(default_factory=dict)  # order id -> decision
    order_ids: list[str] = field(default_factory=list)  # the same as they came; others read it while it grows
    # Answered as new. Where an id stands twice in a stream either row may be: batches may overtake each other.
    decided: set[str] = field(default_factory=set)
    units: Counter[tuple[str, str]] = field(default_factory=Counter)  # (SKU, node) -> units promised
    answers: int = 0
    rejected: int = 0
    duplicated: int = 0  # decided a second time
    changed: int = 0  # another decision than the first
    violations: list[str] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def take(self, answers: Iterable[Answer]) -> None:
        with self._turn:
            for answer in answers:
                self._take(answer)

    def _take(self, answer: Answer) -> None:
        self.answers += 1
        if answer.order_id is None or (answer.status == "rejected" and not answer.duplicate):
            self.rejected += 1
            self.violated(f"{answer.order_id} was rejected ({answer.detail}); no order of this workload may be")
            return
        known = len(self.promised)
        first = self.promised.setdefault(answer.order_id, answer.decision)
        if len(self.promised) > known:
            self.order_ids.append(answer.order_id)
            for sku, node, qty in answer.parts:
                self.units[sku, node] += qty
        elif first != answer.decision:
            self.changed += 1
            self.violated(f"{answer.order_id} was promised something else before it was answered with {answer.cursor}")
        if not answer.duplicate and answer.order_id in self.decided:
            self.duplicated += 1
            self.violated(f"{answer.order_id} was decided a second time, as {answer.cursor}")
        elif not answer.duplicate:
            self.decided.add(answer.order_id)

    def violated(self, sentence: str) -> None:
        self.violations.append(sentence)

    def oversold(self, stock: Iterable[Row]) -> int:
        """Units promised beyond what a node has of a SKU."""
        over = 0
        missing = dict(self.units)
        for row in stock:
            cell = (str(row["sku"]), str(row["node"]))
            over += max(0, missing.pop(cell, 0) - int(row["on_hand"]))
        return over + sum(missing.values())  # cells that have no stock at all

    def balance_stock(self, verdict: Row, stock: Iterable[Row]) -> int:
        """Compare what the folder holds with what was promised; returns the units oversold."""
        for finding in verdict["findings"]:
            self.violated(f"verify: {finding['where']}: {finding['what']}")
        if verdict["orders"] != len(self.promised):
            self.violated(f"{verdict['orders']} orders are stored, {len(self.promised)} ids were sent")
        totals, promised = verdict["ledger"].get("totals", {}), sum(self.units.values())
        taken = sum(totals.get(account, 0) for account in ("allocated", "held", "shipped"))
        if taken != promised:
            self.violated(f"the ledger took {taken} units, the acknowledgements promise {promised}")
        over = self.oversold(stock)
        if over:
            self.violated(f"{over} units were promised that no node has")
        return over
