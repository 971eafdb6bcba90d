"""What of an order waits at which node to be picked, read off its book as of one of its changes.

A line that is a bundle waits in whole bundles: as many as all components at the node are enough for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.life.open_book import OpenBook
from router.life.scratch import ROW, Scratch
from router.life.states import Stage, stage_of
from router.log.columns import Status
from router.log.reference import local_part, shard_part
from router.log.steps import OrderHistory, Step
from router.queries.answered import line_ids_of
from router.queries.names import Names, Naming
from router.queries.order_lines import Position, positions_of
from router.queries.source import RecordSource
from router.queries.text import name_of
from router.queries.words import OrderWords
from router.tables.compiled import NodeTable, Tables, TablesOf
from router.work.item import kept_text

_DAY_MS, _MINUTE_MS = 86_400_000, 60_000
_NOT_GONE = frozenset({Stage.HELD, Stage.ALLOCATED, Stage.PICKED, Stage.PACKED})


class Part(NamedTuple):
    """A SKU that is taken from a shelf for a line: the line's own, or a component of a bundle."""

    sku: str
    qty: int  # in one unit of the line


class LineHere(NamedTuple):
    """Units of a line that lie at a node and wait to be picked."""

    line: int  # from 0
    line_id: str
    sku: str
    qty: int  # units of the line: whole bundles where it is one
    parts: tuple[Part, ...]


class NodeHere(NamedTuple):
    """An order at one node."""

    node: str
    lines: tuple[LineHere, ...]
    units: int  # that wait here, components of bundles each for itself; 0 = all are on hold, or picked already
    due_ms: int  # the cut-off of the day on which it is to leave
    carrier: str  # as planned; "" = none
    service: str


class OrderHere(NamedTuple):
    """An order as of a change."""

    order_id: str
    channel: str
    seller: str
    version: int
    nodes: dict[str, NodeHere]  # those that any of its units have not left


class OrderBooks:
    """Reads orders out of the shards' logs. For one thread."""

    def __init__(
        self, key: npt.NDArray[np.uint64], sources: Sequence[RecordSource], tables_of: TablesOf, naming: Naming
    ) -> None:
        self._sources = sources
        self._tables_of = tables_of
        self._naming = naming
        self._scratch = Scratch(key)

    def read(self, newest: int) -> OrderHere | None:
        """The order as of the change of a reference with its shard; None while that is not durable."""
        source = self._sources[shard_part(newest)]
        history, words = OrderHistory(source, local_part(newest)), OrderWords()
        with self._scratch.told(words.passing(history.pieces())) as books:
            step = words.order
            if step is None:
                return None
            order_id, channel, seller = (kept_text(step.given[name]) for name in ("order_id", "channel", "seller"))
            if step.outcome["status"] == Status.REJECTED:
                return OrderHere(order_id, channel, seller, step.outcome["version"], {})
            book, names = books.look(ROW), self._names(step, source)
            return OrderHere(order_id, channel, seller, book.version, self._nodes(step, book, names))

    def _names(self, step: Step, source: RecordSource) -> Names:
        return Names(self._naming, line_ids_of(step, source.document(step.sequence, step.row)))

    def _nodes(self, step: Step, book: OpenBook, names: Names) -> dict[str, NodeHere]:
        found = {}
        for number, positions in _not_gone(book).items():
            waiting = [position for position in positions if stage_of(position.stage) == Stage.ALLOCATED]
            units, lines = sum(position.qty for position in waiting), lines_here(step, book, waiting, names)
            due_ms, carrier, service = self._leaving(step, number, positions)
            found[names.node(number)] = NodeHere(names.node(number), lines, units, due_ms, carrier, service)
        return found

    def _leaving(self, step: Step, number: int, positions: Sequence[Position]) -> tuple[int, str, str]:
        """When an order is to leave a node, and by which carrier and service."""
        tables, decided = self._naming(-1, number), self._tables_of(step.tables_version)
        parcel = next((parcel for parcel in step.outcome["parcels"] if parcel["node"] == number), None)
        planned = 0 if parcel is None else parcel["ship_day"]
        ship_day = max((position.ship_day for position in positions), default=0) or planned
        due_ms = cutoff_ms(tables.nodes, number, ship_day) if ship_day > 0 else step.now_ms
        carrier, service = ("", "") if parcel is None else _carried_by(parcel["band"], decided)
        return due_ms, carrier, service


def _not_gone(book: OpenBook) -> dict[int, list[Position]]:
    """By node, what has not left it."""
    found: dict[int, list[Position]] = {}
    for of_line in positions_of(book).values():
        for position in of_line:
            if stage_of(position.stage) in _NOT_GONE and position.node >= 0:
                found.setdefault(position.node, []).append(position)
    return found


def lines_here(step: Step, book: OpenBook, positions: Iterable[Position], names: Names) -> tuple[LineHere, ...]:
    """The lines of what waits at one node."""
    counts: dict[int, dict[int, int]] = {}
    for position in positions:
        of_line = counts.setdefault(position.line, {})
        of_line[position.sku] = of_line.get(position.sku, 0) + position.qty
    found = []
    for line, of_line in sorted(counts.items()):
        sku = step.given["lines"][line]["sku"]
        each = book.parts.get(line) or {sku: 1}
        qty = whole_units(of_line, each)
        if qty:
            parts = tuple(Part(kept_text(names.sku(part)), units) for part, units in each.items())
            found.append(LineHere(line, kept_text(names.line(line)), kept_text(names.sku(sku)), qty, parts))
    return tuple(found)


def whole_units(units: Mapping[int, int], each: Mapping[int, int]) -> int:
    """How many units of a line there are, of whose parts so many lie here."""
    return min(units.get(part, 0) // wanted for part, wanted in each.items())


def cutoff_ms(nodes: NodeTable, node: int, day: int) -> int:
    """When a node's day (since the epoch) ends for what is to leave on it, Unix milliseconds; UTC outside of the
    calendar that the tables have."""
    column = day - nodes.day0
    is_known = 0 <= column < nodes.utc_offset_min.shape[1]
    offset_min = int(nodes.utc_offset_min[node, column]) if is_known else 0
    return day * _DAY_MS + (int(nodes.cutoff_min[node]) - offset_min) * _MINUTE_MS


def _carried_by(band: int, tables: Tables) -> tuple[str, str]:
    """Carrier and service of a freight band, as the tables of the decision name them."""
    if band < 0:
        return "", ""
    rates = tables.rates
    carrier = name_of(rates.carriers, int(rates.band_carrier[band]))
    service = name_of(rates.services, int(rates.band_service[band]))
    return kept_text(carrier or ""), kept_text(service or "")
