"""What careful readers of one line share: faults in words, times, keys given twice, depth.

The scanner reads nearly every line by itself. What it leaves (a fault, or something unusual such as a time
with a lower-case ``z``) is decoded by its types, checked for keys given twice, and handed back as JSON that the
scanner surely reads: so both ways end in the same columns.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from kernels.reasons import FIELD_TOO_LONG, MALFORMED
from router.config import Limits

Int64 = Annotated[int, msgspec.Meta(ge=1 - 2**63, le=2**63 - 1)]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_LEAP = ":60"  # seconds are inserted at the end of a month in UTC, at most one
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII)
NESTING_MAX = 220  # values within values; JSON writers end at 254, and the answers that show an order add some
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


class LineFault(Exception):
    """This line cannot be what it was sent as."""

    def __init__(self, detail: str, order_id: str = "", reason: int = MALFORMED) -> None:
        super().__init__(detail)
        self.detail = detail
        self.order_id = order_id
        self.reason = reason


def bounded_text(line: bytes, limits: Limits, what: str = "order") -> None:
    """Raises LineFault for a line that is too long or no UTF-8."""
    if len(line) > limits.line_bytes_max:
        raise LineFault(too_long(limits, what), reason=FIELD_TOO_LONG)
    try:
        line.decode()
    except UnicodeDecodeError as fault:
        raise LineFault(f"byte {fault.start + 1} is not UTF-8; send the line as UTF-8") from None


def too_long(limits: Limits, what: str = "order") -> str:
    return f"the line is longer than {limits.line_bytes_max} bytes; split the {what} or raise line_bytes_max"


def parse_time(text: str) -> int | None:
    """Milliseconds since the epoch of an RFC 3339 time, None where it is none; digits beyond are cut off."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    day, clock, fraction, _, sign, hours, minutes = found.groups()
    leaps = clock.endswith(_LEAP)
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{clock[:-2] + '59' if leaps else clock}+00:00")
    except ValueError:
        return None
    east = 0
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            return None
        east = (int(hours) * 60 + int(minutes)) * (1 if sign == "+" else -1)
    milliseconds = int((fraction or "")[:3].ljust(3, "0"))
    found_ms = (moment - _EPOCH) // datetime.timedelta(milliseconds=1) - east * 60_000 + milliseconds
    return _after_leap(found_ms) if leaps else found_ms


def _after_leap(last_ms: int) -> int | None:
    """A second inserted behind this one, as the epoch counts it: the first of the next month; None elsewhere."""
    try:
        following = _EPOCH + datetime.timedelta(milliseconds=last_ms + 1_000)
    except OverflowError:
        return last_ms + 1_000  # outside the years there are, and refused as such
    is_new_month = (following.day, following.hour, following.minute, following.second) == (1, 0, 0, 0)
    return last_ms + 1_000 if is_new_month else None


def plain_time(name: str, text: str | None) -> str | None:
    """The time as the scanner reads it, to the millisecond."""
    if text is None:
        return None
    milliseconds = parse_time(text)
    if milliseconds is None:
        raise LineFault(f"{name} is not a time such as 2026-01-31T12:00:00Z; write it as RFC 3339 with an offset")
    try:
        moment = _EPOCH + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise LineFault(f"{name} lies outside the years 1 to 9999; correct it") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def place_of(fault: str) -> tuple[str, str]:
    """(place, words) of what msgspec says: ``lines[2].qty``, ``expected `int`, got `str` ``; the line has none."""
    place = _PLACE.search(fault)
    words = _PLACE.sub("", fault)
    return place.group(1) if place else "", words[:1].lower() + words[1:]


def type_sentence(fault: str) -> str:
    """msgspec's words with the field in front: ``lines[2].qty: expected `int`, got `str` ``."""
    has_place, (place, words) = _PLACE.search(fault), place_of(fault)
    words = words.replace(" | null", "").replace("`int` >= ", "a number from ")
    if "int` " in words and ("<=" in words or ">=" in words):
        words = "the number does not fit 64 bits"
    return f"{place or 'the line'}: {words}; correct the field" if has_place else f"{words}; correct the line"


def syntax_sentence(line: bytes, fault: Exception) -> str:
    hint = "; NaN and Infinity are not JSON" if b"NaN" in line or b"Infinity" in line else ""
    return f"{fault}{hint}; correct the JSON"


class Pairs(list[tuple[str, Any]]):
    """The keys and values of one JSON object as they were written, repeats included."""


def pairs_of(line: bytes) -> Pairs:
    """The object of a line with its keys as they were written; raises RecursionError where it is nested too deeply."""
    parsed: Pairs = json.loads(
        line, object_pairs_hook=Pairs, parse_int=_unread, parse_float=_unread, parse_constant=_unread
    )
    _refuse_deep(parsed)
    return parsed


def _refuse_deep(parsed: Pairs) -> None:
    """Raises RecursionError, as JSON readers do, before the limit of the least of them."""
    level: list[list[Any]] = [parsed]
    for _ in range(NESTING_MAX):
        inside = [[value for _, value in part] if isinstance(part, Pairs) else part for part in level]
        level = [item for values in inside for item in values if isinstance(item, list)]
        if not level:
            return
    raise RecursionError


def _unread(_text: str) -> None:
    """Numbers are not looked at here; a long one would be slow to convert."""


def refuse_repeated(pairs: Pairs, known: Sequence[str], path: str) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen and key in known:
            raise msgspec.ValidationError(f"The key is given twice - at `$.{path}{key}`")
        seen.add(key)
