"""Calendars: next open days, cut-offs in local time, clock changes."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from router.tables import calendars
from router.tables.compiled import Tables
from router.tables.countries import COUNTRIES
from tests.labs.table_cases import GOOD, NOW_MS, tables_of

EPOCH = datetime.date(1970, 1, 1)


def day(text: str) -> int:
    return (datetime.date.fromisoformat(text) - EPOCH).days


def node_tables(**change: object) -> Tables:
    return tables_of(nodes=[GOOD["nodes"] | change])


def ship_day(tables: Tables, text: str) -> int:
    return int(tables.nodes.ship_day[0, day(text) - tables.nodes.day0])


def offset(tables: Tables, text: str) -> int:
    return int(tables.nodes.utc_offset_min[0, day(text) - tables.nodes.day0])


def test_closed_days_ship_on_the_next_open_one() -> None:
    tables = node_tables()
    assert ship_day(tables, "2025-11-21") == day("2025-11-21")  # a Friday
    assert ship_day(tables, "2025-11-22") == ship_day(tables, "2025-11-23") == day("2025-11-24")
    saturdays = node_tables(weekdays=["sat"])
    assert ship_day(saturdays, "2025-11-23") == day("2025-11-29")


def test_holidays_of_country_and_region_are_closed() -> None:
    assert ship_day(node_tables(holidays=True), "2025-12-25") == day("2025-12-29")
    assert ship_day(node_tables(), "2025-12-25") == day("2025-12-25")
    bavaria = node_tables(holidays=True, region="DE-BY")
    assert ship_day(bavaria, "2026-01-06") == day("2026-01-07")  # Epiphany
    assert ship_day(node_tables(holidays=True, region="Atlantis"), "2026-01-06") == day("2026-01-06")


def test_the_horizon_reaches_400_days_back_and_800_ahead() -> None:
    nodes = node_tables().nodes
    today = NOW_MS // 86_400_000
    assert (nodes.day0, nodes.ship_day.shape[1]) == (today - 400, 1_200)
    assert nodes.ship_day[0, -1] >= today + 799  # the last day has a next open day too
    assert (nodes.ship_day[0] >= nodes.day0 + np.arange(1_200)).all()


@pytest.mark.parametrize(
    ("zone", "date", "cutoff", "minutes"),
    [
        ("Europe/Berlin", "2026-03-28", "14:00", 60),
        ("Europe/Berlin", "2026-03-29", "14:00", 120),  # summer time begins at 02:00
        ("Europe/Berlin", "2026-10-24", "14:00", 120),
        ("Europe/Berlin", "2026-10-25", "14:00", 60),
        ("Europe/Berlin", "2026-03-29", "01:30", 60),  # this cut-off lies before the change
        ("America/New_York", "2026-03-08", "12:00", -240),
        ("America/New_York", "2026-03-07", "12:00", -300),
        ("Asia/Kolkata", "2026-03-29", "12:00", 330),
        ("UTC", "2026-03-29", "12:00", 0),
    ],
)
def test_offsets_are_those_at_the_cut_off_of_the_day(zone: str, date: str, cutoff: str, minutes: int) -> None:
    assert offset(node_tables(timezone=zone, cutoff=cutoff), date) == minutes


def test_every_country_has_a_holiday_calendar() -> None:
    for country in COUNTRIES:
        calendars.holiday_days(country, "", day("2026-01-01"), 365)


def test_cut_offs_are_minutes_after_local_midnight() -> None:
    assert calendars.cutoff_minute("00:00") == 0
    assert calendars.cutoff_minute("23:59") == 1_439
    assert calendars.cutoff_minute(None) == 1_440
    for wrong in ("24:00", "12:60", "1200", "12:0", "-1:00", "１２:００", ""):
        with pytest.raises(ValueError, match=r".*"):
            calendars.cutoff_minute(wrong)
