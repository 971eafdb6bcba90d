"""What a schedule consists of, as plain data drawn from its seed: requests, faults, and how bad the network is.

Everything else (delays, interleaving, torn pages) follows from the seed and the name of what it happens to, see
``dice.py``; so a plan with something left out is a plan again, and that is how a failing one is shrunk.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.trials.simulation import goods
from bench.trials.simulation.dice import Dice

CLIENTS = 3
OWNERS = ("shard-0", "shard-1", "ledger")
CRASHABLE = (*OWNERS, "gateway-0", "gateway-1", "stream-reader")
EVENTS = ("payment_captured", "pick", "pack", "ship", "deliver", "cancel", "release", "review_reject", "return")
FAULTS_MAX = 5
_STEPS = {"shard-0": 90, "shard-1": 90, "ledger": 120, "gateway-0": 20, "gateway-1": 20, "stream-reader": 60}


@dataclass(frozen=True)
class OrderRow:
    number: int
    customer: int
    lines: tuple[tuple[str, int], ...]
    paid: bool

    def body(self) -> bytes:
        return goods.order_body(self.number, self.customer, self.lines, self.paid)


@dataclass(frozen=True)
class EventSent:
    event: int
    order: int
    type: str


@dataclass(frozen=True)
class Movement:
    movement: int
    kind: str
    sku: str
    node: str
    to_node: str | None
    qty: int


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


def draw(seed: int) -> Plan:
    dice = Dice(seed)
    orders = dice.between(5, 7, "orders") if dice.chance(88, "size") else dice.between(8, 20, "orders")
    return Plan(
        seed,
        tuple(_requests(dice, orders)),
        tuple(_fault(dice, number) for number in range(dice.between(0, FAULTS_MAX, "faults"))),
        lost_percent=dice.one_of((0, 0, 2, 10), "lost"),
        doubled_percent=dice.one_of((0, 0, 5, 20), "doubled"),
        late_percent=dice.one_of((0, 0, 3, 10), "late"),
        new_tables_at_ms=dice.between(10, 300, "tables") if dice.chance(30, "new tables") else 0,
    )


def _requests(dice: Dice, orders: int) -> list[Request]:
    requests: list[Request] = []
    number = 0
    while number < orders:
        count = min(dice.between(2, 5, "batch", number), orders - number)
        rows = tuple(_order(dice, at, "first") for at in range(number, number + count))
        number += count
        requests.append(Request(dice.below(CLIENTS, "client", number), rows))
        requests += _company(dice, number, requests)
    return requests


def _company(dice: Dice, orders: int, earlier: list[Request]) -> list[Request]:
    """What may follow a request of orders: events, repeats, other bodies under known ids, stock."""
    place = len(earlier)
    sent = [row for request in earlier for row in request.rows if isinstance(row, EventSent)]
    client = dice.below(CLIENTS, "company", place)
    found: list[Request] = []
    if dice.chance(45, "events", place):
        count = dice.between(1, 3, "event count", place)
        found.append(Request(client, tuple(_event(dice, orders, place, at, sent) for at in range(count))))
    if dice.chance(30, "again", place):
        known = dice.below(orders, "which", place)
        same = dice.chance(60, "same body", place)
        found.append(Request(client, (_order(dice, known, "first" if same else place),)))
    if dice.chance(20, "stock", place):
        found.append(Request(client, tuple(_movement(dice, place, at) for at in range(dice.between(1, 2, place)))))
    return found


def _order(dice: Dice, number: int, variant: object) -> OrderRow:
    count = 1 + (dice.below(4, "lines", number, variant) == 0)
    names = (*goods.SKUS, goods.SKUS[1], goods.SKUS[2], goods.UNKNOWN_SKU)
    lines = tuple(
        (dice.one_of(names, "sku", number, variant, at), dice.between(1, 4, "qty", number, variant, at))
        for at in range(count)
    )
    return OrderRow(number, dice.below(4, "customer", number), lines, dice.chance(30, "paid", number))


def _event(dice: Dice, orders: int, place: int, at: int, sent: list[EventSent]) -> EventSent:
    if sent and dice.chance(15, "event again", place, at):
        return dice.one_of(sent, "which event", place, at)
    return EventSent(
        10 * place + at, dice.below(orders, "event of", place, at), dice.one_of(EVENTS, "event type", place, at)
    )


def _movement(dice: Dice, place: int, at: int) -> Movement:
    kind = dice.one_of(("receipt", "count", "damage", "transfer"), "movement", place, at)
    node = dice.below(len(goods.NODES), "movement node", place, at)
    return Movement(
        10 * place + at,
        kind,
        dice.one_of(goods.SKUS, "movement sku", place, at),
        goods.NODES[node],
        goods.NODES[(node + 1) % len(goods.NODES)] if kind == "transfer" else None,
        dice.between(1, 5, "movement qty", place, at),
    )


def _fault(dice: Dice, number: int) -> Fault:
    kinds = ("crash", "crash", "crash", "blackout", "replaced", "stopped", "eio", "full", "flip", "cut", "clock")
    kind = dice.one_of(kinds, "fault", number)
    owner = dice.one_of(OWNERS, "owner", number)
    at_ms, span_ms = dice.between(5, 500, "at", number), dice.between(20, 900, "span", number)
    match kind:
        case "crash":
            target = dice.one_of((*CRASHABLE, *OWNERS), "target", number)
            flavour = dice.one_of(("", "power"), "flavour", number)
            return Fault(kind, target, dice.between(1, _STEPS[target], "step", number), flavour=flavour)
        case "blackout" | "replaced" | "stopped":
            return Fault(kind, owner, dice.between(1, _STEPS[owner], "step", number), span_ms)
        case "eio":
            return Fault(kind, owner, dice.between(1, 30, "sync", number))
        case "full":
            return Fault(kind, owner, at_ms, span_ms)
        case "flip":
            return Fault(kind, owner, at_ms, flavour=str(dice.below(1 << 20, "bit", number)))
        case "cut":
            pairs = (("shard-0", "ledger"), ("shard-1", "ledger"), ("gateway-0", "shard-0"), ("gateway-1", "shard-1"))
            one, other = dice.one_of(pairs, "pair", number)
            return Fault(kind, one, at_ms, span_ms, other)
    gateway = dice.one_of(("gateway-0", "gateway-1"), "gateway", number)
    return Fault("clock", gateway, at_ms, dice.one_of((-3_600_000, -5_000, 5_000, 3_600_000), "jump", number))
