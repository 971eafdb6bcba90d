"""Which units an event means that asks the ledger: a short pick, a refusal, a move. Plain Python, for few orders.

a plain line     its units that the event can concern, at the node it names
a bundle's line  whole bundles: of each component what they consist of, wherever it comes from
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from kernels.life import layout
from router.life.open_book import OpenBook
from router.life.states import Stage, stage_of


class Refusing(NamedTuple):
    """Why an event is refused, as VERDICT has it."""

    refusal: int
    refused_line: int = -1
    wanted: int = 0
    found: int = 0


@dataclass(frozen=True)
class Meant:
    """Units of one line: from which positions, and how many of the line they are."""

    line: int
    is_bundle: bool
    line_units: int
    taken: list[tuple[Any, int]]  # POSITION row, units of it


@dataclass(frozen=True)
class Named:
    """What an event says of units: lines as (number or -1, units or -1), none = all; a node, -1 = any."""

    lines: list[tuple[int, int]]
    node: int
    stages: frozenset[Stage]


def units_meant(book: OpenBook, named: Named) -> list[Meant] | Refusing:
    """The units, line by line; at least one."""
    found = []
    for place, (line, units) in enumerate(named.lines or [(line, -1) for line in _lines(book, named)]):
        if line < 0:
            return Refusing(layout.LINE_UNKNOWN, place)
        meant = _of_bundle(book, line, named) if line in book.parts else _of_line(book, line, named)
        if meant.line_units < max(units, 1):
            return Refusing(layout.NOT_ENOUGH, place, units, meant.line_units)
        if _is_open_which(meant, units):
            return Refusing(layout.WHICH_NODE, place)
        found.append(_cut(book, meant, units))
    return found or Refusing(layout.TRANSITION)


def _lines(book: OpenBook, named: Named) -> list[int]:
    rows = [position for position in book.positions if _is_meant(position, named)]
    return sorted({int(position["line"]) for position in rows})


def _is_meant(position: Any, named: Named) -> bool:
    return stage_of(int(position["stage"])) in named.stages and named.node in (-1, int(position["node"]))


def _of_line(book: OpenBook, line: int, named: Named) -> Meant:
    rows = [position for position in book.positions if position["line"] == line and _is_meant(position, named)]
    return Meant(line, False, sum(int(row["qty"]) for row in rows), [(row, int(row["qty"])) for row in rows])


def _of_bundle(book: OpenBook, line: int, named: Named) -> Meant:
    """Whole bundles that have a component at the node; their other components, wherever they are, go with them."""
    anywhere = Named([], -1, named.stages)
    rows = [position for position in book.positions if position["line"] == line and _is_meant(position, anywhere)]
    bundles = []
    for sku, each in book.parts[line].items():
        there = sum(int(row["qty"]) for row in rows if row["sku"] == sku)
        at_node = sum(int(row["qty"]) for row in rows if row["sku"] == sku and _is_meant(row, named))
        bundles.append((there // each, at_node // each))
    concerned = [at_node for _, at_node in bundles if at_node]
    count = min([*(there for there, _ in bundles), max(concerned, default=0)])
    rows.sort(key=lambda row: not _is_meant(row, named))  # what lies at the node goes first
    return Meant(line, True, count, [(row, int(row["qty"])) for row in rows])


def _is_open_which(meant: Meant, units: int) -> bool:
    """Whether part of the units is named and they lie at several nodes."""
    some = 0 < units < meant.line_units
    return some and not meant.is_bundle and len({int(row["node"]) for row, _ in meant.taken}) > 1


def _cut(book: OpenBook, meant: Meant, units: int) -> Meant:
    """As many units as are named; of a bundle as many of each component as they consist of."""
    count = meant.line_units if units < 0 else units
    skus = {int(row["sku"]) for row, _ in meant.taken}
    left = {sku: count * book.parts[meant.line][sku] for sku in skus} if meant.is_bundle else {-1: count}
    taken = []
    for row, there in meant.taken:
        key = int(row["sku"]) if meant.is_bundle else -1
        qty = min(left[key], there)
        left[key] -= qty
        if qty:
            taken.append((row, qty))
    return Meant(meant.line, meant.is_bundle, count, taken)
