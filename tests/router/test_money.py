"""Money: exact both ways in every exponent, one rounding."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.money import EXPONENTS, MINOR_MAX, divide_rounded, format_minor, parse_minor


@pytest.mark.parametrize(
    ("text", "exponent", "minor"),
    [
        ("12.50", 2, 1250),
        ("12.5", 2, 1250),
        ("12", 2, 1200),
        ("0.29", 2, 29),
        ("12.500", 2, 1250),
        ("1000", 0, 1000),
        ("1000.0", 0, 1000),
        ("1.234", 3, 1234),
        ("-0.01", 2, -1),
        ("+3", 2, 300),
        ("92233720368547758.07", 2, MINOR_MAX),
    ],
)
def test_decimal_text_becomes_minor_units_exactly(text: str, exponent: int, minor: int) -> None:
    assert parse_minor(text, exponent) == minor


@pytest.mark.parametrize(
    ("text", "exponent"),
    [("12.505", 2), ("1.5", 0), ("1,50", 2), ("", 2), ("1e3", 2), ("NaN", 2), ("٣", 2), (".5", 2), ("9" * 40, 2)],
)
def test_amounts_a_currency_cannot_hold_are_refused_in_words(text: str, exponent: int) -> None:
    with pytest.raises(ValueError, match=r"decimal|large"):
        parse_minor(text, exponent)


@given(st.integers(-MINOR_MAX, MINOR_MAX), st.sampled_from([0, 2, 3, 4]))
def test_format_and_parse_are_inverse(minor: int, exponent: int) -> None:
    assert parse_minor(format_minor(minor, exponent), exponent) == minor


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_division_rounds_half_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / Decimal(denominator)
    doubled = 2 * abs(numerator) % (2 * denominator)
    expected = int(exact.to_integral_value(ROUND_HALF_UP)) if doubled == denominator else None
    found = divide_rounded(numerator, denominator)
    assert abs(2 * (found * denominator - numerator)) <= denominator
    assert expected is None or found == expected


def test_currencies_have_the_decimals_of_iso_4217() -> None:
    assert {code: EXPONENTS[code] for code in ("JPY", "EUR", "KWD", "CLF", "CLP", "BHD")} == {
        "JPY": 0,
        "EUR": 2,
        "KWD": 3,
        "CLF": 4,
        "CLP": 0,
        "BHD": 3,
    }
    assert len(EXPONENTS) > 160 and all(len(code) == 3 and code.isupper() for code in EXPONENTS)
