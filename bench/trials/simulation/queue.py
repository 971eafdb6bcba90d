"""Who waits, in plain Python, in the order in which units have to be given: the ledger's queue without its kernels.

In this world every node may send to everybody, so who stands first in the queue of a SKU has a right to any unit of it,
but for lines that name a node: to units of that one, and there they come before other lines of their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from router.ledger.basis import basis_of
from router.log.records import Record
from router.shard.lanes import PolicyOf

Line = tuple[int, int]  # order (shard << 48 | sequence << 16 | row), line
Row = dict[str, Any]
ALL = -1  # SKUs


@dataclass(frozen=True)
class Waiter:
    """Of a line in the queue of its SKU."""

    sku: int
    priority: int
    placed_at_ms: int
    accepted_ms: int
    order: int
    arrival: int  # a line that was refused came back behind its order's other lines

    def before(self, other: Waiter, by_priority: bool) -> bool:
        return self._rank(by_priority) < other._rank(by_priority)

    def _rank(self, by_priority: bool) -> tuple[int, ...]:
        return -self.priority if by_priority else 0, self.placed_at_ms, self.accepted_ms, self.order, self.arrival


class WaitingLines:
    """``policy_of``: of a version of the tables; the newest decides who is first."""

    def __init__(self, policy_of: PolicyOf) -> None:
        self._policy_of = policy_of
        self.units: Counter[Line] = Counter()
        self._places: dict[Line, Waiter] = {}
        self._arrivals = 0
        self._barred: defaultdict[Line, set[tuple[int, int]]] = defaultdict(set)  # node, and SKU or ALL
        self._named: dict[Line, int] = {}  # the node that a line names

    def name(self, line: Line, node: int) -> None:
        """A line comes from this node alone."""
        if node >= 0:
            self._named[line] = node

    def join(self, line: Line, sku: int, units: int, asked: Row, accepted_ms: int) -> None:
        """Let a line wait for units; a line that waits keeps its place. ``asked``: its row of CLAIMS or AMENDS."""
        self.units[line] += units
        if units and line not in self._places:
            self._arrivals += 1
            of_order = asked["priority"] or 0, asked["placed_at_ms"], accepted_ms, line[0]
            self._places[line] = Waiter(sku, *of_order, self._arrivals)

    def bar(self, line: Line, node: int, sku: int) -> None:
        """Nothing from a node for a line that waits: of one SKU that was not found there, or of ALL that it refused."""
        if line in self._places:
            self._barred[line].add((node, sku))

    def found_again(self, sku: int, node: int) -> None:
        """Somebody laid units of a SKU into a cell, or counted them."""
        for bars in self._barred.values():
            bars.discard((node, sku))

    def may_have(self, line: Line, sku: int, node: int) -> bool:
        return self._named.get(line, node) == node and not {(node, ALL), (node, sku)} & self._barred[line]

    def has_right(self, sku: int, node: int) -> Line | None:
        """A line that waits for a SKU and may be given it from a node: nobody else may take what is for sale there."""
        waiting = (line for line, place in self._places.items() if place.sku == sku)
        return next((line for line in waiting if self.may_have(line, sku, node)), None)

    def leave(self, line: Line, units: int) -> None:
        self.units[line] -= units
        if self.units[line] <= 0:
            self._places.pop(line, None)
            self._barred.pop(line, None)

    def passed_over(self, record: Record, grants: Iterable[Row]) -> Iterator[str]:
        """Lines that still wait, stood before one that a record gave units of their SKU, and might have had some of
        these; to be asked before those that were given units leave. Of a bundle it is all of its parts or none: for one
        that was kept from a line there may have been no other."""
        order = self._policy_of(basis_of(record).granted_by).grant_order  # type: ignore[union-attr]
        if order == "whole_orders":
            return
        given, cells = Counter[Line](), defaultdict[Line, list[tuple[int, int]]](list)
        for row in grants:
            line = row["shard"] << 48 | row["order"], row["line"]
            given[line] += row["line_qty"]
            cells[line].append((row["sku"], row["node"]))
        waiting = {line: place for line, place in self._places.items() if self.units[line] > given[line]}
        for line in given:
            its = self._places.get(line)
            for other, place in waiting.items():
                if not its or place.sku != its.sku or other == line or not place.before(its, order == "priority"):
                    continue
                if other[0] == line[0] and line in self._named and other not in self._named:
                    continue
                enough = any if all(sku == its.sku for sku, _ in cells[line]) else all
                if enough(self.may_have(other, *cell) for cell in cells[line]):
                    yield f"gives units of SKU {its.sku} to line {line}, which line {other} has waited for before it"
