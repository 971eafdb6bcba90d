"""The money of orders with what their channels declared of it: taken, compared, or neither, as the policy says."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.money.weigh import VALUE_MAX
from router.log.declared_amounts import NONE, TAKEN_DISCOUNT, TAKEN_FEE, TAKEN_TAX
from router.shard.channel_policies import Heeds
from router.shard.declared import I64, Bools, Declared, line_sums, silent_lines, sum_of, taken_discounts
from router.shard.impossible import impossible, nothing_carries, overtaxed, parts_exceed
from router.shard.pricing import Money, OrderLines, price_orders
from router.shard.taken_taxes import I32, Price, SaysTax, contains_taken_taxes, with_taken_taxes
from router.tables.compiled import Tables, TaxTable


@dataclass(frozen=True)
class Priced:
    """Orders with what they declared, as the policy has it."""

    money: Money
    taken: npt.NDArray[np.uint8]  # (n) TAKEN_*
    differs: Bools  # (n) an amount that is compared is not ours
    total_counts: Bools  # (n) the order's total can be ours


@dataclass(frozen=True)
class Terms:
    """What n orders are priced by beside their lines."""

    tables: Tables
    heeds: Heeds
    total: I64  # (n) the declared one, -1 none
    granted: tuple[I32, npt.NDArray[np.int16]]  # offsets (n+1) and promotions
    tax_area: I32  # (n)
    fee_minor: I64  # (n) the one that counts, before promotions
    placed_at_ms: I64  # (n)
    tolerance_minor: int


def price_declared(lines: OrderLines, declared: Declared, terms: Terms) -> Priced:
    """As ``price_orders``, with declared discounts and taxes where they are taken.

    Nothing is taken of an order that declares what cannot be: admission refused those, but it may have judged this one
    by another policy, before the shard started anew.
    """
    heeds = terms.heeds.but(impossible(declared, lines, terms.heeds, terms.fee_minor))
    money, says, price, takes_discount = _without_taken_taxes(lines, declared, dataclasses.replace(terms, heeds=heeds))
    if says.takes.any():
        money = with_taken_taxes(money, says, terms.tables, price)
    live = _live(lines)
    takes_fee = heeds.takes_fee & live & (declared.fee != NONE)
    taken = takes_fee * TAKEN_FEE | takes_discount * TAKEN_DISCOUNT | says.takes * TAKEN_TAX
    return Priced(
        money,
        taken.astype(np.uint8),
        live & _differing(declared, lines, money, terms),
        ~_left_out(declared, lines, heeds),
    )


def impossible_orders(lines: OrderLines, declared: Declared, terms: Terms) -> Bools:
    """Orders that declare what cannot be and is to be taken (n); priced without promotions where that tells it."""
    found = impossible(declared, lines, terms.heeds, terms.fee_minor)
    terms = dataclasses.replace(terms, heeds=terms.heeds.but(found))
    over = overtaxed(declared, lines, terms.heeds, terms.fee_minor) & _live(lines)
    if over.any():
        money, says, price, _ = _without_taken_taxes(lines, declared, terms)
        found |= over & contains_taken_taxes(money, says, terms.tables, price)
    return found


def _without_taken_taxes(lines: OrderLines, declared: Declared, terms: Terms) -> tuple[Money, SaysTax, Price, Bools]:
    """Money of orders, without taxes of those whose taxes are taken; how it is priced; whose discounts are taken."""
    discounts, takes_discount = taken_discounts(declared, lines, terms.heeds)
    spoken = (declared.tax != NONE) | line_sums(lines, declared).says_tax
    takes_tax = terms.heeds.takes_tax & _live(lines) & spoken

    def price(taxes: TaxTable, area: I32) -> Money:
        return price_orders(
            dataclasses.replace(terms.tables, taxes=taxes), lines, granted=terms.granted, tax_area=area,
            fee_minor=terms.fee_minor, placed_at_ms=terms.placed_at_ms, line_taken_minor=discounts,
        )  # fmt: skip

    money = price(terms.tables.taxes, np.where(takes_tax, 0, terms.tax_area).astype(np.int32))
    return money, SaysTax(declared, lines, takes_tax, terms.total, terms.tax_area), price, takes_discount


def _live(lines: OrderLines) -> Bools:
    """Orders that were not refused: those cost nothing."""
    return np.asarray(sum_of(lines, lines.qty.astype(np.int64)) > 0)


def _differing(declared: Declared, lines: OrderLines, money: Money, terms: Terms) -> Bools:
    """Orders of which an amount that is to be compared is not ours, or does not add up."""
    heeds, sums = terms.heeds, line_sums(lines, declared)
    discounts = sum_of(lines, money.line_discount_minor)
    # Where lines alone say taxes, theirs are compared: that on shipping, and of lines without one, was not said.
    taxes = sum_of(lines, np.where(silent_lines(declared, lines), 0, money.line_tax_minor))
    differs = [
        heeds.compares_fee & _differ(declared.fee, terms.fee_minor, terms),
        heeds.compares_discount & _differ(declared.discount, discounts, terms),
        heeds.compares_discount & sums.says_discount & (declared.discount == NONE)
        & _differ(sums.discounts, discounts, terms),
        heeds.compares_discount & parts_exceed(declared.discount, sums.discounts),
        heeds.compares_tax & _differ(declared.tax, money.tax_minor, terms),
        heeds.compares_tax & sums.says_tax & (declared.tax == NONE) & _differ(sums.taxes, taxes, terms),
        heeds.compares_tax & parts_exceed(declared.tax, sums.taxes),
        heeds.compares_tax & nothing_carries(declared, lines, terms.fee_minor),
    ]  # fmt: skip
    return np.asarray(np.any(differs, axis=0))


def _differ(said: I64, ours: I64, terms: Terms) -> Bools:
    away = np.clip(said, -2 * VALUE_MAX, 2 * VALUE_MAX) - ours  # beyond what any order costs, and inside int64
    return np.asarray((said != NONE) & (np.abs(away) > terms.tolerance_minor))


def _left_out(declared: Declared, lines: OrderLines, heeds: Heeds) -> Bools:
    """Orders that declare an amount which is neither taken nor compared: their total need not be ours."""
    sums = line_sums(lines, declared)
    fee = (declared.fee != NONE) & ~heeds.takes_fee & ~heeds.compares_fee
    discount = ((declared.discount != NONE) | sums.says_discount) & ~heeds.takes_discount & ~heeds.compares_discount
    tax = ((declared.tax != NONE) | sums.says_tax) & ~heeds.takes_tax & ~heeds.compares_tax
    return np.asarray(fee | discount | tax)
