"""What an upload is told of regions and calendars, and the holidays of a region however it is written."""

from __future__ import annotations

from typing import Any

import pytest

from router.tables.remarks import remarks
from tests.labs.table_cases import GOOD, tables_of, upload
from tests.router.test_calendars import day, ship_day

Row = dict[str, Any]


def said(table: str, **change: Any) -> list[tuple[str, str]]:
    return [(remark["field"], remark["code"]) for remark in remarks(upload(table, GOOD[table] | change))]


@pytest.mark.parametrize(
    ("table", "change", "field"),
    [
        ("nodes", {"country": "CA", "region": "Toronto"}, "region"),
        ("nodes", {"ship_to": ["DE", "US-Calfornia"]}, "ship_to"),
        ("taxes", {"country": "US", "region": "Kent"}, "region"),
        ("rates", {"to_zone": "CA-ONN"}, "to_zone"),
        ("rates", {"from_zone": "US-Manhattan"}, "from_zone"),
        ("promotions", {"when": {"regions": ["GB-Londinium"]}}, "when.regions"),
    ],
)
def test_a_region_that_nobody_knows_is_told(table: str, change: Row, field: str) -> None:
    assert said(table, **change) == [(field, "region_unknown")]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("nodes", {"country": "CA", "region": "Ont."}),
        ("nodes", {"country": "XK", "region": "Peja"}),  # a country whose regions are not known
        ("taxes", {"country": "US", "region": "California"}),
        ("taxes", {"country": "DE", "region": "DE:78266"}),  # an area by postcode
        ("taxes", {"country": "GB", "region": "gb: BT"}),
        ("rates", {"to_zone": "Bavaria"}),  # any country's
        ("promotions", {"when": {"regions": ["US-CA", "GB-England"]}}),
    ],
)
def test_known_regions_are_taken_without_a_word(table: str, change: Row) -> None:
    assert said(table, **change) == []


def test_what_the_calendar_does_not_know_is_told() -> None:
    assert said("nodes", country="IE", region="Cork", holidays=True) == [("region", "holidays_unknown")]
    assert said("nodes", country="GB", region="", holidays=True) == [("region", "holidays_of_country")]
    assert said("nodes", country="GB", region="Atlantis", holidays=True)[0] == ("region", "region_unknown")
    assert said("nodes", country="GB", region="Surrey", holidays=True) == []  # lies in England
    assert said("nodes", country="JP", region="", holidays=True) == []  # the same everywhere


@pytest.mark.parametrize(
    ("country", "regions", "date", "following"),
    [
        ("GB", ["ENG", "England", "GB-ENG", "Surrey"], "2026-04-06", "2026-04-07"),  # Easter Monday
        ("GB", ["SCT", "Scotland", "Glasgow City"], "2026-04-06", "2026-04-06"),
        ("DE", ["BY", "Bayern", "DE-BY", "Bavaria"], "2026-06-04", "2026-06-05"),  # Corpus Christi
        ("DE", ["", "BE", "Berlin"], "2026-06-04", "2026-06-04"),
        ("CA", ["ON", "Ontario", "Ont."], "2026-02-16", "2026-02-17"),  # Family Day
        ("CA", ["QC", "Quebec"], "2026-02-16", "2026-02-16"),
    ],
)
def test_a_node_is_closed_on_the_holidays_of_its_region(
    country: str, regions: list[str], date: str, following: str
) -> None:
    for region in regions:
        tables = tables_of(nodes=[GOOD["nodes"] | {"country": country, "region": region, "holidays": True}])
        assert ship_day(tables, date) == day(following), region
