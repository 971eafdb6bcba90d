"""What a schedule consists of, as plain data: requests, faults, and how bad the network is. ``draw.py`` draws it.

Everything else (delays, interleaving, torn pages) follows from the seed and the name of what it happens to, see
``dice.py``; so a plan with something left out is a plan again, and that is how a failing one is shrunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from bench.trials.simulation import goods

CLIENTS = 3
OWNERS = ("shard-0", "shard-1", "ledger")
CRASHABLE = (*OWNERS, "gateway-0", "gateway-1", "stream-reader")

Lines = tuple[tuple[str, int | None], ...]  # line_id, units or all of them


@dataclass(frozen=True)
class OrderRow:
    number: int
    customer: int
    lines: tuple[tuple[str, int], ...]
    paid: bool
    of_lines: tuple[goods.Words, ...] = ()  # what else the first lines say: the node they must come from, amounts
    said: goods.Words = ()  # amounts of the order

    def body(self) -> bytes:
        return goods.order_body(self.number, self.customer, self.lines, self.paid, self.of_lines, self.said)


@dataclass(frozen=True)
class EventSent:
    """An event of an order. The same ``event`` may be sent again, also with another body, also of another order."""

    event: int
    order: int
    type: str
    lines: Lines = ()
    fields: tuple[tuple[str, Any], ...] = ()  # others that the type takes

    def body(self) -> bytes:
        lines = [{"line_id": name} | ({"qty": units} if units else {}) for name, units in self.lines]
        named = {"event_id": f"e-{self.event}", "order_id": goods.order_id(self.order), "type": self.type}
        return msgspec.json.encode(named | dict(self.fields) | ({"lines": lines} if lines else {}))


@dataclass(frozen=True)
class Movement:
    movement: int
    kind: str
    sku: str
    node: str
    qty: int
    to_node: str | None = None
    state: str | None = None

    def row(self) -> dict[str, Any]:
        said = {"kind": self.kind, "sku": self.sku, "node": self.node, "qty": self.qty}
        more = {"to_node": self.to_node, "state": self.state}
        return {"movement_id": f"m-{self.movement}", **said, **{name: value for name, value in more.items() if value}}


Row = OrderRow | EventSent | Movement


@dataclass(frozen=True)
class Request:
    """One request of a client, sent again until it is answered. All rows are of one kind."""

    client: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    crash     the target dies at its step ``at``; ``flavour`` power: its disk loses what is not synced
    blackout  every process and disk loses power when the target is at its step ``at``
    replaced  at step ``at`` the target is stopped for ``span`` ms and another owner takes its place meanwhile
    stopped   at step ``at`` the target is stopped for ``span`` ms
    eio       sync number ``at`` of the target's disk fails
    full      the target's disk is full from ``at`` ms on for ``span`` ms
    flip      at ``at`` ms a bit of a record in the target's log turns; ``flavour`` chooses which
    cut       target and ``flavour`` cannot hear each other from ``at`` ms on for ``span`` ms
    clock     the target's clock jumps by ``span`` ms at ``at`` ms
    """

    kind: str
    target: str
    at: int
    span: int = 0
    flavour: str = ""


@dataclass(frozen=True)
class Plan:
    seed: int
    requests: tuple[Request, ...]
    faults: tuple[Fault, ...]
    lost_percent: int
    doubled_percent: int
    late_percent: int
    new_tables_at_ms: int  # 0 = never

    @property
    def size(self) -> int:
        """What shrinking makes smaller."""
        rows = sum(len(request.rows) for request in self.requests)
        net = (self.lost_percent > 0) + (self.doubled_percent > 0) + (self.late_percent > 0)
        return rows + len(self.requests) + len(self.faults) + net + (self.new_tables_at_ms > 0)
