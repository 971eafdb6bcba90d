"""Numbers as people write them: marks only where they can stand, money marks that fit the currency, float noise.

Everything is exact: a text is a number of the format, or a ValueError that says what it is not.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from typing import Literal

from router.money import parse_minor

Rounding = Literal["noise", "half_up", "half_even"]
_SPACES, _APOSTROPHES = " \u00a0\u2009\u202f", "'\u2019"  # what a blank or an apostrophe between thousands may be
_NOISE = Decimal("0.1")  # of the last digit that counts: a float's error is far less, a price of half a cent far more
_DIGITS_MAX = 25  # before the decimal mark; far more than 64 bits hold
_MINUS = str.maketrans("\u2212", "-")
_AROUND = re.compile(r"(\D*)(\d(?:.*\d)?)(\D*)", re.ASCII | re.DOTALL)
_DOLLARS = frozenset("AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD USD XCD".split())
# Marks beside an amount, without blanks and in capitals, and the currencies they can mean.
_MARKS: dict[str, frozenset[str]] = {
    "$": _DOLLARS | {"ARS", "CLP", "COP", "MXN", "UYU"},
    "\u20ac": frozenset(("EUR",)),
    "\u00a3": frozenset("GBP EGP FKP GIP SHP SSP SYP LBP".split()),
    "\u00a5": frozenset(("JPY", "CNY")),
    "\uffe5": frozenset(("JPY", "CNY")),
    "\u5143": frozenset(("CNY", "TWD", "HKD")),
    "\u5186": frozenset(("JPY",)),
    "\u20a9": frozenset(("KRW",)),
    "\u20b9": frozenset(("INR",)),
    "\u20bd": frozenset(("RUB",)),
    "\u20ba": frozenset(("TRY",)),
    "\u20aa": frozenset(("ILS",)),
    "\u20ab": frozenset(("VND",)),
    "\u0e3f": frozenset(("THB",)),
    "\u20b1": frozenset(("PHP",)),
    "Z\u0141": frozenset(("PLN",)),
    "K\u010c": frozenset(("CZK",)),
    "FT": frozenset(("HUF",)),
    "KR": frozenset("SEK NOK DKK ISK".split()),
    "KR.": frozenset("SEK NOK DKK ISK".split()),
    "R": frozenset(("ZAR",)),
    "RS": frozenset("INR PKR LKR NPR MUR".split()),
    "RS.": frozenset("INR PKR LKR NPR MUR".split()),
    "RM": frozenset(("MYR",)),
    "RP": frozenset(("IDR",)),
    "RMB": frozenset(("CNY",)),
    "FR.": frozenset(("CHF",)),
}
_SYMBOLS = frozenset("".join(_MARKS))
_LETTERS_OF_DOLLARS = {
    "US": "USD",
    "AU": "AUD",
    "A": "AUD",
    "CA": "CAD",
    "C": "CAD",
    "NZ": "NZD",
    "HK": "HKD",
    "SG": "SGD",
    "S": "SGD",
    "NT": "TWD",
    "TW": "TWD",
    "MX": "MXN",
    "R": "BRL",
    "AR": "ARS",
    "CL": "CLP",
    "CO": "COP",
}


class OtherCurrency(ValueError):
    """An amount with a mark that its order's currency does not have."""


class NumberFormat:
    """Numbers with one decimal mark and, where there is one, a mark between groups of three digits."""

    def __init__(self, decimal: str, thousands: str) -> None:
        between = re.escape(thousands)
        for alike in (_SPACES, _APOSTROPHES):
            if thousands and thousands in alike:
                between = f"[{alike}]"
        groups = rf"\d{{1,3}}(?:{between}\d{{3}})+|" if thousands else ""
        self._form = re.compile(rf"([+-]?)({groups}\d+)(?:{re.escape(decimal)}(\d+))?", re.ASCII)
        self.marks = f"with {decimal!r} before decimals and " + (
            f"{thousands!r} between groups of three digits" if thousands else "no mark between thousands"
        )

    def plain(self, text: str) -> str:
        """The number with a point as its decimal mark and no other mark; ValueError where it is none of this format."""
        found = self._form.fullmatch(text.strip().translate(_MINUS))
        if found is None:
            raise ValueError(f"{text!r} is no number {self.marks}")
        whole = "".join(filter(str.isdigit, found[2]))
        return f"{found[1]}{whole}.{found[3]}" if found[3] else f"{found[1]}{whole}"

    def minor(self, text: str, exponent: int, rounding: Rounding | None = None) -> int:
        """Whole units of ``10**-exponent``; exactly, unless the mapping allows to round."""
        plain = self.plain(text)
        try:
            return parse_minor(plain if rounding is None else _rounded(plain, exponent, rounding), exponent)
        except ValueError as fault:
            raise ValueError(str(fault).replace(repr(plain), repr(text))) from None

    def money(self, text: str, currency: str, exponent: int, rounding: Rounding | None = None) -> int:
        """An amount, with or without a mark of its currency before or behind it."""
        found = _AROUND.fullmatch(text.strip().translate(_MINUS))
        if found is None:
            raise ValueError(f"{text!r} is no number {self.marks}")
        before, number, after = found.groups()
        signs = [sign for sign in before if sign in "+-"]
        for mark in (before.replace("".join(signs), ""), after):
            _check_mark(mark, currency, text, self.marks)
        return self.minor("".join(signs) + number, exponent, rounding)


def _check_mark(mark: str, currency: str, text: str, marks: str) -> None:
    mark = "".join(mark.split()).upper()
    if not mark or mark == currency:
        return
    of_letters = _LETTERS_OF_DOLLARS.get(mark.removesuffix("$")) if mark.endswith("$") else None
    meant = frozenset((of_letters,)) if of_letters else _MARKS.get(mark)
    if meant is None and not any(sign.isalpha() or sign in _SYMBOLS for sign in mark):
        raise ValueError(f"{text!r} is no number {marks}")
    if meant is None:
        raise ValueError(f"{text!r} is no number {marks}, nor one with a mark of money that is known")
    if currency not in meant:
        likely = sorted(meant, key=lambda code: (code != "USD", code))
        said = " or ".join(likely[:3]) + (" or another of that mark" if len(likely) > 3 else "")
        raise OtherCurrency(f"{text!r} is marked as {said}, but the order is in {currency}")


def _rounded(plain: str, exponent: int, rounding: Rounding) -> str:
    if len(plain.partition(".")[0]) > _DIGITS_MAX:
        raise ValueError(f"{plain!r} is too large")
    with localcontext(prec=len(plain) + exponent + 1):  # exact, however many decimals a float was written with
        return _nearest(Decimal(plain), exponent, rounding)


def _nearest(number: Decimal, exponent: int, rounding: Rounding) -> str:
    step = Decimal(1).scaleb(-exponent)
    nearest = number.quantize(step, ROUND_HALF_EVEN if rounding == "half_even" else ROUND_HALF_UP)
    if rounding == "noise" and abs(number - nearest) > step * _NOISE:
        raise ValueError(f"'{number}' is further from {nearest} than the noise of a float")
    return str(nearest)
