"""Keys whose searches run through each other, in the first segment of two and round its end."""

from __future__ import annotations

import numpy as np

from kernels.claim.segments import SEGMENT_PLACES, home_of
from tests.labs.rules import callable_rule

_home_of = callable_rule(home_of)


def crowded_keys() -> list[int]:
    """Up to six of a home, the last homes of the segment first."""
    homes: dict[int, list[int]] = {}
    for key in range(1, 40_000):
        home = int(_home_of(np.int64(key), 2))
        if home < SEGMENT_PLACES:
            homes.setdefault(home, []).append(key)
    return [key for home in [*range(1020, 1024), *range(1024)] for key in homes.get(home, [])[:6]][:400]
