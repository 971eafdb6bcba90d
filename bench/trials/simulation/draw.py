"""Plans drawn from a seed: what clients send, and what goes wrong meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.trials.simulation import goods
from bench.trials.simulation.dice import Dice
from bench.trials.simulation.draw_events import Events
from bench.trials.simulation.plan import CLIENTS, CRASHABLE, OWNERS, Fault, Movement, OrderRow, Plan, Request

FAULTS_MAX = 5
_STEPS = {"shard-0": 110, "shard-1": 110, "ledger": 150, "gateway-0": 30, "gateway-1": 30, "stream-reader": 60}
_MOVEMENTS = (*["receipt"] * 6, "count", "damage", "transfer", "dispatch", "arrive", "set_aside",
              "put_back", "scrap")  # fmt: skip


def draw(seed: int) -> Plan:
    dice = Dice(seed)
    orders = dice.between(4, 6, "orders") if dice.chance(88, "size") else dice.between(8, 20, "orders")
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
    events = Events(dice)
    number = 0
    while number < orders:
        count = min(dice.between(2, 5, "batch", number), orders - number)
        rows = tuple(_order(dice, at, "first") for at in range(number, number + count))
        number += count
        client = dice.below(CLIENTS, "client", number)
        events.know(client, rows)
        requests.append(Request(client, rows))
        requests += _company(dice, number, len(requests), events)
    requests += [Request(*events.request(100 + at)) for at in range(dice.between(1, 3, "late events"))]
    return requests


def _company(dice: Dice, orders: int, place: int, events: Events) -> list[Request]:
    """What may follow a request of orders: events, repeats, other bodies under known ids, stock."""
    other = dice.below(CLIENTS, "company", place)
    found: list[Request] = []
    if dice.chance(75, "events", place):
        found.append(Request(*events.request(place)))
    if dice.chance(25, "again", place):
        known = dice.below(orders, "which", place)
        same = dice.chance(60, "same body", place)
        found.append(Request(other, (_order(dice, known, "first" if same else place),)))
    if dice.chance(60, "stock", place):
        found.append(Request(other, tuple(_movement(dice, place, at) for at in range(dice.between(1, 2, place)))))
    return found


def _order(dice: Dice, number: int, variant: object) -> OrderRow:
    count = dice.one_of((1, 1, 1, 2, 3), "lines", number, variant)
    names = (*goods.SKUS, *goods.SKUS[2:], goods.BUNDLE, goods.BUNDLE, goods.UNKNOWN_SKU)
    lines = tuple(
        (dice.one_of(names, "sku", number, variant, at), dice.between(1, 4, "qty", number, variant, at))
        for at in range(count)
    )
    says = dice.chance(30, "amounts", number, variant)
    of_lines = tuple(_of_line(dice, says, number, variant, at) for at in range(count))
    said = tuple(_amounts(dice, number, variant)) if says else ()
    return OrderRow(number, dice.below(4, "customer", number), lines, dice.chance(30, "paid", number), of_lines, said)


def _of_line(dice: Dice, says_amounts: bool, *line: object) -> goods.Words:
    """The node that a line must come from, and amounts of which some cannot be."""
    said: dict[str, Any] = {}
    if dice.chance(25, "named", *line):
        said["node"] = dice.one_of((*goods.NODES, *goods.NODES, *goods.NODES, "no such node"), "node", *line)
    if says_amounts:
        said |= {name: dice.one_of((None, None, 0, 50, 99, 1_200), name, *line) for name in ("discount", "tax")}
    return tuple((name, value) for name, value in said.items() if value is not None)


def _amounts(dice: Dice, *order: object) -> Iterator[tuple[str, Any]]:
    yield "shipping", {"fee": dice.one_of((0, 1, 490, 490), "fee", *order)}
    for name, values in (("discount", (None, 0, 300, 300, 5_000)), ("tax", (None, None, 0, 400, 400, 5_000))):
        value = dice.one_of(values, name, "of the order", *order)
        if value is not None:
            yield name, value


def _movement(dice: Dice, place: int, at: int) -> Movement:
    kind = dice.one_of(_MOVEMENTS, "movement", place, at)
    node = dice.below(len(goods.NODES), "movement node", place, at)
    is_of_a_state = kind in ("set_aside", "put_back", "scrap")
    return Movement(
        10 * place + at,
        kind,
        dice.one_of((*goods.SKUS, *goods.SKUS[2:], *goods.SKUS[2:]), "movement sku", place, at),
        goods.NODES[node],
        dice.between(1, 5, "movement qty", place, at),
        goods.NODES[(node + 1) % len(goods.NODES)] if kind in ("transfer", "dispatch") else None,
        dice.one_of(("damaged", "blocked"), "movement state", place, at) if is_of_a_state else None,
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
