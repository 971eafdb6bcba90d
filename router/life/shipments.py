"""What goes into a shipment, and by whom it is sent: pure rules over what is open of an order and what its rates cost.

    open units of the books ─ units of shipments that have not left ─▶ free ─▶ planned: one node, so many of each line
    bands of the node's lane ─ by weight, carrier, service ─▶ cheapest, fastest, or the cheapest that is in time

Refused in words, with what is possible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from router.errors import Refused
from router.life.refunds import Units

Policy = Literal["cheapest", "fastest", "in_time"]
Free = dict[str, dict[str, int]]  # by node, by line: units that no shipment has
NO_DAY = -1
_POSSIBLE_SHOWN = 50


class ShipmentRefused(Refused):
    """A shipment that cannot be; ``code`` is that of the problem."""

    def __init__(self, detail: str, possible: Sequence[dict[str, object]] = (), code: str = "shipment_refused") -> None:
        super().__init__(detail)
        self.code = code
        self.possible = list(possible)  # units that could be sent: node, line_id, qty


class OpenUnits(NamedTuple):
    """Units that lie at a node for the order, allocated, picked or packed."""

    node: str
    line_id: str
    qty: int
    parcel: str  # shipment_id under which they were picked or packed; "" = in none


class Band(NamedTuple):
    """What a carrier's service takes for a weight, from one node to the order's address."""

    carrier: str
    service: str
    min_g: int
    max_g: int  # inclusive
    price_minor: int
    per_kg_minor: int  # per started kilogram
    arrives_day: int  # days since the epoch, where it leaves on the node's next ship day

    def price_of(self, weight_g: int) -> int:
        return self.price_minor + self.per_kg_minor * -(-weight_g // 1_000)


class Chosen(NamedTuple):
    """Who carries it."""

    carrier: str
    service: str
    price_minor: int | None = None  # by the rates; None: they do not say
    arrives_day: int = NO_DAY


def free_units(opened: Iterable[OpenUnits], taken: Iterable[tuple[str, Units]], ours: Collection[str]) -> Free:
    """``taken``: node and units of shipments that have not left, whose ids are ``ours``. What lies in a parcel of
    somebody else is theirs; what lies in one of ours is among ``taken``."""
    free: Free = {}
    for units in opened:
        if not units.parcel or units.parcel in ours:
            lines = free.setdefault(units.node, {})
            lines[units.line_id] = lines.get(units.line_id, 0) + units.qty
    for node, (line_id, qty) in taken:
        if line_id in free.get(node, {}):
            free[node][line_id] = max(0, free[node][line_id] - qty)
    left = {node: {line_id: qty for line_id, qty in lines.items() if qty} for node, lines in free.items()}
    return {node: lines for node, lines in left.items() if lines}


def planned(free: Free, node: str, wanted: Sequence[Units]) -> tuple[str, tuple[Units, ...]]:
    """Which node sends what: ``wanted`` units, none = all of the node; ``node`` "" = the first that has them all."""
    if not free:
        said = "Nothing of the order can be sent: its units are in shipments, on hold, waiting or gone."
        raise ShipmentRefused(f"{said} GET /v1/orders/{{order_id}}/shipments lists its shipments.")
    whole: dict[str, int] = {}
    for line_id, qty in wanted:
        whole[line_id] = whole.get(line_id, 0) + qty
    for name in [node] if node else free:
        lines = free.get(name, {})
        if lines and all(qty <= lines.get(line_id, 0) for line_id, qty in whole.items()):
            return name, tuple(Units(*each) for each in (whole or lines).items())
    where = f"Node {node}" if node else "No node by itself"
    said = f"{where} has these units of the order ready and in no shipment; ask for what is possible."
    raise ShipmentRefused(said, possible(free))


def possible(free: Free) -> list[dict[str, object]]:
    """What could be sent."""
    rows = [
        {"node": node, "line_id": line_id, "qty": qty} for node, lines in free.items() for line_id, qty in lines.items()
    ]
    return rows[:_POSSIBLE_SHOWN]


def weight_of(units: Iterable[Units], unit_weight_g: Mapping[str, int]) -> int:
    """Grams by the catalogue; never 0, which no carrier takes."""
    return max(1, sum(unit_weight_g.get(line_id, 0) * qty for line_id, qty in units))


def chosen(
    bands: Sequence[Band], weight_g: int, carrier: str, service: str, policy: Policy, by_day: int
) -> Chosen:  # fmt: skip
    """Who carries so much: a carrier that is named wins, also one that no rate knows. ``by_day``: of the promise,
    NO_DAY = none. Where nothing is in time, the fastest is nearest to it."""
    fitting = [
        band
        for band in bands
        if band.min_g <= weight_g <= band.max_g and carrier in ("", band.carrier) and service in ("", band.service)
    ]
    if not fitting:
        if carrier:
            return Chosen(carrier, service)
        of = f" with the service {service}" if service else ""
        said = f"No rate carries {weight_g} g{of} from this node to the order's address"
        remedy = "name a carrier, another service or weight_g, or add the rate to the table rates"
        raise ShipmentRefused(f"{said}; {remedy}.")
    in_time = [band for band in fitting if by_day == NO_DAY or band.arrives_day <= by_day]
    if policy == "cheapest" or (policy == "in_time" and in_time):
        band = min(fitting if policy == "cheapest" else in_time, key=lambda each: _cost_first(each, weight_g))
    else:
        band = min(fitting, key=lambda each: _day_first(each, weight_g))
    return Chosen(band.carrier, band.service, band.price_of(weight_g), band.arrives_day)


def _cost_first(band: Band, weight_g: int) -> tuple[int, int, str, str]:
    return band.price_of(weight_g), band.arrives_day, band.carrier, band.service


def _day_first(band: Band, weight_g: int) -> tuple[int, int, str, str]:
    return band.arrives_day, band.price_of(weight_g), band.carrier, band.service
