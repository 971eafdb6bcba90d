"""What newer tables free: units that somebody who waits may be given by them, and could not by those before.

By the rules of kernels/claim/serve.py: a node keeps less back, sends parcels where it sent none, ships for a channel,
to a zone or goods that it did not, or has a band for heavier units; of a SKU, a unit is lighter or of other goods. Who
waits is not looked at one by one: somebody whom nothing of this concerns is served with the others, and may be given
what he was passed over with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.layout import TableRows
from router.ledger.cells import Cells
from router.ledger.tables import NODE_BITS

Rows = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]

_ANY_SERVICE = -1
_NOTHING_G = -1  # carried by no band
_EVERYTHING_G = np.iinfo(np.int64).max  # without rates


def freed_skus(before: TableRows | None, now: TableRows, cells: Cells) -> npt.NDArray[np.int32]:
    """SKUs, in order, with units beyond the safety stock in a cell that is freed; all of them where there were no
    tables ``before``. Cost: every cell is looked at, where anything is freed."""
    nodes = np.ones(len(now.nodes), np.bool_) if before is None else freed_nodes(before, now)
    skus = np.ones(len(now.skus), np.bool_) if before is None else _freed_goods(before.skus, now.skus)
    if not nodes.any() and not skus.any():
        return np.zeros(0, np.int32)
    listed = cells.listed()
    free = cells.units.available[listed.cell] > now.nodes["safety_units"][listed.node]
    return np.unique(listed.sku[free & (nodes[listed.node] | skus[listed.sku])])


def freed_nodes(before: TableRows, now: TableRows) -> Flags:
    """(N) nodes that may give something more, whatever they have; a new one may."""
    known = len(before.nodes)
    freed = np.ones(len(now.nodes), np.bool_)
    was, nodes = before.nodes, now.nodes[:known]
    freed[:known] = nodes["safety_units"] < was["safety_units"]
    freed[:known] |= (was["capacity"] == 0) & (nodes["capacity"] != 0)
    freed[:known] |= _carries_more(before, now)
    masks = (
        (before.channel_nodes[:-1], now.channel_nodes[:-1]),  # named channels keep their numbers,
        (before.channel_nodes[-1:], now.channel_nodes[-1:]),  # all others are the last row
        (before.ship_nodes, now.ship_nodes),
        (before.active_nodes, now.active_nodes),
        (before.goods_nodes, now.goods_nodes),
    )
    for old, new in masks:
        freed |= _gained(old, new)[: len(freed)]
    return freed


def _gained(before: I64, now: I64) -> Flags:
    """(32 W) nodes with a bit in a row of ``now`` that the row did not have; new rows concern nobody who waits."""
    rows, words = min(len(before), len(now)), now.shape[1]
    had = np.zeros((rows, words), np.int64)
    had[:, : before.shape[1]] = before[:rows]
    gained = np.bitwise_or.reduce(now[:rows] & ~had, axis=0)
    found: Flags = (gained[:, None] >> np.arange(NODE_BITS) & 1).reshape(-1).astype(np.bool_)
    return found


def _carries_more(before: TableRows, now: TableRows) -> Flags:
    """(N) nodes of before from which heavier units leave for some zone, by some service or by any."""
    nodes, zones = (min(sizes) for sizes in zip(before.lanes.shape, now.lanes.shape, strict=True))
    services = {_ANY_SERVICE, *before.bands["service"].tolist(), *now.bands["service"].tolist()}
    found = np.zeros(len(before.nodes), np.bool_)
    for service in services:
        was, is_now = (_heaviest_g(rows, service)[:nodes, :zones] for rows in (before, now))
        found[:nodes] |= (is_now > was).any(axis=1)
    return found


def _heaviest_g(rows: TableRows, service: int) -> I64:
    """(N, Z) the heaviest unit that a band of a service carries from a node to a zone."""
    if not rows.terms["rates_loaded"][0]:
        return np.full(rows.lanes.shape, _EVERYTHING_G, np.int64)
    found = np.full(rows.lanes.shape, _NOTHING_G, np.int64)
    has_bands = rows.lanes["first"] < rows.lanes["last"]
    if not has_bands.any():
        return found
    first, at, lane = np.unique(rows.lanes["first"][has_bands], return_index=True, return_inverse=True)
    ends = np.stack([first, rows.lanes["last"][has_bands][at]], axis=1).reshape(-1)
    its = rows.bands["service"] == service if service != _ANY_SERVICE else np.ones(len(rows.bands), np.bool_)
    max_g = np.append(np.where(its, rows.bands["max_g"], _NOTHING_G), _NOTHING_G)
    found[has_bands] = np.maximum.reduceat(max_g, ends)[::2][lane]
    return found


def _freed_goods(before: Rows, now: Rows) -> Flags:
    """(S) SKUs of which a unit is lighter, or of other goods, than it was; and new ones."""
    freed = np.ones(len(now), np.bool_)
    was, skus = before, now[: len(before)]
    freed[: len(was)] = (skus["weight_g"] < was["weight_g"]) | (skus["goods_class"] != was["goods_class"])
    return freed
