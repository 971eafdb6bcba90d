"""The check digits of tracking numbers: from the characters before it, in capitals, the one that belongs behind them.

What they find of single mistyped digits: ``gs1`` and its kin and ``mod_37_36`` every one; ``upu_s10`` and ``fedex`` all
but those between the two remainders that are written as the same digit; ``mod_7`` all but a digit for one that is 7
more or less; ``ups`` and ``deutsche_post`` all but, in every second place, a digit for one that is 5 more or less.
"""

from __future__ import annotations

from collections.abc import Callable

Check = Callable[[str], str]
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def gs1(body: str, start: int = 0) -> str:
    """Mod 10, weights 3 and 1 from the right (GS1 General Specifications, 7.9.1)."""
    return _to_ten(start + _weighted_from_right(body, (3, 1)))


def gls(body: str) -> str:
    """As ``gs1``, counted from 1 on: 11 digits of a GLS parcel."""
    return gs1(body, start=1)


def usps_20(body: str) -> str:
    """``gs1`` with the application identifier 91, which newer numbers of 20 digits leave out (USPS Publication 199)."""
    return gs1("91" + body)


def smart_post_20(body: str) -> str:
    """``gs1`` with the 92 that FedEx leaves out of 20 digits."""
    return gs1("92" + body)


def deutsche_post(body: str) -> str:
    """Mod 10, weights 4 and 9 from the left: the 11 digits of a Deutsche Post Identcode."""
    return _to_ten(sum(int(digit) * (4, 9)[at % 2] for at, digit in enumerate(body)))


def upu_s10(body: str) -> str:
    """Mod 11 of 8 digits (UPU standard S10): 11 less the remainder; 10 is written 0, and 11 is written 5."""
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(body, _S10_WEIGHTS, strict=True)) % 11
    return {10: "0", 11: "5"}.get(rest, str(rest))


def fedex(body: str) -> str:
    """Mod 11, weights 1, 3, 7 from the right; 10 is written 0 (FedEx barcode specifications, Express)."""
    return str(_weighted_from_right(body, (1, 3, 7)) % 11 % 10)


def ups(body: str) -> str:
    """Mod 10, every second character twice; letters from A on count 2, 3 … 9, 0, 1 … (UPS 1Z; OnTrac has it, too)."""
    values = (int(sign) if sign.isdigit() else (ord(sign) - ord("A") + 2) % 10 for sign in body)
    return _to_ten(sum(value * (1 + at % 2) for at, value in enumerate(values)))


def mod_7(body: str) -> str:
    """The remainder by 7 of a DHL Express waybill (IATA Resolution 600a has the same for air waybills)."""
    return str(int(body) % 7)


def mod_37_36(body: str) -> str:
    """ISO/IEC 7064, MOD 37,36: the hybrid system for letters and digits with one check character, as DPD has it."""
    product = 36
    for sign in body:
        product = ((product + ALPHABET.index(sign)) % 36 or 36) * 2 % 37
    return ALPHABET[(37 - product) % 36]


def _weighted_from_right(body: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weights[at % len(weights)] for at, digit in enumerate(reversed(body)))


def _to_ten(total: int) -> str:
    return str(-total % 10)
