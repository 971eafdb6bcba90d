"""Amended: what the ledger answered to an amendment, as moves of the order's units.

a plain line     units go from where they lay to their new node, or wait
a bundle's line  components vanish, and those of the new plan, or the bundle that waits, appear
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kernels.life import layout
from router.life.change import Change
from router.life.meant import Meant, Refusing
from router.life.states import Stage
from router.log.columns import AmendResult
from router.shard.amends import Amendment

Answer = dict[str, Any]  # a row of AMENDED


class _Place(NamedTuple):
    """Where units come to."""

    sku: int
    node: int
    stage: int
    ship_day: int
    qty: int


class _Move(NamedTuple):
    """A UNIT_MOVE."""

    line: int
    sku: int
    qty: int
    value_minor: int
    node: int
    to_node: int
    from_stage: int
    to_stage: int
    from_shipment: int
    ship_day: int


def change_of(asked: Amendment, answer: Answer) -> Change | Refusing:
    """What an answer does to the order's units."""
    if answer["done"] == AmendResult.LATER:
        return Refusing(layout.BUSY_NOW)
    if answer["done"] == AmendResult.NOT_ENOUGH:
        return Refusing(layout.NO_STOCK, -1, sum(line.line_units for line in asked.meant), 0)
    days = asked.parcel_days | {parcel["node"]: max(parcel["ship_day"], 0) for parcel in answer["parcels"]}
    moves: list[_Move] = []
    for line, given in zip(asked.meant, answer["lines"], strict=True):
        places = [
            _Place(units["sku"], units["node"], asked.stage, days.get(units["node"], 0), units["qty"])
            for units in given["allocations"]
        ]
        waiting = _Place(asked.line_sku[line.line], -1, Stage.BACKORDERED, 0, given["backordered"])
        each = asked.book.parts.get(line.line, {})
        moves += _bundle_moves(line, each, places, waiting) if line.is_bundle else _line_moves(line, [*places, waiting])
    rows = np.zeros(len(moves), layout.UNIT_MOVE)
    for name in _Move._fields:
        rows[name] = [getattr(move, name) for move in moves]
    return Change(rows)


def _line_moves(line: Meant, places: list[_Place]) -> Iterator[_Move]:
    """Units from their positions, one after the other, to their new places."""
    left = [place.qty for place in places]
    assert sum(left) == line.line_units, "an answer places every unit or lets it wait"
    at = 0
    for position, taken in line.taken:
        units, value = int(position["qty"]), int(position["value_minor"])
        while taken:
            while left[at] == 0:
                at += 1
            moved = min(taken, left[at])
            carried = share_of(moved, units, value)
            yield _move(line, position, places[at], moved, carried)
            taken, left[at], units, value = taken - moved, left[at] - moved, units - moved, value - carried


def _bundle_moves(line: Meant, each: dict[int, int], places: list[_Place], waiting: _Place) -> Iterator[_Move]:
    """``each`` is units by SKU in one bundle. Units of the first component carry what was served."""
    total = 0
    for position, taken in line.taken:
        sku = int(position["sku"])
        carried = share_of_bundles(taken, int(position["qty"]), int(position["value_minor"]), each.get(sku, 1))
        total += carried
        yield _move(line, position, _Place(sku, -1, layout.NOWHERE, 0, taken), taken, carried)
    served = share_of(line.line_units - waiting.qty, line.line_units, total)
    for place, carried in [*_shared_out(served, each, places), (waiting, total - served)]:
        if place.qty:
            yield _Move(
                line.line, place.sku, place.qty, carried, -1, place.node, layout.NOWHERE, place.stage, 0, place.ship_day
            )  # fmt: skip


def _shared_out(served_minor: int, each: dict[int, int], places: list[_Place]) -> Iterator[tuple[_Place, int]]:
    """Each place with what its units carry."""
    left = sum(place.qty for place in places if place.sku == places[0].sku)
    for place in places:
        carried = 0
        if place.sku == places[0].sku:
            carried = share_of_bundles(place.qty, left, served_minor, each.get(place.sku, 1))
            left, served_minor = left - place.qty, served_minor - carried
        yield place, carried


def _move(line: Meant, position: Any, to: _Place, qty: int, value_minor: int) -> _Move:
    return _Move(
        line.line, int(position["sku"]), qty, value_minor, int(position["node"]), to.node, int(position["stage"]),
        to.stage, int(position["shipment"]), to.ship_day,
    )  # fmt: skip


def share_of(units: int, position_units: int, value_minor: int) -> int:
    """What the first ``units`` of a position carry, as kernels/life/open.py shares it out."""
    if units == position_units:
        return value_minor
    low, more = divmod(value_minor, position_units)
    return units * low + min(more, units)


def share_of_bundles(units: int, position_units: int, value_minor: int, each: int) -> int:
    """The same where ``each`` units are one bundle's, as there."""
    bundles, loose = divmod(position_units, each)
    loose_minor = (2 * value_minor * loose + position_units) // (2 * position_units)
    taken, more = divmod(units, each)
    value = share_of(taken, bundles, value_minor - loose_minor)
    if more == loose:
        return value + loose_minor
    if taken == bundles:
        return value + share_of(more, loose, loose_minor)
    return value + share_of(more, each, share_of(taken + 1, bundles, value_minor - loose_minor) - value)
