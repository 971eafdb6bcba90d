"""The earliest day on which anything that a node ships now can arrive."""

from __future__ import annotations

import numpy as np

from router.tables.compiled import I32, Tables

_DAY_MIN = 1_440
_MINUTE_MS = 60_000


class Arrivals:
    """By the calendar and cut-off of a node and the fastest of its bands; see kernels/plan/freight.py."""

    def __init__(self, tables: Tables) -> None:
        self._nodes = tables.nodes
        self._days = _fastest(tables)

    def __len__(self) -> int:
        return len(self._days)

    def earliest(self, node: int, now_ms: int) -> int:
        """Day of arrival, in days since the epoch."""
        known_min, cutoff_min = now_ms // _MINUTE_MS, int(self._nodes.cutoff_min[node])
        day: int = known_min // _DAY_MIN - 1
        while known_min >= day * _DAY_MIN + cutoff_min - int(self._nodes.utc_offset_min[node, self._column(day)]):
            day += 1
        day = self._open_day(node, day)
        for _ in range(int(self._days[node])):
            day = self._open_day(node, day + 1)
        return day

    def _column(self, day: int) -> int:
        return int(min(max(day - self._nodes.day0, 0), self._nodes.utc_offset_min.shape[1] - 1))

    def _open_day(self, node: int, day: int) -> int:
        known = 0 <= day - self._nodes.day0 < self._nodes.ship_day.shape[1]
        return int(self._nodes.ship_day[node, day - self._nodes.day0]) if known else day


def _fastest(tables: Tables) -> I32:
    """Days of each node's fastest band; 0 where no rate leads from it."""
    nodes, rates = len(tables.nodes.ids), tables.rates
    if not rates.loaded:
        return np.full(nodes, rates.default_days, np.int32)
    lanes = len(rates.lane_offset) - 1
    of_lane = [int(rates.band_days[rates.lane_offset[at] : rates.lane_offset[at + 1]].min()) for at in range(lanes)]
    found = np.zeros(nodes, np.int32)
    for node in range(nodes):
        reached = np.unique(rates.lane[node][rates.lane[node] >= 0]).tolist()
        found[node] = min((of_lane[lane] for lane in reached), default=0)
    return found
