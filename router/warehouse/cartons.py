"""Which cartons an order's units are packed into: the cheapest that a fixed way of packing finds, and a bound.

    units, largest first ─▶ for each carton size: as many units as fit into one ─▶ the size with the least cost for
    what it takes is filled ─▶ the rest again; and, beside it, all into the cheapest one that holds everything

A unit may lie on any of its sides (six ways). Inside a carton, units are put at corners that earlier ones made (extreme
points: Crainic, Perboli and Tadei, "Extreme point-based heuristics for three-dimensional bin packing", 2008), lowest
first. The packing is a proposal, and it never overlaps: a test holds it against all placings of few units.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

Size = tuple[int, int, int]  # millimetres
UNITS_MAX = 40  # of an order that cartons are proposed for: with eight sizes that takes a second or two


class Unit(NamedTuple):
    """One unit of a SKU as it is packed."""

    sku: str
    size_mm: Size
    weight_g: int
    is_dangerous: bool = False


class Carton(NamedTuple):
    """A carton of the table ``cartons``; dimensions are those inside."""

    carton: str
    size_mm: Size
    max_weight_g: int  # of what is in it
    weight_g: int  # its own
    cost_minor: int
    dangerous_goods: bool  # may hold them


class Packed(NamedTuple):
    """A carton and what lies in it."""

    carton: Carton
    units: tuple[Unit, ...]

    @property
    def weight_g(self) -> int:
        return self.carton.weight_g + sum(unit.weight_g for unit in self.units)


class Placed(NamedTuple):
    corner_mm: Size
    size_mm: Size  # as it lies


class Proposal(NamedTuple):
    """Cartons in the order in which they are filled; ``too_large``: units that no carton holds."""

    packed: tuple[Packed, ...]
    too_large: tuple[Unit, ...]

    @property
    def cost_minor(self) -> int:
        return sum(each.carton.cost_minor for each in self.packed)


def propose(units: Sequence[Unit], cartons: Sequence[Carton]) -> Proposal:
    """The cheapest set of cartons found, of equals the one with the fewest; the same for any order of the input."""
    assert len(units) <= UNITS_MAX, f"cartons are proposed for {UNITS_MAX} units at most"
    sizes = sorted(cartons, key=lambda carton: (carton.cost_minor, volume_mm3(carton.size_mm), carton.carton))
    ordered = sorted(units, key=lambda unit: (-volume_mm3(unit.size_mm), unit))
    fitting = [unit for unit in ordered if any(fits_alone(unit, carton) for carton in sizes)]
    too_large = tuple(unit for unit in ordered if not any(fits_alone(unit, carton) for carton in sizes))
    found = [Proposal(packed, too_large) for packed in _ways(fitting, sizes)]
    return min(found, key=lambda proposal: (proposal.cost_minor, len(proposal.packed)))


def _ways(units: Sequence[Unit], cartons: Sequence[Carton]) -> Iterator[tuple[Packed, ...]]:
    """Sets of cartons that hold all: filled one after the other by least cost, and of one size each."""
    yield tuple(_greedy(units, cartons))
    for carton in cartons:
        if all(fits_alone(unit, carton) for unit in units):
            yield tuple(_greedy(units, [carton]))


def _greedy(units: Sequence[Unit], cartons: Sequence[Carton]) -> Iterator[Packed]:
    left = list(units)
    while left:
        filled = [(carton, fill(carton, left)) for carton in cartons]
        carton, taken = min((each for each in filled if each[1]), key=lambda each: _price(*each))
        yield Packed(carton, tuple(taken))
        for unit in taken:
            left.remove(unit)


def _price(carton: Carton, taken: Sequence[Unit]) -> tuple[float, int]:
    """Cost of what it takes, by volume, so that a large carton has to be filled to be worth it; then the volume."""
    volume = _volume_mm3(taken)
    return (carton.cost_minor + 1) / volume, volume_mm3(carton.size_mm)


def fill(carton: Carton, units: Sequence[Unit]) -> list[Unit]:
    """Of these, largest first, what fits into one carton: by each way to prefer sides the fullest, or the first that
    takes all."""
    best: list[Unit] = []
    for preferred in itertools.permutations(range(3)):
        taken = _fill(carton, units, preferred)
        if _volume_mm3(taken) > _volume_mm3(best):
            best = taken
        if len(best) == len(units):
            break
    return best


def _fill(carton: Carton, units: Sequence[Unit], preferred: Sequence[int]) -> list[Unit]:
    """``preferred``: the sides of the carton along which a unit is laid as short as can be, the first one first."""
    taken: list[Unit] = []
    lying: list[Placed] = []
    corners: list[Size] = [(0, 0, 0)]
    weight_g, room_mm3 = 0, volume_mm3(carton.size_mm)
    without_room: set[Size] = set()  # there is never more of it
    for unit in units:
        is_too_heavy = weight_g + unit.weight_g > carton.max_weight_g
        if is_too_heavy or unit.size_mm in without_room or (unit.is_dangerous and not carton.dangerous_goods):
            continue
        placed = (
            _place(unit, carton.size_mm, corners, lying, preferred) if volume_mm3(unit.size_mm) <= room_mm3 else None
        )
        if placed is None:
            without_room.add(unit.size_mm)
            continue
        taken.append(unit)
        lying.append(placed)
        weight_g, room_mm3 = weight_g + unit.weight_g, room_mm3 - volume_mm3(unit.size_mm)
        corners = _corners(corners, placed, carton.size_mm)
    return taken


def _place(
    unit: Unit, carton: Size, corners: Sequence[Size], lying: Sequence[Placed], preferred: Sequence[int]
) -> Placed | None:
    """At the first corner, and the first way up, where it overlaps nothing."""
    lows = np.array([each.corner_mm for each in lying], np.int64).reshape(-1, 3)
    highs = lows + np.array([each.size_mm for each in lying], np.int64).reshape(-1, 3)
    at = np.array(corners, np.int64)
    free: list[tuple[int, int]] = []
    ways = ways_up(unit.size_mm, preferred)
    for number, size in enumerate(ways):
        ends = at + np.array(size)
        meets = ((at[:, None] < highs) & (lows < ends[:, None])).all(axis=2).any(axis=1)
        found = np.flatnonzero((ends <= np.array(carton)).all(axis=1) & ~meets)
        if len(found):
            free.append((int(found[0]), number))
    if not free:
        return None
    corner, way = min(free)
    return Placed(corners[corner], ways[way])


def _corners(corners: Sequence[Size], placed: Placed, carton: Size) -> list[Size]:
    """With those that a unit makes on its three far sides; lowest first, then nearest to the wall."""
    (x, y, z), (length, width, height) = placed
    more = [(x + length, y, z), (x, y + width, z), (x, y, z + height)]
    kept = {each for each in (*corners, *more) if all(at < most for at, most in zip(each, carton, strict=True))}
    return sorted(kept - {placed.corner_mm}, key=lambda corner: (corner[2], corner[1], corner[0]))


def overlap(one: Placed, other: Placed) -> bool:
    """Whether two share any space."""
    return all(
        a < b + other_length and b < a + length
        for a, length, b, other_length in zip(
            one.corner_mm, one.size_mm, other.corner_mm, other.size_mm, strict=True
        )
    )  # fmt: skip


@functools.lru_cache(maxsize=4_096)
def ways_up(size: Size, preferred: Sequence[int] = (2, 1, 0)) -> list[Size]:
    """How a unit may lie, shortest along the preferred sides first."""
    ways: set[Size] = set(itertools.permutations(size))  # type: ignore[arg-type]
    return sorted(ways, key=lambda way: [way[side] for side in preferred])


def fits_alone(unit: Unit, carton: Carton) -> bool:
    """Whether a carton holds a unit by itself."""
    inside = all(a <= b for a, b in zip(sorted(unit.size_mm), sorted(carton.size_mm), strict=True))
    may = carton.dangerous_goods or not unit.is_dangerous
    return inside and may and unit.weight_g <= carton.max_weight_g


def volume_mm3(size: Size) -> int:
    return size[0] * size[1] * size[2]


def _volume_mm3(units: Sequence[Unit]) -> int:
    return sum(volume_mm3(unit.size_mm) for unit in units)


def bound_minor(units: Sequence[Unit], cartons: Sequence[Carton]) -> int:
    """What no packing of these units into these cartons costs less than: by volume and by weight, each at the least
    price of its kind, and the cheapest carton that holds the most awkward unit."""
    there = [unit for unit in units if any(fits_alone(unit, carton) for carton in cartons)]
    if not there:
        return 0
    volume = _volume_mm3(there)
    weight_g = sum(unit.weight_g for unit in there)
    by_volume = min(_least(volume, volume_mm3(carton.size_mm), carton.cost_minor) for carton in cartons)
    by_weight = min(_least(weight_g, carton.max_weight_g, carton.cost_minor) for carton in cartons)
    alone = max(min(carton.cost_minor for carton in cartons if fits_alone(unit, carton)) for unit in there)
    return max(by_volume, by_weight, alone)


def _least(wanted: int, held: int, cost_minor: int) -> int:
    """Cost of as much of a carton as is needed, rounded up."""
    if wanted == 0:
        return 0
    return -(-cost_minor * wanted // held) if held else 1 << 62
