"""What can be told of a tracking number by itself: whose it may be, and whether its check digit is right.

That a check digit is right does not mean that there is such a parcel; nothing is asked of anybody here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from router.tracking.carriers import CARRIERS, carriers_named, page_of
from router.tracking.forms import FORMS, Form

_BETWEEN = re.compile(r"[\s.\-\u2010-\u2015]+")  # what people and labels write between groups of digits


class Reading(NamedTuple):
    """A number, read as one of a carrier's forms."""

    carrier: str  # code, a key of CARRIERS
    form: str
    found: str  # the check digit; "" of a form without one
    expected: str

    @property
    def is_checked(self) -> bool:
        return self.found != "" and self.found == self.expected

    @property
    def is_mistyped(self) -> bool:
        return self.found != self.expected


class Fault(NamedTuple):
    """A check digit that is not the one of the other digits."""

    carrier: str
    form: str
    found: str
    expected: str

    @property
    def words(self) -> str:
        return (
            f"a {CARRIERS[self.carrier].name} number like this one ({self.form}) has the check digit {self.expected}, "
            f"not {self.found}"
        )


def normalise(number: str) -> str:
    """Without blanks, hyphens and points, in capitals."""
    return _BETWEEN.sub("", number).upper()


def readings(number: str) -> list[Reading]:
    """By every form that fits, right check digits first, then forms without one, then wrong ones."""
    normal = normalise(number)
    found = [reading for form in FORMS if (reading := _read(form, normal)) is not None]
    return sorted(found, key=lambda reading: (not reading.is_checked, reading.is_mistyped))


def guesses(number: str) -> list[Reading]:
    """Whose number it may be: the readings that are not mistyped, one a carrier, the best first."""
    best: dict[str, Reading] = {}
    for reading in readings(number):
        if not reading.is_mistyped:
            best.setdefault(reading.carrier, reading)
    return list(best.values())


def carrier_guess(number: str) -> str | None:
    """Code of the one carrier whose number it looks like: by its check digit, else by its letters. None where several
    or none do; digits without a check digit say too little."""
    found = guesses(number)
    checked = {reading.carrier for reading in found if reading.is_checked}
    lettered = set() if normalise(number).isdigit() else {reading.carrier for reading in found}
    named = checked or lettered
    return named.pop() if len(named) == 1 else None


def fault(number: str, carrier: str) -> Fault | None:
    """What is wrong with the check digit, ``carrier`` as an event names it.

    None where it is right in any form of that carrier, where the number has none of its forms (carriers have more than
    are published), and of carriers that are not known here.
    """
    codes = carriers_named(carrier)
    found = [reading for reading in readings(number) if reading.carrier in codes] if codes else []
    wrong = [reading for reading in found if reading.is_mistyped]
    return Fault(*wrong[0]) if wrong and len(wrong) == len(found) else None


def tracking_url(number: str, carrier: str | None) -> str | None:
    """Address of the carrier's public page of a parcel; ``carrier`` as an event names it, None: whose it looks like.

    Of several carriers of the name the one whose form the number has, else the first.
    """
    guess = carrier_guess(number)
    codes = [guess] if carrier is None and guess else carriers_named(carrier or "")
    fitting = [reading.carrier for reading in readings(number) if reading.carrier in codes]
    chosen = [*fitting, *codes][:1]
    return page_of(chosen[0], normalise(number)) if chosen else None


def _read(form: Form, number: str) -> Reading | None:
    match = form.pattern.fullmatch(number)
    if match is None:
        return None
    if form.check is None:
        return Reading(form.carrier, form.name, "", "")
    body, found = match.groups()
    return Reading(form.carrier, form.name, found, form.check(body))
