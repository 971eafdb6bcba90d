"""The way through a node: bins have numbers along one walk, which begins at 0, the packing bench.

Whoever walks picks on the way out and turns at the last bin, so a walk is as long as twice the highest number in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NO_BIN = 1 << 31  # walk of what no table places: last, and no way is counted for it


def walked(walks: Iterable[int]) -> int:
    """How far one goes for bins of these numbers, out and back."""
    return 2 * max((walk for walk in walks if walk < NO_BIN), default=0)


def one_by_one(orders: Iterable[Sequence[int]]) -> int:
    """How far one goes when each order is picked by itself."""
    return sum(walked(walks) for walks in orders)
