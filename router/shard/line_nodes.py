"""Nodes that lines must come from: which they are by the tables, and whether they may send the line where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import I64, list_parts, struct_numbers
from router.tables.compiled import Tables

Bools = npt.NDArray[np.bool_]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]

ANY, UNKNOWN = -1, -2  # a line that names no node, or one that no table has


@dataclass(frozen=True)
class _Units:
    """What lies on a shelf for lines that name a node: of a bundle each component; one row each."""

    line: I64
    order: I64
    node: I16  # not UNKNOWN
    sku: I32


def line_nodes(wire: pa.RecordBatch, line_offset: I64, tables: Tables) -> I16:
    """Node of every line, ANY or UNKNOWN; empty where no line of the batch names one, as in most."""
    offset, values = list_parts(wire.column("line_nodes"))
    if not len(values):
        return np.zeros(0, np.int16)
    owner = np.repeat(np.arange(wire.num_rows), np.diff(offset))
    nodes = np.full(int(line_offset[-1]), ANY, np.int16)
    found = tables.nodes.ids.find(values.field("node"))
    nodes[line_offset[owner] + struct_numbers(values, "line")] = np.where(found < 0, UNKNOWN, found)
    return nodes


def kinds_of_lines(sku: I32, node: I16) -> I32:
    """Equal numbers from 0 for lines of one SKU and node."""
    named = sku.astype(np.int64) << 16 | (node.astype(np.int64) & 0xFFFF)
    kinds: I32 = np.unique(named, return_inverse=True)[1].astype(np.int32)
    return kinds


def misfits(node: I16, sku: I32, line_offset: I64, orders: Mapping[str, Any], tables: Tables) -> Bools:
    """The lines that cannot come from the node they name, whatever is in stock there; ``orders``: of ADMITTED."""
    wrong: Bools = node == UNKNOWN
    units = _units(node, sku, line_offset, tables)
    nodes, place, channel = tables.nodes, orders["zone"][units.order], orders["channel_index"][units.order]
    may = nodes.active[units.node].astype(bool) & nodes.serves_channel[units.node, channel].astype(bool)
    may &= nodes.serves_zone[units.node, place].astype(bool)
    may &= nodes.accepts_goods[units.node, tables.skus.goods_class[units.sku]].astype(bool)
    may &= _carried(units, place, orders["service"][units.order], tables)
    wrong[units.line[~may]] = True
    return wrong


def _units(node: I16, sku: I32, line_offset: I64, tables: Tables) -> _Units:
    skus, named = tables.skus, np.flatnonzero((node >= 0) & (sku >= 0))
    first = skus.bundle_offset[sku[named]]
    parts = skus.bundle_offset[sku[named] + 1] - first
    rows = np.repeat(np.arange(len(named)), np.maximum(parts, 1))
    part = np.arange(len(rows)) - np.searchsorted(rows, rows) + first[rows]
    line = named[rows]
    is_bundle = parts[rows] > 0
    shelved = sku[line].copy()
    shelved[is_bundle] = skus.bundle_sku[part[is_bundle]]
    order = np.searchsorted(line_offset, line, side="right") - 1
    return _Units(line, order, node[line], shelved)


def _carried(units: _Units, zone: I32, service: I16, tables: Tables) -> Bools:
    """Whether some rate takes a unit from the node to the zone, by the service asked for."""
    rates = tables.rates
    if not rates.loaded:
        return np.ones(len(units.line), bool)
    asked = np.stack([units.node, zone, service, tables.skus.weight_g[units.sku]], axis=1, dtype=np.int64)
    ways, which = np.unique(asked, axis=0, return_inverse=True)
    goes = np.zeros(len(ways), bool)
    for way, (node, place, asked_for, weight_g) in enumerate(ways.tolist()):
        lane = rates.lane[node, place]
        if lane >= 0:
            bands = slice(*rates.lane_offset[lane : lane + 2].tolist())
            takes = rates.band_max_g[bands] >= weight_g
            goes[way] = (takes & ((asked_for < 0) | (rates.band_service[bands] == asked_for))).any()
    carried: Bools = goes[which.reshape(-1)]
    return carried
