"""Pack: the parcels that carry units which no band takes as one.

    one parcel after another:
        units are put in, the heaviest first, as many of each weight as still fit below the capacity
        the same parcel is made again as long as there are units for it
    capacity = the heaviest that a band takes; the next lighter one where a parcel of it has no band, ...

Units of more than PACKS_MAX different weights are packed in portions of so many, in the order they come. A unit that
is heavier than the capacity cannot be carried. Cost: PACKS_MAX steps a parcel that is different from the one before it,
and of these there are no more than different weights.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import rule
from kernels.layout import INT64, PACKS_MAX


@rule
def add_units(weight_g: int, units: int, pack: Any) -> bool:
    """Add units of one weight to what is to be packed; False, and nothing is added, where there is no room."""
    place = pack.packed
    while place > 0 and pack.pack_g[place - 1] < weight_g:
        place -= 1
    if place > 0 and pack.pack_g[place - 1] == weight_g:
        pack.pack_units[place - 1] += units
        return True
    if pack.packed == PACKS_MAX:
        return False
    for later in range(pack.packed, place, -1):
        pack.pack_g[later], pack.pack_units[later] = pack.pack_g[later - 1], pack.pack_units[later - 1]
    pack.pack_g[place], pack.pack_units[place] = weight_g, units
    pack.packed += 1
    return True


@rule
def fitting(at: int, free_g: int, pack: Any) -> int:
    """Units of one weight that go into what is free of a parcel."""
    weight_g = pack.pack_g[at]
    return int(pack.pack_units[at] if weight_g == 0 else min(pack.pack_units[at], free_g // weight_g))


@rule
def next_piece(capacity_g: int, pack: Any) -> tuple[int, int]:
    """Take out the next parcel: its weight, and how many of them there are. No unit is heavier than the capacity."""
    free_g, repeats = INT64(capacity_g), INT64(1) << 62
    for at in range(pack.packed):
        units = fitting(at, free_g, pack)
        if units > 0:
            free_g -= units * pack.pack_g[at]
            repeats = min(repeats, pack.pack_units[at] // units)
    weight_g, kept, free_g = capacity_g - free_g, 0, INT64(capacity_g)
    for at in range(pack.packed):
        units = fitting(at, free_g, pack)
        free_g -= units * pack.pack_g[at]
        left = pack.pack_units[at] - units * repeats
        if left > 0:
            pack.pack_g[kept], pack.pack_units[kept] = pack.pack_g[at], left
            kept += 1
    pack.packed = kept
    return weight_g, repeats
