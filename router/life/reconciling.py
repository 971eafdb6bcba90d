"""A partner's figures of a day beside our own: what each payment brought in and gave back, and where the two differ.

Both are summed by payment, so that a capture which was told in two parts here and in one there is no difference. What
the differences say adds up to the difference of the sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

What = Literal["captured", "refunded"]
Fault = Literal["missing_here", "missing_there", "amount_differs"]


class Figure(NamedTuple):
    """Money of one payment that moved; minor units."""

    payment_id: str
    what: What
    amount_minor: int
    currency: str
    order_id: str = ""


class Difference(NamedTuple):
    fault: Fault
    payment_id: str
    what: What
    currency: str
    here_minor: int
    there_minor: int
    order_id: str


class Sums(NamedTuple):
    currency: str
    what: What
    here_minor: int
    there_minor: int


class Comparison(NamedTuple):
    sums: tuple[Sums, ...]  # by currency
    differences: tuple[Difference, ...]
    agreed: tuple[tuple[str, What], ...]  # payments in which the two are one


def compared(here: Iterable[Figure], there: Iterable[Figure]) -> Comparison:
    ours, theirs = _by_payment(here), _by_payment(there)
    differences, agreed = [], []
    for key in sorted(ours.keys() | theirs.keys()):
        payment_id, what, currency = key
        mine, other = ours.get(key), theirs.get(key)
        if mine is not None and other is not None and mine.amount_minor == other.amount_minor:
            agreed.append((payment_id, what))
            continue
        fault: Fault = "missing_here" if mine is None else "missing_there" if other is None else "amount_differs"
        order_id = (mine and mine.order_id) or (other and other.order_id) or ""
        amounts = mine.amount_minor if mine else 0, other.amount_minor if other else 0
        differences.append(Difference(fault, payment_id, what, currency, *amounts, order_id))
    return Comparison(_sums(ours.values(), theirs.values()), tuple(differences), tuple(agreed))


def _by_payment(figures: Iterable[Figure]) -> dict[tuple[str, What, str], Figure]:
    found: dict[tuple[str, What, str], Figure] = {}
    for each in figures:
        key = each.payment_id, each.what, each.currency
        before = found.get(key)
        amount = each.amount_minor + (before.amount_minor if before else 0)
        order_id = (before.order_id if before else "") or each.order_id
        found[key] = each._replace(amount_minor=amount, order_id=order_id)
    return found


def _sums(here: Iterable[Figure], there: Iterable[Figure]) -> tuple[Sums, ...]:
    found: dict[tuple[str, What], tuple[int, int]] = {}
    for is_here, figures in ((True, here), (False, there)):
        for each in figures:
            ours, theirs = found.get((each.currency, each.what), (0, 0))
            found[each.currency, each.what] = (
                ours + each.amount_minor * is_here,
                theirs + each.amount_minor * (not is_here),
            )
    return tuple(Sums(currency, what, *found[currency, what]) for currency, what in sorted(found))
