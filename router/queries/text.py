"""Times, days and names as the contract writes them."""

from __future__ import annotations

import datetime
import functools

from router.arrow.string_table import StringTable
from router.life.states import unpack_state

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_EPOCH_DAY = _EPOCH.toordinal()


def time_text(ms: int) -> str | None:
    """RFC 3339 in UTC with milliseconds; None for "none" and for what no calendar holds."""
    if ms < 0:
        return None
    try:
        moment = _EPOCH + datetime.timedelta(milliseconds=ms)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def date_text(day: int) -> str | None:
    """ISO date of a day since the epoch; None for "none"."""
    return datetime.date.fromordinal(_EPOCH_DAY + day).isoformat() if day >= 0 else None


def day_of(text: str) -> int:
    """Days since the epoch of an ISO date."""
    return datetime.date.fromisoformat(text).toordinal() - _EPOCH_DAY


def name_of(table: StringTable, number: int) -> str | None:
    """Name behind a table number; None for "none"."""
    return table.text(number) if number >= 0 else None


@functools.cache
def state_names(packed: int) -> dict[str, str]:
    """Both axes of a state byte by name; to be spread into an answer, not kept or changed."""
    order, payment = unpack_state(packed)
    return {"state": order.name.lower(), "payment_state": payment.name.lower()}
