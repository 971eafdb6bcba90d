"""Row rule: an RFC 3339 time in quotes to milliseconds since the epoch.

    "YYYY-MM-DDThh:mm:ss[.fraction](Z|+hh:mm|-hh:mm)"

Digits of the fraction beyond milliseconds are cut off. Leap seconds are left to the careful reader.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._jit import rule

Array = npt.NDArray[Any]
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999 in UTC, as calendars hold them
Int = Any  # int64, see kernels/text/json_text.py


@rule
def two_digits(text: Array, position: Int) -> Int:
    """Value of two digits; far outside every range of a time where they are none."""
    tens, ones = np.int64(text[position]) - 0x30, np.int64(text[position + 1]) - 0x30
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return 1_000_000
    return tens * 10 + ones


@rule
def month_days(year: Int, month: Int) -> Int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@rule
def days_since_epoch(year: Int, month: Int, day: Int) -> Int:
    """Days from 1970-01-01 in the Gregorian calendar; the year is counted from March, so leap days come last."""
    if month <= 2:
        year, month = year - 1, month + 12
    return year * 365 + year // 4 - year // 100 + year // 400 + (month * 153 - 457) // 5 + day - 719469


@rule
def read_fraction(text: Array, position: Int) -> tuple[Int, Int]:
    """(place behind, milliseconds) of an optional fraction; place -1 for a point without digits."""
    if text[position] != 0x2E:
        return position, 0
    first, weight = position + 1, 100
    milliseconds: Int = 0
    position = first
    while 0x30 <= text[position] <= 0x39:
        milliseconds += (np.int64(text[position]) - 0x30) * weight
        weight //= 10
        position += 1
    return (position if position > first else -1), milliseconds


@rule
def read_offset(text: Array, position: Int) -> tuple[Int, Int]:
    """(place behind, minutes east of UTC) of Z or a signed offset; place -1 for anything else."""
    sign = text[position]
    if sign == 0x5A:
        return position + 1, 0
    if (sign != 0x2B and sign != 0x2D) or text[position + 3] != 0x3A:
        return -1, 0
    hours, minutes = two_digits(text, position + 1), two_digits(text, position + 4)
    if hours > 23 or minutes > 59:
        return -1, 0
    east = hours * 60 + minutes
    return position + 6, east if sign == 0x2B else -east


@rule
def has_separators(text: Array, position: Int) -> Int:
    """Quote, dashes, T and colons in their places; what stands between is checked as digits."""
    return (
        text[position] == 0x22
        and text[position + 5] == 0x2D
        and text[position + 8] == 0x2D
        and text[position + 11] == 0x54
        and text[position + 14] == 0x3A
        and text[position + 17] == 0x3A
    )


@rule
def read_time(text: Array, position: Int) -> tuple[Int, Int]:
    """(place behind the closing quote, milliseconds) or place -1; the opening quote is at the position."""
    if not has_separators(text, position):
        return -1, 0
    year = two_digits(text, position + 1) * 100 + two_digits(text, position + 3)
    month, day = two_digits(text, position + 6), two_digits(text, position + 9)
    hour, minute, second = (
        two_digits(text, position + 12),
        two_digits(text, position + 15),
        two_digits(text, position + 18),
    )
    if year < 1 or year > 9999 or month < 1 or month > 12 or day < 1 or day > month_days(year, month):
        return -1, 0
    if hour > 23 or minute > 59 or second > 59:
        return -1, 0
    position, milliseconds = read_fraction(text, position + 20)
    if position < 0:
        return -1, 0
    position, east = read_offset(text, position)
    if position < 0 or text[position] != 0x22:
        return -1, 0
    minutes = (days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - east
    moment = (minutes * 60 + second) * 1000 + milliseconds
    if moment < FIRST_MS or moment > LAST_MS:
        return -1, 0
    return position + 1, moment
