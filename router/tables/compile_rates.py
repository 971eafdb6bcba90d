"""Rate rows to freight lanes: for every node and destination zone the bands that count there.

For each carrier and service the rows with the narrowest matching ``to_zone`` win, among those the ones
with the narrowest ``from_zone`` that matches the node; all their weight bands form that part of the lane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.arrow.string_table import StringTable
from router.tables.arrays import frozen, int32s, int64s, offsets_of
from router.tables.compile_nodes import place_of_node, ship_to_texts
from router.tables.compiled import I32, NO_LIMIT, NodeTable, RateTable
from router.tables.fee_lanes import compile_fee_lanes
from router.tables.row_types import NodeRow, RateRow
from router.tables.zones import JOINT, ZonePatterns, all_zones, read_zone

DEFAULT_DAYS = 2  # transit where no rates are loaded

Key = tuple[str, str]  # carrier, service
ByKey = Mapping[Key, tuple[int, ...]]  # rows of the rate table, ascending by weight


@dataclass(frozen=True)
class ZonePlan:
    """The zones of one version and what is needed to find an address' zone."""

    zones: StringTable
    patterns: ZonePatterns
    covers: list[frozenset[int]]


def plan_zones(rates: Sequence[RateRow], nodes: Sequence[NodeRow], former: StringTable | None) -> ZonePlan:
    """Zones that rates and ``ship_to`` lists tell apart; ValueError when there are too many."""
    offers: dict[str, set[tuple[str, ...]]] = {}
    for row in rates:
        origin = read_zone(row.from_zone)[0]
        offers.setdefault(read_zone(row.to_zone)[0], set()).add((row.carrier, row.service, origin))
    for node in nodes:
        for text in ship_to_texts(node):
            offers.setdefault(text, set()).add((text,))
    patterns = ZonePatterns(sorted(offers))
    numbers: dict[tuple[str, ...], int] = {}
    covers = [
        frozenset(numbers.setdefault(offer, len(numbers)) for offer in sorted(offers[text])) for text in patterns.texts
    ]
    return ZonePlan((former or StringTable([""])).extended(all_zones(patterns, covers)), patterns, covers)


def compile_rates(
    rows: Sequence[RateRow], nodes: Sequence[NodeRow], node_table: NodeTable, plan: ZonePlan, former: RateTable | None
) -> RateTable:
    """Lanes and bands; rows are in any order."""
    ordered = sorted(rows, key=lambda row: (row.service, row.carrier, row.min_g))
    services = (former.services if former else StringTable()).extended(row.service for row in ordered)
    carriers = (former.carriers if former else StringTable()).extended(row.carrier for row in ordered)
    lane, lane_rows = _lanes(ordered, nodes, node_table, plan)
    chosen = [number for numbers in lane_rows for number in numbers]
    lane_offset = offsets_of([len(numbers) for numbers in lane_rows])
    bands = _bands([ordered[number] for number in chosen], services, carriers)
    fee_lane, fee_lane_offset, fee_band = compile_fee_lanes(
        lane, lane_offset, node_table.active[:, None] * node_table.serves_zone, bands
    )
    return RateTable(
        zones=plan.zones,
        loaded=bool(rows),
        default_days=DEFAULT_DAYS,
        lane=frozen(lane),
        lane_offset=frozen(lane_offset),
        services=services,
        carriers=carriers,
        fee_lane=frozen(fee_lane),
        fee_lane_offset=frozen(fee_lane_offset),
        fee_band=frozen(fee_band),
        **bands,
    )


def _bands(rows: Sequence[RateRow], services: StringTable, carriers: StringTable) -> dict[str, Any]:
    columns: dict[str, npt.NDArray[Any]] = {
        "band_min_g": int64s(row.min_g for row in rows),
        "band_max_g": int64s(NO_LIMIT if row.max_g is None else row.max_g for row in rows),
        "band_price_minor": int64s(row.price for row in rows),
        "band_per_kg_minor": int64s(row.per_kg or 0 for row in rows),
        "band_days": int32s(row.days for row in rows),
        "band_service": int32s(services.index(row.service) for row in rows).astype(np.int16),
        "band_carrier": int32s(carriers.index(row.carrier) for row in rows).astype(np.int16),
    }
    return {name: frozen(column) for name, column in columns.items()}


def _lanes(
    rows: Sequence[RateRow], nodes: Sequence[NodeRow], node_table: NodeTable, plan: ZonePlan
) -> tuple[I32, list[tuple[int, ...]]]:
    """Lane number per node and zone, and the rate rows of every lane; equal lanes are one."""
    lane = np.full((len(node_table.ids), len(plan.zones)), -1, np.int32)
    numbers: dict[tuple[int, ...], int] = {}
    chains = [name.split(JOINT) if name else [] for name in plan.zones.values]
    origins = ZonePatterns(sorted({row.from_zone for row in rows}))
    by_destination = _group(rows)
    by_origins: dict[tuple[str, ...], I32] = {}  # nodes that the same from_zone texts match have the same lanes
    for node in nodes:
        place = place_of_node(node)
        matched = tuple(origins.texts[text] for text in origins.matches(place))
        if matched not in by_origins:
            by_origins[matched] = _lanes_from(matched, chains, by_destination, numbers)
        lane[node_table.ids.index(node.node)] = by_origins[matched]
    return lane, list(numbers)


def _lanes_from(
    origins: tuple[str, ...],
    chains: Sequence[Sequence[str]],
    by_destination: Mapping[str, Mapping[Key, Mapping[str, tuple[int, ...]]]],
    numbers: dict[tuple[int, ...], int],
) -> I32:
    """Lane number of every zone as seen from a node that ``origins`` match, narrowest first."""
    offers = {text: _narrowest(by_key, origins) for text, by_key in by_destination.items()}
    lane = np.full(len(chains), -1, np.int32)
    for zone, chain in enumerate(chains):
        chosen: dict[Key, tuple[int, ...]] = {}
        for text in reversed(chain):  # a narrower text overrides
            chosen.update(offers.get(text, {}))
        rows = tuple(sorted(number for found in chosen.values() for number in found))
        if rows:
            lane[zone] = numbers.setdefault(rows, len(numbers))
    return lane


def _narrowest(by_key: Mapping[Key, Mapping[str, tuple[int, ...]]], origins: tuple[str, ...]) -> dict[Key, Any]:
    found = {}
    for key, by_origin in by_key.items():
        origin = next((text for text in origins if text in by_origin), None)
        if origin is not None:
            found[key] = by_origin[origin]
    return found


def _group(rows: Sequence[RateRow]) -> dict[str, dict[Key, dict[str, tuple[int, ...]]]]:
    """Row numbers by destination text, carrier and service, origin text."""
    grouped: dict[str, dict[Key, dict[str, tuple[int, ...]]]] = {}
    for number, row in enumerate(rows):
        origin, destination = read_zone(row.from_zone)[0], read_zone(row.to_zone)[0]
        by_origin = grouped.setdefault(destination, {}).setdefault((row.carrier, row.service), {})
        by_origin[origin] = (*by_origin.get(origin, ()), number)
    return grouped
