"""What channels declare of an order's money: discounts, taxes and the shipping fee, of lines and of the whole order.

    compute   what is declared is kept and changes nothing
    compare   ours counts, and a declared amount that differs is a flag
    take      the declared amount counts: of lines as it is, of the order spread over lines by largest remainder

``discount`` of the order is the whole, those of its lines included; ``tax`` too, with that on shipping. Parts that are
more than their whole, or more than there is to take it from, are no amounts, and the order is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.money.weigh import VALUE_MAX
from router.log.declared_amounts import TAKEN_DISCOUNT, TAKEN_FEE, TAKEN_TAX
from router.shard.channel_policies import Heeds
from router.shard.pricing import Money, OrderLines, price_orders, prorate_groups
from router.tables.compiled import Tables, TaxTable

Bools = npt.NDArray[np.bool_]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
_Price = Callable[[TaxTable, I32], Money]  # the orders with these taxes and in these tax areas


@dataclass(frozen=True)
class Declared:
    """Amounts that n orders of m lines came with, -1 none."""

    fee: I64  # (n)
    discount: I64  # (n)
    tax: I64  # (n)
    line_discount: I64  # (m)
    line_tax: I64  # (m)


_NONE: I64 = np.zeros(0, np.int64)
NOTHING_DECLARED = Declared(_NONE, _NONE, _NONE, _NONE, _NONE)  # of orders that nobody asks


def impossible(declared: Declared, lines: OrderLines, heeds: Heeds) -> Bools:
    """Orders whose amounts that are to be taken cannot be: (n)."""
    gross = _gross(lines)
    sums = _line_sums(lines, declared)
    wrong = heeds.takes_fee & ((declared.fee < -1) | (declared.fee > VALUE_MAX))
    spoken = (declared.discount != -1) | (sums.discounts > 0)
    over = _of_orders(lines, (declared.line_discount > gross) & (lines.qty > 0))
    whole = np.where(declared.discount == -1, sums.discounts, declared.discount)
    bad_discount = (whole < sums.discounts) | (whole > _sum(lines, gross)) | over
    wrong |= heeds.takes_discount & ((spoken & bad_discount) | sums.negative_discount)
    spoken = (declared.tax != -1) | (sums.taxes > 0)
    large = (declared.tax > VALUE_MAX) | (sums.taxes > VALUE_MAX) | _of_orders(lines, declared.line_tax > VALUE_MAX)
    bad_tax = ((declared.tax != -1) & (declared.tax < sums.taxes)) | large
    return np.asarray(wrong | (heeds.takes_tax & ((spoken & bad_tax) | sums.negative_tax)))


def taken_discounts(declared: Declared, lines: OrderLines, heeds: Heeds) -> tuple[I64, Bools]:
    """(m) discount of every line, and (n) orders of which it is taken; one that declares none has none."""
    sums, gross = _line_sums(lines, declared), _gross(lines)
    takes = heeds.takes_discount & (_sum(lines, gross) > 0)
    of_line = np.where(np.repeat(takes, np.diff(lines.line_offset)), np.maximum(declared.line_discount, 0), 0)
    merged = _of_orders(lines, of_line > gross)  # lines that were merged: what they declare belongs to the order
    of_line[np.repeat(merged, np.diff(lines.line_offset))] = 0
    whole = np.where(declared.discount == -1, sums.discounts, declared.discount)
    rest = np.where(takes, whole - _sum(lines, of_line), 0)
    return of_line + prorate_groups(lines.line_offset, np.maximum(rest, 0), gross - of_line), takes


@dataclass(frozen=True)
class _Unsaid:
    """Our taxes where a channel whose taxes are taken says none: of lines, of shipping, and what they add to prices."""

    line_tax: I64  # (m)
    line_added: I64  # (m)
    fee_tax: I64  # (n)
    fee_added: I64  # (n)


def taken_taxes(
    money: Money, declared: Declared, lines: OrderLines, takes: Bools, contained: Bools, unsaid: _Unsaid
) -> Money:
    """The money of orders that were priced without tax, with the taxes they declared; the others as they were."""
    counts = np.diff(lines.line_offset)
    on = np.repeat(takes, counts)
    own = on & (declared.line_tax >= 0)
    said = np.where(own, declared.line_tax, 0)
    rest = np.where(takes & (declared.tax >= 0), np.maximum(declared.tax - _sum(lines, said), 0), 0)
    # Lines that say no tax share the rest with shipping by what is paid for them; where these are none, all lines do.
    weight = np.where(own, 0, money.line_total_minor)
    empty = (rest > 0) & (_sum(lines, weight) + money.shipping_minor == 0)
    weight = np.where(np.repeat(empty, counts), np.maximum(money.line_total_minor, 1), weight)
    at = lines.line_offset[1:]  # shipping stands behind the lines of its order
    weights = np.insert(weight, at, money.shipping_minor)
    offset = lines.line_offset + np.arange(len(lines.line_offset))
    parts = prorate_groups(offset, rest, weights)
    said += np.delete(parts, offset[1:] - 1)
    fee_tax = parts[offset[1:] - 1]
    line_tax = np.where(on, said + unsaid.line_tax, money.line_tax_minor)
    added = np.where(np.repeat(takes & ~contained, counts), said, 0) + unsaid.line_added
    line_total = money.line_total_minor + added
    shipping = money.shipping_minor + np.where(takes & ~contained, fee_tax, 0) + unsaid.fee_added
    tax = np.where(takes, _sum(lines, line_tax) + fee_tax + unsaid.fee_tax, money.tax_minor)
    total = np.where(takes, _sum(lines, line_total) + shipping, money.total_minor)
    return dataclasses.replace(
        money, line_tax_minor=line_tax, line_total_minor=line_total, shipping_minor=shipping, tax_minor=tax,
        total_minor=total,
    )  # fmt: skip


@dataclass(frozen=True)
class _SaysTax:
    """Orders of which some say taxes that are taken."""

    declared: Declared
    lines: OrderLines
    takes: Bools  # (n)
    total: I64  # (n) the declared one
    tax_area: I32  # (n)

    @property
    def said(self) -> I64:
        """Taxes of each order that were said (n)."""
        of_lines = _sum(self.lines, np.maximum(self.declared.line_tax, 0))
        return np.where(self.declared.tax >= 0, self.declared.tax, of_lines)

    @property
    def asked(self) -> Bools:
        """Orders of which not all taxes were said (n)."""
        return self.takes & (self.declared.tax < 0)


def _with_taxes(money: Money, orders: _SaysTax, tables: Tables, price: _Price) -> Money:
    """Money without taxes, with those that were said and ours where none was."""
    lines, inclusive = orders.lines, tables.taxes.inclusive
    area = np.where(orders.asked, orders.tax_area, 0).astype(np.int32)  # nothing is taxed in area 0

    def ours(contains: npt.NDArray[np.uint8]) -> _Unsaid:
        if not orders.asked.any():  # orders that say one tax for all: nothing of them is priced again
            return _nothing_unsaid(lines)
        return _unsaid(money, orders, price(dataclasses.replace(tables.taxes, inclusive=contains), area))

    def everywhere(value: int) -> npt.NDArray[np.uint8]:
        filled = np.full_like(inclusive, value)
        filled.setflags(write=False)  # kernels know tables as such
        return filled

    contained, added, by_table = map(ours, (everywhere(1), everywhere(0), inclusive))
    says = [
        orders.total == money.total_minor,
        orders.total == money.total_minor + orders.said + _sum(lines, added.line_tax) + added.fee_tax,
    ]
    of_lines = [np.repeat(said, np.diff(lines.line_offset)) for said in says]
    unsaid = _Unsaid(
        np.select(of_lines, [contained.line_tax, added.line_tax], by_table.line_tax),
        np.select(of_lines, [contained.line_added, added.line_added], by_table.line_added),
        np.select(says, [contained.fee_tax, added.fee_tax], by_table.fee_tax),
        np.select(says, [contained.fee_added, added.fee_added], by_table.fee_added),
    )
    holds = np.where(says[0], True, np.where(says[1], False, _contains_by_table(lines, tables, orders.tax_area)))
    return taken_taxes(money, orders.declared, lines, orders.takes, holds, unsaid)


def _unsaid(without: Money, orders: _SaysTax, ours: Money) -> _Unsaid:
    """Our taxes of orders that say some, beside ``without`` any."""
    lines, asked = orders.lines, orders.asked
    silent = np.repeat(asked, np.diff(lines.line_offset)) & ~_speaks(orders.declared, lines)
    return _Unsaid(
        np.where(silent, ours.line_tax_minor, 0),
        np.where(silent, ours.line_total_minor - without.line_total_minor, 0),
        np.where(asked, ours.tax_minor - _sum(lines, ours.line_tax_minor), 0),
        np.where(asked, ours.shipping_minor - without.shipping_minor, 0),
    )


def _nothing_unsaid(lines: OrderLines) -> _Unsaid:
    of_lines, of_orders = (np.zeros(count, np.int64) for count in (len(lines.sku), lines.orders))
    return _Unsaid(of_lines, of_lines, of_orders, of_orders)


def _speaks(declared: Declared, lines: OrderLines) -> Bools:
    """Lines that say a tax, or into which one that says it was merged: (m)."""
    says = declared.line_tax >= 0
    merged = says & (lines.qty == 0)
    order = np.repeat(np.arange(lines.orders, dtype=np.int64), np.diff(lines.line_offset))
    key = order << 32 | np.maximum(lines.sku, 0)
    return np.asarray(says | np.isin(key, key[merged]))


def _contains_by_table(lines: OrderLines, tables: Tables, tax_area: I32) -> Bools:
    """Whether the table has prices that contain their taxes, by the first line of each order."""
    contains = np.zeros(lines.orders, np.bool_)
    filled = np.flatnonzero(np.diff(lines.line_offset) > 0)
    sku = lines.sku[lines.line_offset[filled]]
    contains[filled] = tables.taxes.inclusive[tax_area[filled], tables.skus.tax_class[np.maximum(sku, 0)]] == 1
    return contains


def differing(
    declared: Declared, lines: OrderLines, money: Money, fee_minor: I64, heeds: Heeds, tolerance_minor: int
) -> Bools:
    """Orders of which an amount that is to be compared is not ours."""
    sums = _line_sums(lines, declared)
    discount = np.where(declared.discount == -1, np.where(sums.discounts > 0, sums.discounts, -1), declared.discount)
    tax = np.where(declared.tax == -1, np.where(sums.taxes > 0, sums.taxes, -1), declared.tax)
    # Where lines alone say taxes, theirs are compared: that on shipping, and of lines without one, was not said.
    of_said_lines = _sum(lines, np.where(_speaks(declared, lines), money.line_tax_minor, 0))
    our_tax = np.where(declared.tax == -1, of_said_lines, money.tax_minor)
    pairs = (
        (heeds.compares_fee, declared.fee, fee_minor),
        (heeds.compares_discount, discount, _sum(lines, money.line_discount_minor)),
        (heeds.compares_tax, tax, our_tax),
    )
    found = np.zeros(lines.orders, np.bool_)
    for compares, said, ours in pairs:
        found |= compares & (said != -1) & (np.abs(said - ours) > tolerance_minor)
    return found


def left_out(declared: Declared, lines: OrderLines, heeds: Heeds) -> Bools:
    """Orders that declare an amount which is neither taken nor compared: their total need not be ours."""
    sums = _line_sums(lines, declared)
    fee = (declared.fee != -1) & ~heeds.takes_fee & ~heeds.compares_fee
    discount = ((declared.discount != -1) | (sums.discounts > 0)) & ~heeds.takes_discount & ~heeds.compares_discount
    tax = ((declared.tax != -1) | (sums.taxes > 0)) & ~heeds.takes_tax & ~heeds.compares_tax
    return np.asarray(fee | discount | tax)


@dataclass(frozen=True)
class _Sums:
    discounts: I64
    taxes: I64
    negative_discount: Bools
    negative_tax: Bools


@dataclass(frozen=True)
class Priced:
    """Orders with what they declared, as the policy has it."""

    money: Money
    taken: npt.NDArray[np.uint8]  # (n) TAKEN_*
    differs: Bools  # (n) an amount that is compared is not ours
    total_counts: Bools  # (n) the order's total can be ours


def price_declared(
    tables: Tables, lines: OrderLines, declared: Declared, heeds: Heeds, total: I64, tolerance_minor: int,
    *, granted: tuple[I32, npt.NDArray[np.int16]], tax_area: I32, fee_minor: I64, placed_at_ms: I64,
) -> Priced:  # fmt: skip
    """As ``price_orders``, with declared discounts and taxes where they are taken; ``total`` is the declared one."""
    discounts, takes_discount = taken_discounts(declared, lines, heeds)
    live = _sum(lines, lines.qty.astype(np.int64)) > 0  # refused orders cost nothing
    takes_tax = heeds.takes_tax & live & ((declared.tax >= 0) | (_line_sums(lines, declared).taxes > 0))

    def price(taxes: TaxTable, area: I32) -> Money:
        return price_orders(
            dataclasses.replace(tables, taxes=taxes), lines, granted=granted, tax_area=area, fee_minor=fee_minor,
            placed_at_ms=placed_at_ms, line_taken_minor=discounts,
        )  # fmt: skip

    money = price(tables.taxes, np.where(takes_tax, 0, tax_area).astype(np.int32))
    if takes_tax.any():
        says = _SaysTax(declared, lines, takes_tax, total, tax_area)
        money = _with_taxes(money, says, tables, price)
    takes_fee = heeds.takes_fee & live & (declared.fee >= 0)
    taken = takes_fee * TAKEN_FEE | takes_discount * TAKEN_DISCOUNT | takes_tax * TAKEN_TAX
    return Priced(
        money,
        taken.astype(np.uint8),
        live & differing(declared, lines, money, fee_minor, heeds, tolerance_minor),
        ~left_out(declared, lines, heeds),
    )


def _line_sums(lines: OrderLines, declared: Declared) -> _Sums:
    return _Sums(
        _sum(lines, np.maximum(declared.line_discount, 0)),
        _sum(lines, np.maximum(declared.line_tax, 0)),
        (declared.discount < -1) | _of_orders(lines, declared.line_discount < -1),
        (declared.tax < -1) | _of_orders(lines, declared.line_tax < -1),
    )


def _gross(lines: OrderLines) -> I64:
    return np.where(lines.sku < 0, 0, lines.qty * np.maximum(lines.unit_price_minor, 0))


def _sum(lines: OrderLines, values: I64) -> I64:
    upto = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(upto[lines.line_offset[1:]] - upto[lines.line_offset[:-1]])


def _of_orders(lines: OrderLines, marked: Bools) -> Bools:
    return _sum(lines, marked.astype(np.int64)) > 0
