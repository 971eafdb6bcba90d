"""Ship days and local time of a node, one column per UTC day, so that kernels need no calendar."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from functools import cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np

from router.tables.compiled import I32
from router.tables.regions import parents_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKDAYS = WEEKDAYS[:5]
DAYS_BEFORE = 400
DAYS_AFTER = 800
NO_CUTOFF = 24 * 60
_SEARCH_DAYS = 400  # beyond the horizon, for the next open day of its last days
_DAY_MS = 86_400_000
_EPOCH = datetime.date(1970, 1, 1)


def first_day(as_of_ms: int) -> int:
    """First day of the calendars compiled at a time, in days since the epoch."""
    return as_of_ms // _DAY_MS - DAYS_BEFORE


def cutoff_minute(text: str | None) -> int:
    """ "HH:MM" as minutes after midnight; without a cut-off the day counts until its end. ValueError if malformed."""
    if text is None:
        return NO_CUTOFF
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        raise ValueError(text)
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(text)
    return int(hours) * 60 + int(minutes)


def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone; ValueError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as fault:
        raise ValueError(name) from fault


@cache
def _subdivisions() -> dict[str, list[str]]:
    return holidays.list_supported_countries()


def has_regions(country: str) -> bool:
    """Whether public holidays of the country differ by region."""
    return bool(_subdivisions()[country])


def calendar_of(country: str, region: str) -> str | None:
    """The region that the calendar knows: the one itself, or the nearest it lies in; None where it knows neither."""
    known = _subdivisions()[country]
    return next((code for code in (region, *parents_of(country, region)) if code in known), None)


def holiday_days(country: str, region: str, day0: int, days: int) -> frozenset[int]:
    """Public holidays of the country, and of the region as the calendar knows it, as days since the epoch."""
    first, last = (_EPOCH + datetime.timedelta(days=day) for day in (day0, day0 + days))
    known = calendar_of(country, region)
    found = holidays.country_holidays(country, subdiv=known, years=range(first.year, last.year + 1))
    return frozenset((date - _EPOCH).days for date in found)


def ship_days(weekdays: Collection[str], closed: Collection[int], day0: int, days: int) -> I32:
    """For every day the next open day on or after it."""
    assert weekdays, "a node that never opens has no ship day"
    day = np.arange(day0, day0 + days + _SEARCH_DAYS, dtype=np.int32)
    weekday = (day + 3) % 7  # day 0 was a Thursday; Monday = 0
    is_open = np.isin(weekday, [WEEKDAYS.index(name) for name in weekdays])
    if closed:
        is_open &= ~np.isin(day, np.fromiter(closed, np.int32))
    following = np.where(is_open, day, np.iinfo(np.int32).max)
    return np.ascontiguousarray(np.minimum.accumulate(following[::-1])[::-1][:days], dtype=np.int32)


def utc_offsets(zone: ZoneInfo, cutoff_min: int, day0: int, days: int) -> I32:
    """Minutes of local time minus UTC at the cut-off of each local day, so that

        the cut-off in UTC = local midnight read as UTC + cut-off - offset

    It passes when the clock on the wall first shows it. Of a time that a change leaves out that is the change itself.
    """
    start = datetime.datetime(1970, 1, 1) + datetime.timedelta(minutes=cutoff_min)
    moments = (start + datetime.timedelta(days=day) for day in range(day0, day0 + days))  # wall clock arithmetic
    return np.array([_offset_min(moment.replace(tzinfo=zone)) for moment in moments], np.int32)


def _offset_min(moment: datetime.datetime) -> int:
    earlier, later = (_minutes(moment.replace(fold=fold)) for fold in (0, 1))
    return _at_jump(moment, earlier, later) if earlier < later else earlier  # the clock jumps over it, or shows it


def _at_jump(moment: datetime.datetime, before: int, after: int) -> int:
    """The offset by which a wall clock that never shows the moment is read as the jump over it."""
    naive = moment.replace(tzinfo=None)
    for offset in range(after, before, -1):  # from before the jump, minute by minute
        shown = (naive - datetime.timedelta(minutes=offset)).replace(tzinfo=datetime.UTC).astimezone(moment.tzinfo)
        if shown.replace(tzinfo=None) >= naive:
            return offset
    return before


def _minutes(moment: datetime.datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60
