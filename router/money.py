"""Money: ISO 4217 currencies, exact conversion between decimal text and minor units, the one rounding."""

from __future__ import annotations

import re

_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
        CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
        HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT
        MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR
        SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU
        UZS VED VES WST XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Decimals of every circulating currency and fund code of ISO 4217 (metals and test codes have no minor unit).
EXPONENTS: dict[str, int] = {
    code: exponent for exponent, codes in sorted(_BY_EXPONENT.items()) for code in sorted(codes.split())
}

MINOR_MAX = 2**63 - 1
_DECIMAL = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?", re.ASCII)


def divide_rounded(numerator: int, denominator: int) -> int:
    """Quotient rounded half away from zero: the one rounding of percentages, rates and taxes.

    ``kernels/money/price.py`` has the same rule for arrays; a test keeps them equal.
    """
    assert denominator > 0
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -quotient if numerator < 0 else quotient


def units_part(amount_minor: int, qty: int, first_unit: int, count: int) -> int:
    """What ``count`` of ``qty`` equal units carry of an amount, from ``first_unit`` on: the first ones carry 1 more.

    ``kernels/money/prorate.py`` has the same rule for kernels; a test keeps them equal.
    """
    assert 0 <= first_unit <= first_unit + count <= qty and qty > 0
    each, rest = divmod(amount_minor, qty)
    return each * count + min(rest, first_unit + count) - min(rest, first_unit)


def parse_minor(text: str, exponent: int) -> int:
    """Decimal text as whole units of ``10**-exponent``, exactly: ``parse_minor("12.5", 2) == 1250``.

    Zeros beyond the exponent are fine; another digit there is an amount that the currency cannot hold.
    Raises ValueError with a sentence.
    """
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a decimal number such as 12.50")
    sign, whole, fraction = match[1], match[2], (match[3] or "").rstrip("0")
    if len(fraction) > exponent:
        raise ValueError(f"{text!r} has more than {exponent} decimals")
    if len(whole.lstrip("0")) > 19:
        raise ValueError(f"{text!r} is too large")
    minor = int(whole + fraction.ljust(exponent, "0"))
    if minor > MINOR_MAX:
        raise ValueError(f"{text!r} is too large")
    return -minor if sign == "-" else minor


def format_minor(minor: int, exponent: int) -> str:
    """Decimal text of minor units: the inverse of :func:`parse_minor`, always with ``exponent`` decimals."""
    sign = "-" if minor < 0 else ""
    whole, fraction = divmod(abs(minor), 10**exponent)
    return f"{sign}{whole}.{fraction:0{exponent}d}" if exponent else f"{sign}{whole}"
