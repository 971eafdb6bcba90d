"""From when until when a row counts: ``from`` and ``until`` of prices and taxes, by an order's ``placed_at``."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from router.errors import RowError, row_at

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MS = datetime.timedelta(milliseconds=1)
_EVER_MS = 1 << 62


class Period(NamedTuple):
    from_ms: int  # inclusive
    until_ms: int  # exclusive


ALWAYS = Period(-_EVER_MS, _EVER_MS)


def epoch_ms(moment: datetime.datetime) -> int:
    """Milliseconds since the epoch, exactly: timedeltas are integers, timestamps would be floats."""
    return (moment - _EPOCH) // _MS


def moment_ms(text: str) -> int:
    """A date (its first moment, UTC) or a time with an offset; ValueError when it is neither."""
    moment = datetime.datetime.fromisoformat(text)
    if len(text) == len("2026-07-01"):
        moment = moment.replace(tzinfo=datetime.UTC)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return epoch_ms(moment)


def from_of(row: Any) -> str | None:
    """What a row says in ``from``, which is a word of Python."""
    text: str | None = getattr(row, "from")
    return text


def period_of(row: Any) -> Period:
    begin, end = from_of(row), row.until
    if begin is None and end is None:
        return ALWAYS
    return Period(
        ALWAYS.from_ms if begin is None else moment_ms(begin), ALWAYS.until_ms if end is None else moment_ms(end)
    )


def period_errors(row: Any) -> Iterator[tuple[str, str, str]]:
    """Field, code and sentence of what is wrong with a row's period."""
    wrong = False
    for name, text in (("from", from_of(row)), ("until", row.until)):
        if text is not None and not _is_moment(text):
            wrong = True
            detail = f"{text!r} is no date and no time with an offset; write 2026-07-01 or 2026-07-01T00:00:00+02:00."
            yield name, "time", detail
    if not wrong and period_of(row).from_ms >= period_of(row).until_ms:
        yield "until", "range", f"until {row.until} is not after from {from_of(row)}; until itself is no part of it."


def overlap_errors(
    rows: Sequence[Any], places: Sequence[int], key_of: Callable[[Any], Hashable], what: str
) -> Iterator[RowError]:
    """Rows of one key whose periods meet; rows whose periods cannot be read are reported by themselves."""
    readable = [(row, place) for row, place in zip(rows, places, strict=True) if _is_readable(row)]
    groups: dict[Hashable, list[tuple[Period, int]]] = {}
    for row, place in readable:
        groups.setdefault(key_of(row), []).append((period_of(row), place))
    for found in groups.values():
        found.sort()
        reach, reach_place, begun = ALWAYS.from_ms, 0, None
        for period, place in found:
            if period.from_ms < reach and period.from_ms != begun:  # alike in ``from`` they are duplicates
                detail = (
                    f"The {what} of {row_at(reach_place)} counts at the same time; let one end where the other begins."
                )
                yield RowError(place, "from", "overlap", detail)
            if period.until_ms > reach:
                reach, reach_place, begun = period.until_ms, place, period.from_ms


def _is_readable(row: Any) -> bool:
    return (from_of(row) is None and row.until is None) or not list(period_errors(row))


def _is_moment(text: str) -> bool:
    try:
        moment_ms(text)
    except ValueError:
        return False
    return True
