"""The customer's shipping fee: the cheapest band over all nodes that serve the zone, ready to be searched.

It speaks of one parcel with the order's whole weight, so it does not depend on how we split the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from router.tables.arrays import offsets_of
from router.tables.compiled import I32, I64

_PAIRWISE_MAX = 1_024  # above, bands that can never be cheapest are left in: right, only slower


def compile_fee_lanes(
    lane: I32, lane_offset: I64, serves: np.ndarray, bands: Mapping[str, Any]
) -> tuple[I32, I64, I32]:
    """Fee lane of every zone (-1 = nothing leads there), and the band rows of each; equal ones are shared."""
    fee_lane = np.full(lane.shape[1], -1, np.int32)
    numbers: dict[tuple[int, ...], int] = {}
    found: list[I32] = []
    for zone in range(lane.shape[1]):
        lanes = tuple(np.unique(lane[(lane[:, zone] >= 0) & (serves[:, zone] != 0), zone]).tolist())
        if not lanes:
            continue
        if lanes not in numbers:
            numbers[lanes] = len(found)
            rows = np.concatenate([np.arange(lane_offset[n], lane_offset[n + 1]) for n in lanes])
            found.append(_useful(rows, bands))
        fee_lane[zone] = numbers[lanes]
    rows = np.concatenate(found) if found else np.zeros(0, np.int32)
    return fee_lane, offsets_of([len(rows) for rows in found]), rows


def _useful(rows: I64, bands: Mapping[str, Any]) -> I32:
    """The rows without those that another row of the same service beats at every weight they cover."""
    columns = [bands[f"band_{name}"][rows] for name in ("service", "min_g", "max_g", "price_minor", "per_kg_minor")]
    _, first = np.unique(np.stack([column.astype(np.int64) for column in columns]), axis=1, return_index=True)
    rows = rows[np.sort(first)]
    if len(rows) > _PAIRWISE_MAX:
        return rows.astype(np.int32)
    service, low, high, price, per_kg = (column[np.sort(first)] for column in columns)
    beats = (
        (service[:, None] == service)
        & (low[:, None] <= low)
        & (high[:, None] >= high)
        & (price[:, None] <= price)
        & (per_kg[:, None] <= per_kg)
    )
    np.fill_diagonal(beats, False)
    kept: I32 = rows[~beats.any(axis=0)].astype(np.int32)
    return kept
