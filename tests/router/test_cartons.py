"""Cartons: what is proposed holds everything, never costs less than the bound, and seldom more than the best."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest

from router.warehouse.cartons import (
    Carton,
    Packed,
    Placed,
    Size,
    Unit,
    bound_minor,
    fill,
    fits_alone,
    overlap,
    propose,
    volume_mm3,
    ways_up,
)

SMALL = Carton("S", (2, 2, 1), 900, 10, 30, False)
LARGE = Carton("L", (4, 3, 2), 2_000, 40, 70, True)


def unit(sku: str = "A", *size: int, weight_g: int = 100, dangerous: bool = False) -> Unit:
    length, width, height = size or (1, 1, 1)
    return Unit(sku, (length, width, height), weight_g, dangerous)


def any_units(rng: random.Random, most: int) -> list[Unit]:
    return [
        Unit(
            f"U{n}",
            (rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 2)),
            rng.choice((50, 300)),
            rng.random() < 0.2,
        )
        for n in range(rng.randint(1, most))
    ]


def packable(carton: Carton, units: Sequence[Unit]) -> bool:
    """By trying every place and every side: the plain reference."""
    if sum(each.weight_g for each in units) > carton.max_weight_g:
        return False
    if any(each.is_dangerous for each in units) and not carton.dangerous_goods:
        return False
    if sum(volume_mm3(each.size_mm) for each in units) > volume_mm3(carton.size_mm):
        return False
    return _tried(carton.size_mm, list(units), [])


def _tried(carton: Size, units: list[Unit], lying: list[Placed]) -> bool:
    if not units:
        return True
    for size in ways_up(units[0].size_mm):
        for corner in itertools.product(*(range(most - length + 1) for most, length in zip(carton, size, strict=True))):
            placed = Placed(corner, size)
            if not any(overlap(placed, other) for other in lying) and _tried(carton, units[1:], [*lying, placed]):
                return True
    return False


def partitions(units: list[Unit]) -> Iterator[list[list[Unit]]]:
    if not units:
        yield []
        return
    first, rest = units[0], units[1:]
    for parts in partitions(rest):
        for at in range(len(parts)):
            yield [*parts[:at], [first, *parts[at]], *parts[at + 1 :]]
        yield [[first], *parts]


def cheapest_minor(units: list[Unit], cartons: Sequence[Carton]) -> int | None:
    """Of all ways to share the units out and to lay them."""
    costs = []
    for parts in partitions(units):
        fitting = [[each.cost_minor for each in cartons if packable(each, part)] for part in parts]
        if all(fitting):
            costs.append(sum(min(each) for each in fitting))
    return min(costs, default=None)


@pytest.mark.parametrize("seed", range(40))
def test_a_proposal_holds_everything_once_and_lies_between_the_bound_and_nothing_worse_than_one_each(seed: int) -> None:
    rng = random.Random(seed)
    units, cartons = any_units(rng, 30), [SMALL, LARGE]
    found = propose(units, cartons)
    inside = [each for packed in found.packed for each in packed.units]
    assert sorted([*inside, *found.too_large]) == sorted(units)
    for packed in found.packed:
        assert sum(each.weight_g for each in packed.units) <= packed.carton.max_weight_g
        assert packed.carton.dangerous_goods or not any(each.is_dangerous for each in packed.units)
        assert fill(packed.carton, packed.units) == list(packed.units), "they lie in it without overlapping"
    alone = sum(min(each.cost_minor for each in cartons if fits_alone(one, each)) for one in inside)
    assert bound_minor(units, cartons) <= found.cost_minor <= alone
    rng.shuffle(units)
    assert propose(units, cartons) == found, "whatever the order in which they are named"


def test_on_small_cases_it_costs_what_the_best_of_all_packings_does_nearly_always() -> None:
    rng, over, cases = random.Random(1), 0, 60
    for _ in range(cases):
        units = any_units(rng, 4)
        found, best = propose(units, [SMALL, LARGE]), cheapest_minor(units, [SMALL, LARGE])
        if found.too_large:
            assert best is None
            continue
        assert best is not None and bound_minor(units, [SMALL, LARGE]) <= best <= found.cost_minor
        over += found.cost_minor > best
    assert over <= cases // 20, f"{over} of {cases} cost more than the best"


def test_weight_goods_class_and_sides_are_heeded() -> None:
    assert [each.carton.carton for each in propose([unit("A", 1, 2, 2)], [SMALL, LARGE]).packed] == ["S"]
    assert [each.carton.carton for each in propose([unit(dangerous=True)], [SMALL, LARGE]).packed] == ["L"]
    heavy = propose([unit(weight_g=1_500), unit("B", weight_g=1_500)], [SMALL, LARGE])
    assert [each.carton.carton for each in heavy.packed] == ["L", "L"]
    assert propose([unit("A", 9, 1, 1)], [SMALL, LARGE]).too_large == (unit("A", 9, 1, 1),)
    assert Packed(LARGE, (unit(), unit("B"))).weight_g == 240
