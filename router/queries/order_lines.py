"""The lines of an order as they stand: where their units are, and what was given to them by now.

A line that is a bundle counts whole bundles. A bundle stands where the least advanced of its components does, in the
order of the stages, so it is packed when all of it is packed, and cancelled when all of it is. Its components count
units of their own beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from router.life.open_book import OpenBook
from router.life.states import Stage, stage_of
from router.queries.names import Names
from router.queries.source import Row

Counts = list[int]  # units by Stage

_STAGES = [stage.name.lower() for stage in Stage]
_ELSEWHERE = frozenset({Stage.BACKORDERED, Stage.CANCELLED, Stage.RETURNED})  # of no node for the order


class Position(NamedTuple):
    """A POSITION row of kernels/life/layout.py."""

    value_minor: int
    sku: int
    qty: int
    line: int
    node: int
    ship_day: int
    stage: int  # stage byte
    shipment: int


def positions_of(book: OpenBook) -> dict[int, list[Position]]:
    """By line, each line's in the order in which its units were given to it."""
    found: dict[int, list[Position]] = {}
    for row in book.positions.tolist():
        position = Position._make(row)
        found.setdefault(position.line, []).append(position)
    return found


def line_state(sku: int, ordered: int, positions: Sequence[Position], parts: Mapping[int, int], names: Names) -> Row:
    """What changes of a line; ``parts`` are the components of a bundle: SKU -> units in one."""
    counts = {part: [0] * len(Stage) for part in (sku, *parts)}
    for position in positions:
        counts.setdefault(position.sku, [0] * len(Stage))[stage_of(position.stage)] += position.qty
    own = counts[sku]
    components = {part: counts[part] for part in parts}
    state: Row = {
        "allocations": _allocations(sku, positions, names),
        "backordered": own[Stage.BACKORDERED],
        "units": _units(ordered, _add(own, _whole(components, parts)) if parts else own),
    }
    if parts:
        state["components"] = [
            {
                "sku": names.sku(part),
                "qty": each,
                "units": _units(ordered * each, _add(components[part], [units * each for units in own])),
            }
            for part, each in parts.items()
        ]
    return state


def _units(ordered: int, counts: Counts) -> Row:
    return {"ordered": ordered, **dict(zip(_STAGES, counts, strict=True))}


def _add(one: Counts, other: Counts) -> Counts:
    return [units + more for units, more in zip(one, other, strict=True)]


def _whole(components: Mapping[int, Counts], parts: Mapping[int, int]) -> Counts:
    """Whole bundles by stage: how many have all components at least as far, less those that are further."""
    reached = [
        min(sum(components[part][stage:]) // each for part, each in parts.items()) for stage in range(len(Stage) + 1)
    ]
    return [reached[stage] - reached[stage + 1] for stage in range(len(Stage))]


def _allocations(sku: int, positions: Sequence[Position], names: Names) -> list[Row]:
    """Units by the node they are held at, or were sent from; what was cancelled or came back is no more the order's."""
    found: dict[tuple[int, int], int] = {}
    for position in positions:
        if stage_of(position.stage) not in _ELSEWHERE:
            place = (position.sku, position.node)
            found[place] = found.get(place, 0) + position.qty
    return [
        {"node": names.node(node), "qty": qty} | ({} if part == sku else {"sku": names.sku(part)})
        for (part, node), qty in found.items()
    ]
