"""Calendars: next open days, cut-offs in local time, clock changes."""

from __future__ import annotations

import datetime
import random
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from kernels.plan import freight
from router.ledger.tables import calendar_rows
from router.tables import calendars
from router.tables.compiled import Tables
from router.tables.countries import COUNTRIES
from tests.labs.rules import callable_rule
from tests.labs.table_cases import GOOD, NOW_MS, tables_of

_first_ship_day = callable_rule(freight.first_ship_day)
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


ZONES = [
    "Europe/Berlin", "America/Los_Angeles", "America/New_York", "America/St_Johns", "America/Santiago",
    "America/Havana",
    "Asia/Beirut", "Asia/Kathmandu", "Asia/Tehran", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Auckland",
    "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Atlantic/Azores", "America/Nuuk", "UTC",
]  # fmt: skip


def expected_day(zone: ZoneInfo, cutoff_min: int, known_min: int) -> int:
    """By the clock on the wall: the local day, or the next where the clock has shown the cut-off on it."""
    known = _on_the_wall(zone, known_min)
    back = 180 if known.fold else 0  # an hour that a change repeats may have shown it the first time
    shown = [_on_the_wall(zone, known_min - minutes) for minutes in range(back + 1)]
    passed = any(w.date() == known.date() and w.hour * 60 + w.minute >= cutoff_min for w in shown)
    return (known.date() - EPOCH).days + int(passed)


def _on_the_wall(zone: ZoneInfo, moment_min: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment_min * 60, datetime.UTC).astimezone(zone)


def kernel_day(zone: str, cutoff_min: int, known_min: int, first: int, days: int) -> int:
    nodes = SimpleNamespace(
        ship_day=np.arange(first, first + days, dtype=np.int32)[None],
        utc_offset_min=calendars.utc_offsets(ZoneInfo(zone), cutoff_min, first, days)[None],
        day0=first,
    )
    return int(_first_ship_day(known_min, 0, cutoff_min, first, calendar_rows(nodes)))


@pytest.mark.parametrize("zone", ZONES)
def test_the_ship_day_is_that_of_the_clock_on_the_wall(zone: str) -> None:
    """Around every clock change of a year and on other days, for cut-offs of any hour."""
    draw = random.Random(zone)
    first, days = day("2026-01-01"), 365
    noon = [datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC) + datetime.timedelta(days=d) for d in range(days)]
    offsets = [moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in noon]
    changes = [number for number in range(1, days) if offsets[number] != offsets[number - 1]]
    around = [first + change + shift for change in changes for shift in (-2, -1, 0, 1)]
    for cutoff_min in (0, 30, 90, 150, 17 * 60, 23 * 60 + 59, calendars.NO_CUTOFF):
        for start in [*around, *draw.sample(range(first + 2, first + days - 2), 6)]:
            for known_min in (start * 1_440 + draw.randrange(1_440) for _ in range(24)):
                found = kernel_day(zone, cutoff_min, known_min, start - 5, 10)
                assert found == expected_day(ZoneInfo(zone), cutoff_min, known_min), (zone, cutoff_min, known_min)


def test_a_cut_off_that_a_change_leaves_out_passes_with_the_change() -> None:
    change = datetime.datetime(2026, 3, 29, 1, tzinfo=datetime.UTC)  # Berlin: from 02:00 to 03:00
    known = int(change.timestamp()) // 60
    for cutoff in (121, 150, 179):
        days = [kernel_day("Europe/Berlin", cutoff, known + shift, day("2026-03-25"), 10) for shift in (-1, 0, 1)]
        assert days == [day("2026-03-29"), day("2026-03-30"), day("2026-03-30")]


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
