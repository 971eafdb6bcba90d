"""Times as files write them, in RFC 3339 and UTC: formats of strptime, ``iso``, ``epoch_s`` and ``epoch_ms``.

Names of zones are those of one list, never what the machine calls its own zone: UTC, GMT, UT, Z and what the mapping
adds.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping as Names
from decimal import Decimal, InvalidOperation
from functools import cache

SPECIAL_FORMATS = ("iso", "epoch_s", "epoch_ms")
_UTC_NAMES = ("UTC", "GMT", "UT", "Z")
_WORD = re.compile(r"[A-Za-z]+")
_DIRECTIVE = re.compile(r"%.")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@cache
def zone_of(name: str) -> dt.tzinfo | None:
    """An IANA zone or an offset such as -08:00; None where it is neither."""
    offset = _OFFSET.fullmatch(name)
    if offset is not None and int(offset[2]) < 24 and int(offset[3]) < 60:
        span = dt.timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return dt.timezone(-span if offset[1] == "-" else span)
    return zoneinfo.ZoneInfo(name) if name in zoneinfo.available_timezones() else None


def is_time_format(text: str) -> bool:
    """Whether a time that is written in this format can be read again."""
    if text in SPECIAL_FORMATS:
        return True
    try:
        written = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC).strftime(text)
        dt.datetime.strptime(written, text)
    except (ValueError, re.error):
        return False
    return True


class TimeFormat:
    """Reads times in the first format that fits; a time that names no zone is in the zone of the mapping."""

    def __init__(self, formats: tuple[str, ...], zone: str, zone_names: Names[str, str]) -> None:
        self._formats = formats
        found = zone_of(zone)
        assert found is not None, "the mapping was checked"
        self._zone = found
        named = {name.upper(): zone_of(meant) for name, meant in zone_names.items()}
        self._zones: dict[str, dt.tzinfo | None] = {**dict.fromkeys(_UTC_NAMES, dt.UTC), **named}
        self._written = {pattern: self._zone_written_in(pattern) for pattern in formats}

    def rfc3339(self, text: str) -> str:
        """ValueError with a sentence. In the hour that a clock change repeats, the earlier instant is meant."""
        for pattern in self._formats:
            moment = self._read(text, pattern)
            if moment is None:
                continue
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._written[pattern])
            try:
                return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            except OverflowError:
                raise ValueError(f"{text!r} lies outside the years 1 to 9999") from None
        hint = ""
        if any("%Z" in pattern for pattern in self._formats):
            hint = f"; names of zones that are known are {', '.join(self._zones)}, file.zone_names adds others"
        raise ValueError(f"{text!r} fits none of {list(self._formats)}{hint}")

    def _zone_written_in(self, pattern: str) -> dt.tzinfo:
        """The zone whose name stands in the format itself (``%H:%M:%SZ``), else the mapping's."""
        words = _WORD.findall(_DIRECTIVE.sub(" ", pattern)) if pattern not in SPECIAL_FORMATS else []
        return next((zone for word in words if (zone := self._zones.get(word)) is not None), self._zone)

    def _read(self, text: str, pattern: str) -> dt.datetime | None:
        try:
            if pattern == "iso":
                return dt.datetime.fromisoformat(text)
            if pattern.startswith("epoch_"):
                return _from_epoch(text, 1 if pattern == "epoch_s" else 1000)
            if "%Z" in pattern:
                return self._named(text, pattern)
            return dt.datetime.strptime(text, pattern)
        except (ValueError, InvalidOperation, OverflowError):
            return None

    def _named(self, text: str, pattern: str) -> dt.datetime | None:
        """strptime knows the names of the machine's own zone; here only words of the list are read as a zone."""
        for word in reversed(_WORD.findall(text)):
            zone = self._zones.get(word.upper())
            if zone is None:
                continue
            try:
                return dt.datetime.strptime(text, pattern.replace("%Z", word)).replace(tzinfo=zone)
            except ValueError:
                continue
        return None


def _from_epoch(text: str, per_second: int) -> dt.datetime:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", text, re.ASCII):
        raise ValueError
    microseconds = int(Decimal(text) * 1_000_000 / per_second)
    return _EPOCH + dt.timedelta(microseconds=microseconds)
