"""Orders' units in plain Python: what the shards' records say, added up without the router's kernels.

Every unit of a line is in one place: its SKU, node, stage byte and shipment. A record moves units from place to place;
where the ledger keeps the two in different accounts it moves them in a cell as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from bench.trials.simulation import goods
from kernels.life.layout import NOWHERE, WHOLE_UNITS
from router.life.states import CellAccount, Stage, account_of, stage_of
from router.log.columns import EventResult, Status
from router.log.kinds import Kind
from router.log.records import Record, read_batch

Row = dict[str, Any]
CellMove = tuple[int, int, int, int, int]  # SKU, node, next node, account, next account
_NO_NODE = -1


class UnitsAt(NamedTuple):
    line: int
    sku: int
    node: int
    stage: int  # stage byte
    shipment: int


class OrderUnits:
    """The units of one order."""

    def __init__(self, given: Row, outcome: Row) -> None:
        self.ordered = [(line["sku"], line["qty"]) for line in given["lines"]]
        self.places: Counter[UnitsAt] = Counter()
        taken = Stage.HELD if outcome["status"] == Status.HELD else Stage.ALLOCATED
        for number, line in enumerate(outcome["lines"] if outcome["status"] != Status.REJECTED else ()):
            for part in line["allocations"]:
                self.places[UnitsAt(number, part["sku"], part["node"], taken, 0)] += part["qty"]
            self.places[UnitsAt(number, self.ordered[number][0], _NO_NODE, Stage.BACKORDERED, 0)] += line["backordered"]

    def apply(self, outcome: Row) -> Iterator[tuple[CellMove, int]]:
        """Do what a row of EVENT_OUTCOME says; the cell moves that go with it."""
        if outcome["whole"] & WHOLE_UNITS:
            before, self.places = +self.places, Counter()
            for place, units in before.items():
                self.places[place._replace(stage=outcome["stage"])] += units
                yield from _cell_move(place, place._replace(stage=outcome["stage"]), units)
        of_bundles: dict[int, Counter[int]] = defaultdict(Counter)  # units of components that were granted, by line
        for move in outcome["units"]:
            place = UnitsAt(move["line"], move["sku"], move["node"], move["from_stage"], move["from_shipment"])
            there = UnitsAt(move["line"], move["sku"], move["to_node"], move["to_stage"], move["shipment"])
            if place.stage == Stage.BACKORDERED and place.sku != self.ordered[place.line][0]:
                of_bundles[place.line][place.sku] += move["qty"]
            elif place.stage != NOWHERE:
                self.places[place] -= move["qty"]
            if there.stage != NOWHERE:
                self.places[there] += move["qty"]
            yield from _cell_move(place, there, move["qty"])
        for line, components in of_bundles.items():
            sku = self.ordered[line][0]
            self.places[UnitsAt(line, sku, _NO_NODE, Stage.BACKORDERED, 0)] -= _bundles(components)

    def faults(self) -> Iterator[str]:
        """Lines whose stages do not sum to what was ordered."""
        if any(units < 0 for units in self.places.values()):
            yield "has fewer than no units in a place"
        for number, (sku, ordered) in enumerate(self.ordered if +self.places else ()):
            its = {place: units for place, units in self.places.items() if place.line == number and units}
            plain = sum(units for place, units in its.items() if place.sku == sku)
            components = Counter[int]()
            for place, units in its.items():
                if place.sku != sku:
                    components[place.sku] += units
            if plain + (_bundles(components) if components else 0) != ordered:
                yield f"has {its} of line {number}, of which {ordered} were ordered"


def _bundles(components: Counter[int]) -> int:
    """How many bundles these units of its components are; -1 where they are not all of as many."""
    skus = goods.TABLES[goods.FIRST_TABLES].skus.ids
    counts = {components[skus.index(part)] / qty for part, qty in goods.PARTS.items()}
    count = counts.pop()
    return int(count) if not counts and count.is_integer() else -1


def _cell_move(place: UnitsAt, there: UnitsAt, units: int) -> Iterator[tuple[CellMove, int]]:
    """None for units that a grant brought: the ledger moved them itself, so they come from its ALLOCATED."""
    if NOWHERE in (place.stage, there.stage):
        return
    source, target = account_of(place.stage), account_of(there.stage)
    if source == CellAccount.WAITING:
        is_granted = stage_of(there.stage) != Stage.CANCELLED
        source, target = (CellAccount.ALLOCATED, target) if is_granted else (source, CellAccount.GONE)
    node = there.node if place.stage == Stage.BACKORDERED else place.node
    if units and (source, node) != (target, there.node):
        yield (place.sku, node, there.node, source, target), units


class Units:
    """The units of all orders of one shard."""

    def __init__(self) -> None:
        self.orders: dict[str, OrderUnits] = {}
        self.moved: dict[int, Counter[CellMove]] = {}  # by sequence: what its batch moves in cells
        self.faults: list[str] = []
        self._given: dict[int, pa.RecordBatch] = {}

    def follow(self, record: Record) -> None:
        if record.kind in (Kind.ORDERS, Kind.EVENTS, Kind.GRANTED):
            self._given[record.sequence] = read_batch(record)
            return
        given = self._given.pop(record.sequence).to_pylist()
        for came, became in zip(given, read_batch(record).to_pylist(), strict=True):
            if record.kind is Kind.OUTCOMES:
                self.orders[came["order_id"]] = OrderUnits(came, became)
            elif became["result"] == EventResult.APPLIED:
                moves = self.moved.setdefault(record.sequence, Counter())
                for move, units in self.orders[came["order_id"]].apply(became):
                    moves[move] += units
                for fault in self.orders[came["order_id"]].faults():
                    self.faults.append(f"after record {record.sequence} {came['order_id']} {fault}")

    def cells(self) -> Counter[tuple[int, int, int]]:
        """Units by SKU, node and account."""
        found: Counter[tuple[int, int, int]] = Counter()
        for order in self.orders.values():
            for place, units in order.places.items():
                found[place.sku, place.node, account_of(place.stage)] += units
        return +found
