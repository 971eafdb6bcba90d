"""An order's debt in instalments: what was agreed, and how much of each is still to pay as the order stands.

Nothing of it is stored but what was agreed. Money that came pays the instalments in their turn; what falls away of the
debt (cancels, credits, write-offs) is taken off the last one first, and what is added comes on top of the last. So the
parts are always the whole, in every currency, because all of it is whole minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Falls = Literal["now", "after_shipping"]
INSTALMENTS_MAX = 12
PERCENT = 100


class Instalment(NamedTuple):
    """One part of what is to be paid, as it was agreed."""

    amount_minor: int
    falls: Falls = "now"
    days: int = 0  # after all of the order was shipped


class Left(NamedTuple):
    """One part as the order stands."""

    amount_minor: int
    left_minor: int  # of it, still to be paid


def parts_of(amount_minor: int, percents: Sequence[int]) -> list[int]:
    """An amount by percents that sum to 100: each its whole minor units, the rest one by one from the first on."""
    assert sum(percents) == PERCENT and min(percents) > 0 and amount_minor >= 0
    parts = [amount_minor * percent // PERCENT for percent in percents]
    for number in range(amount_minor - sum(parts)):  # fewer than there are parts
        parts[number] += 1
    return parts


def left_of(agreed: Sequence[Instalment], captured_minor: int, due_minor: int) -> list[Left]:
    """What is left of each; the parts left are what is due. Below 0 nothing is."""
    to_pay = captured_minor + max(due_minor, 0)
    paid = min(captured_minor, to_pay)
    found = []
    for number, each in enumerate(agreed):
        is_last = number == len(agreed) - 1
        amount = to_pay if is_last else min(each.amount_minor, to_pay)
        came = min(paid, amount)
        found.append(Left(amount, amount - came))
        to_pay, paid = to_pay - amount, paid - came
    return found
