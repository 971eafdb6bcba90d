"""Node rows to the node table: masks, capacities and calendars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from router.arrow.string_table import StringTable
from router.tables import calendars
from router.tables.arrays import frozen
from router.tables.compile_skus import DANGEROUS, GOODS_CLASSES
from router.tables.compiled import I32, U8, NodeTable
from router.tables.countries import todays_forms
from router.tables.row_types import NodeRow
from router.tables.zones import JOINT, Place, country_first, place_of, read_zone

DAYS = calendars.DAYS_BEFORE + calendars.DAYS_AFTER


def compile_nodes(
    rows: Sequence[NodeRow], former: StringTable | None, channels: StringTable, zones: StringTable, as_of_ms: int
) -> NodeTable:
    """The table of all nodes ever named; those without a row are inactive and serve nothing."""
    ids = (former or StringTable()).extended(row.node for row in rows)
    day0 = calendars.first_day(as_of_ms)
    by_id = {row.node: row for row in rows}
    present = [by_id.get(node) for node in ids.values]

    def column(value: Callable[[NodeRow], int], absent: int, dtype: type[Any]) -> Any:
        return frozen(np.array([absent if row is None else value(row) for row in present], dtype))

    ship_day, utc_offset_min = _calendars(present, day0)
    return NodeTable(
        ids=ids,
        active=column(lambda row: 1, 0, np.uint8),
        serves_channel=frozen(_serves_channel(present, channels)),
        serves_zone=frozen(_serves_zone(present, zones)),
        accepts_goods=frozen(_accepts_goods(present)),
        handling_minor=column(lambda row: row.handling, 0, np.int64),
        safety_units=column(lambda row: row.safety_stock, 0, np.int64),
        capacity=column(lambda row: -1 if row.daily_capacity is None else row.daily_capacity, 0, np.int64),
        cutoff_min=column(lambda row: calendars.cutoff_minute(row.cutoff), calendars.NO_CUTOFF, np.int32),
        day0=day0,
        ship_day=frozen(ship_day),
        utc_offset_min=frozen(utc_offset_min),
    )


Present = Sequence[NodeRow | None]  # by node number, None = inactive


def _serves_channel(present: Present, channels: StringTable) -> U8:
    """The last column stands for every channel that no table names."""
    serves = np.zeros((len(present), len(channels) + 1), np.uint8)
    for number, row in enumerate(present):
        if row is not None and row.channels is None:
            serves[number] = 1
        elif row is not None:
            serves[number, [channels.index(name) for name in row.channels or ()]] = 1
    return serves


def _serves_zone(present: Present, zones: StringTable) -> U8:
    serves = np.zeros((len(present), len(zones)), np.uint8)
    texts = [set(name.split(JOINT)) for name in zones.values]
    for number, row in enumerate(present):
        if row is not None and row.ship_to is None:
            serves[number] = 1
        elif row is not None:
            wanted = ship_to_texts(row)
            serves[number] = [not wanted.isdisjoint(matched) for matched in texts]
    return serves


def ship_to_texts(row: NodeRow) -> set[str]:
    """The node's ``ship_to`` list in canonical spelling."""
    return {read_zone(country_first(text))[0] for text in row.ship_to or ()}


def place_of_node(row: NodeRow) -> Place:
    """Where the node stands, as zones see it."""
    place = place_of(row.country, row.region, row.postcode)
    fitting = todays_forms().fitting(place.country, place.postcode)
    return place._replace(postcode=fitting or place.postcode)


def _accepts_goods(present: Present) -> U8:
    accepts = np.zeros((len(present), GOODS_CLASSES), np.uint8)
    for number, row in enumerate(present):
        if row is not None:
            accepts[number] = 1
            accepts[number, DANGEROUS] = row.dangerous_goods
    return accepts


def _calendars(present: Present, day0: int) -> tuple[I32, I32]:
    ship_day = np.tile(np.arange(day0, day0 + DAYS, dtype=np.int32), (len(present), 1))
    offset_min = np.zeros((len(present), DAYS), np.int32)
    for number, row in enumerate(present):
        if row is not None:
            ship_day[number] = _ship_days(tuple(row.weekdays or calendars.WORKDAYS), _holiday_key(row), day0)
            offset_min[number] = _offsets(row.timezone, calendars.cutoff_minute(row.cutoff), day0)
    return ship_day, offset_min


def _holiday_key(row: NodeRow) -> tuple[str, str] | None:
    return place_of(row.country, row.region, "")[:2] if row.holidays else None


@lru_cache(maxsize=256)
def _ship_days(weekdays: tuple[str, ...], place: tuple[str, str] | None, day0: int) -> I32:
    closed = calendars.holiday_days(*place, day0, DAYS) if place else frozenset()
    return calendars.ship_days(weekdays, closed, day0, DAYS)


@lru_cache(maxsize=256)
def _offsets(timezone: str, cutoff_min: int, day0: int) -> I32:
    return calendars.utc_offsets(calendars.time_zone(timezone), cutoff_min, day0, DAYS)
