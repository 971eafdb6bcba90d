"""What a document says of one line of an order: so many of its units, and of its money what these units carry.

The total of some units is what they carry in the order's books; nothing is divided for it. Taxes, and the gross of
bundles, are the difference of two shares, of what was invoiced afterwards and before: so the documents of a line, in
whatever pieces, sum to the line to the last minor unit.

    gross      unit price × units; of a bundle, of which parts may be sent, its share
    added      the share of the taxes that come on top of the price; where there was no discount, total − gross
    discount   gross + added − total
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from router.queries.source import Row

SHIPPING = -1  # line of what shipping cost


class Tax(NamedTuple):
    """One tax by the name and rate of its day."""

    name: str | None
    percent: float | None


@dataclass(frozen=True)
class Priced:
    """A line of an order, or its shipping, as it was priced; minor units."""

    line: int
    qty: int
    unit_price_minor: int
    is_bundle: bool
    gross_minor: int
    discount_minor: int
    total_minor: int
    taxes: dict[Tax, int]

    @property
    def tax_minor(self) -> int:
        return sum(self.taxes.values())

    @property
    def added_minor(self) -> int:
        """Of the taxes what comes on top of the price."""
        return self.total_minor - self.gross_minor + self.discount_minor


@dataclass(frozen=True)
class Share:
    """What a document has of a line."""

    line: int
    qty: int
    gross_minor: int
    discount_minor: int
    total_minor: int
    taxes: dict[Tax, int]

    @property
    def tax_minor(self) -> int:
        return sum(self.taxes.values())

    @property
    def net_minor(self) -> int:
        return self.total_minor - self.tax_minor


def share_of(priced: Priced, qty: int, total_minor: int, before_minor: int) -> Share:
    """The share of so many units that carry ``total_minor``; ``before_minor`` was invoiced of the line before."""

    def part(amount_minor: int) -> int:
        return part_between(amount_minor, priced.total_minor, before_minor, before_minor + total_minor)

    taxes = {tax: part(amount) for tax, amount in priced.taxes.items()}
    gross = part(priced.gross_minor) if priced.is_bundle and priced.total_minor else priced.unit_price_minor * qty
    if priced.discount_minor:
        return Share(priced.line, qty, gross, gross + part(priced.added_minor) - total_minor, total_minor, taxes)
    if priced.added_minor and not priced.is_bundle:
        taxes = _summing_to(taxes, part(priced.tax_minor - priced.added_minor) + total_minor - gross)
    added = part(priced.added_minor) if priced.is_bundle else total_minor - gross
    return Share(priced.line, qty, gross, gross + added - total_minor, total_minor, taxes)


def _summing_to(taxes: dict[Tax, int], wanted_minor: int) -> dict[Tax, int]:
    """The largest takes what rounding each of them left over."""
    largest = max(taxes, key=lambda tax: taxes[tax])
    return taxes | {largest: taxes[largest] + wanted_minor - sum(taxes.values())}


def part_between(amount_minor: int, whole_minor: int, before_minor: int, after_minor: int) -> int:
    """Of an amount that goes with a whole, what goes with the part between two marks; parts sum to the amount."""
    if not whole_minor:
        return 0
    return _rounded(amount_minor * after_minor, whole_minor) - _rounded(amount_minor * before_minor, whole_minor)


def _rounded(dividend: int, divisor: int) -> int:
    """Half up, as all money here."""
    return (2 * dividend + divisor) // (2 * divisor)


def turned(share: Share) -> Share:
    """What takes a share back."""
    taxes = {tax: -amount for tax, amount in share.taxes.items()}
    return replace(
        share, qty=-share.qty, gross_minor=-share.gross_minor, discount_minor=-share.discount_minor,
        total_minor=-share.total_minor, taxes=taxes,
    )  # fmt: skip


def tax_rows(shares: Iterable[Share]) -> list[Row]:
    """Net amount and tax for each name and rate, the highest rate first; what no tax is on as a rate of none."""
    net, amounts = Counter[Tax](), Counter[Tax]()
    for share in shares:
        for tax, amount in (share.taxes or {Tax(None, 0.0): 0}).items():
            net[tax] += share.net_minor
            amounts[tax] += amount
    ordered = sorted(net, key=lambda tax: (-(tax.percent or 0), tax.name or ""))
    return [{"name": tax.name, "percent": tax.percent, "net": net[tax], "amount": amounts[tax]} for tax in ordered]


def taxes_of(rows: Sequence[Row]) -> dict[Tax, int]:
    """Taxes as an order's view names them."""
    found: dict[Tax, int] = {}
    for row in rows:
        tax = Tax(row["name"], row["percent"])
        found[tax] = found.get(tax, 0) + row["amount"]
    return found


def priced_of(step: Any, order_taxes: Any, bundles: frozenset[int]) -> list[Priced]:
    """The lines of an order's record, its shipping last."""
    lines = [
        Priced(
            number, line["qty"], max(line["unit_price_minor"], 0), number in bundles, money["gross_minor"],
            money["discount_minor"], money["total_minor"], taxes_of(order_taxes.of_line(number)),
        )
        for number, (line, money) in enumerate(zip(step.given["lines"], step.outcome["money_lines"], strict=True))
    ]  # fmt: skip
    fee = step.outcome["shipping_minor"]
    return [*lines, Priced(SHIPPING, 1, fee, False, fee, 0, fee, taxes_of(order_taxes.of_line(SHIPPING)))]
