"""Who waits, in plain Python, in the order in which units have to be given: the ledger's queue without its kernels.

In this world every node may send to everybody, so who stands first in the queue of a SKU has a right to any unit of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from router.ledger.basis import basis_of
from router.log.records import Record
from router.shard.lanes import PolicyOf

Line = tuple[int, int]  # order (shard << 48 | sequence << 16 | row), line
Row = dict[str, Any]


@dataclass(frozen=True)
class Waiter:
    """Of a line in the queue of its SKU."""

    sku: int
    priority: int
    placed_at_ms: int
    arrival: int

    def before(self, other: Waiter, by_priority: bool) -> bool:
        return self._rank(by_priority) < other._rank(by_priority)

    def _rank(self, by_priority: bool) -> tuple[int, int, int]:
        return -self.priority if by_priority else 0, self.placed_at_ms, self.arrival


class WaitingLines:
    """``policy_of``: of a version of the tables; the newest decides who is first."""

    def __init__(self, policy_of: PolicyOf) -> None:
        self._policy_of = policy_of
        self.units: Counter[Line] = Counter()
        self._places: dict[Line, Waiter] = {}
        self._arrivals = 0

    def join(self, line: Line, sku: int, units: int, asked: Row) -> None:
        """Let a line wait for units; a line that waits keeps its place. ``asked``: its row of CLAIMS or AMENDS."""
        self.units[line] += units
        if units and line not in self._places:
            self._places[line] = Waiter(sku, asked["priority"] or 0, asked["placed_at_ms"], self._arrivals)
            self._arrivals += 1

    def leave(self, line: Line, units: int) -> None:
        self.units[line] -= units
        if self.units[line] <= 0:
            self._places.pop(line, None)

    def passed_over(self, record: Record, grants: Iterable[Row]) -> Iterator[str]:
        """Lines that still wait and stood before one that a record gave units of their SKU; to be asked before those
        that were given units leave. Bundles are left out: for them there may have been no other part."""
        order = self._policy_of(basis_of(record).granted_by).grant_order  # type: ignore[union-attr]
        if order == "whole_orders":
            return
        given = Counter[Line]()
        for row in grants:
            given[row["shard"] << 48 | row["order"], row["line"]] += row["line_qty"]
        waiting = {line: place for line, place in self._places.items() if self.units[line] > given[line]}
        for line in given:
            its = self._places.get(line)
            for other, place in waiting.items():
                if its and place.sku == its.sku and other != line and place.before(its, order == "priority"):
                    yield f"gives units of SKU {its.sku} to line {line}, which line {other} has waited for before it"
