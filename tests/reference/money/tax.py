"""Tax, in fractions: the specification of ``kernels/money/tax.py`` and of how rows of the table apply."""

from __future__ import annotations

import math
from fractions import Fraction

from tests.reference.money.prorate import prorate


def rounded(exact: Fraction, rounding: str, inclusive: bool) -> int:
    """A whole number of minor units; of a contained tax it is the part without it that goes half up."""
    down = math.floor(exact)
    rest = exact - down
    if rounding == "down" or rest == 0:
        return down
    if rounding == "up":
        return down + 1
    if rest == Fraction(1, 2):
        return down + down % 2 if rounding == "half_even" else down + (not inclusive)
    return down + (rest > Fraction(1, 2))


def taxes_of(rows: list[dict], area: str, tax_class: str, at: str) -> list[tuple[str, Fraction, bool]]:
    """(name, rate, inclusive) of the taxes of an area and class at a time; times are texts of one form."""

    def of(where: str) -> list[dict]:
        return [row for row in rows if row["area"] == where and row["tax_class"] == tax_class]

    found = of(area) or of(area[:2])
    return [
        (row["name"], row["rate"], row["inclusive"])
        for row in found
        if (row["from"] is None or row["from"] <= at) and (row["until"] is None or at < row["until"])
    ]


def order_taxes(nets: list[tuple[int, list[tuple[str, Fraction, bool]]]], once: bool, rounding: str) -> list[list[int]]:
    """Amounts of each (net amount, its taxes), rounded each or once a tax over all that have it."""
    exact = {}  # (line, place of the tax) -> name, rate, base, inclusive
    for line, (net, taxes) in enumerate(nets):
        contained = sum(rate for _, rate, inclusive in taxes if inclusive)
        for place, (name, rate, inclusive) in enumerate(taxes):
            if net > 0:
                exact[line, place] = name, rate, 1 + contained if inclusive else Fraction(1), inclusive
    amounts = {}
    groups: dict[tuple, list[tuple[int, int]]] = {}
    for key, alike in exact.items():
        groups.setdefault(alike if once else (*alike, key), []).append(key)
    for (_, rate, base, inclusive, *_), keys in groups.items():
        weights = [nets[line][0] for line, _ in keys]
        whole = rounded(sum(weights) * rate / base, rounding, inclusive)
        amounts |= dict(zip(keys, prorate(whole, weights), strict=True))
    return [[amounts.get((line, place), 0) for place in range(len(taxes))] for line, (_, taxes) in enumerate(nets)]
