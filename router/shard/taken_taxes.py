"""Taxes that are taken as channels declared them: of lines, of whole orders, and ours beside them where none was said.

Whether prices contain them says the order's declared total, where it is one of the two sums, else the table of taxes.
What a line says stays; what the order says beyond its lines lies on shipping and on the lines that say none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.log.declared_amounts import NONE
from router.shard.declared import (
    I64,
    Bools,
    Declared,
    line_sums,
    said_amounts,
    silent_lines,
    sum_of,
    tax_beside_lines,
)
from router.shard.pricing import Money, OrderLines, prorate_groups
from router.tables.compiled import Tables, TaxTable

I32 = npt.NDArray[np.int32]
Price = Callable[[TaxTable, I32], Money]  # the orders with these taxes and in these tax areas


@dataclass(frozen=True)
class SaysTax:
    """Orders of which some say taxes that are taken."""

    declared: Declared
    lines: OrderLines
    takes: Bools  # (n)
    total: I64  # (n) the declared one
    tax_area: I32  # (n)

    @property
    def said(self) -> I64:
        """Taxes of each order that were said (n)."""
        of_lines = line_sums(self.lines, self.declared).taxes
        return np.where(self.declared.tax != NONE, self.declared.tax, of_lines)

    @property
    def asked(self) -> Bools:
        """Orders of which not all taxes were said (n)."""
        return np.asarray(self.takes & (self.declared.tax == NONE))


@dataclass(frozen=True)
class _Unsaid:
    """Our taxes where a channel whose taxes are taken says none: of lines, of shipping, and what they add to prices."""

    line_tax: I64  # (m)
    line_added: I64  # (m)
    fee_tax: I64  # (n)
    fee_added: I64  # (n)


def with_taken_taxes(money: Money, orders: SaysTax, tables: Tables, price: Price) -> Money:
    """Money without taxes, with those that were said and ours where none was; other orders as they were."""
    is_sum, (contained, added, by_table) = _sums(money, orders, tables, price)
    of_lines = [np.repeat(said, np.diff(orders.lines.line_offset)) for said in is_sum]
    unsaid = _Unsaid(
        np.select(of_lines, [contained.line_tax, added.line_tax], by_table.line_tax),
        np.select(of_lines, [contained.line_added, added.line_added], by_table.line_added),
        np.select(is_sum, [contained.fee_tax, added.fee_tax], by_table.fee_tax),
        np.select(is_sum, [contained.fee_added, added.fee_added], by_table.fee_added),
    )
    return _taxed(money, orders, _contains(is_sum, orders, tables), unsaid)


def contains_taken_taxes(money: Money, orders: SaysTax, tables: Tables, price: Price) -> Bools:
    """Orders whose prices contain the taxes that they say (n); ``money`` without taxes."""
    is_sum, _ = _sums(money, orders, tables, price)
    return _contains(is_sum, orders, tables)


def _sums(
    money: Money, orders: SaysTax, tables: Tables, price: Price
) -> tuple[list[Bools], tuple[_Unsaid, _Unsaid, _Unsaid]]:
    """Whether the declared total is the sum without taxes, or with them added (n); and our taxes of what says none
    where prices contain them, where they are added, and as the table has it."""
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
    with_taxes = money.total_minor + orders.said + sum_of(lines, added.line_tax) + added.fee_tax
    return [orders.total == money.total_minor, orders.total == with_taxes], (contained, added, by_table)


def _contains(is_sum: list[Bools], orders: SaysTax, tables: Tables) -> Bools:
    by_table = _contains_by_table(orders.lines, tables, orders.tax_area)
    return np.asarray(np.where(is_sum[0], True, np.where(is_sum[1], False, by_table)))


def _contains_by_table(lines: OrderLines, tables: Tables, tax_area: I32) -> Bools:
    """Whether the table has prices that contain their taxes, by the first line of each order."""
    contains = np.zeros(lines.orders, np.bool_)
    filled = np.flatnonzero(np.diff(lines.line_offset) > 0)
    sku = lines.sku[lines.line_offset[filled]]
    contains[filled] = tables.taxes.inclusive[tax_area[filled], tables.skus.tax_class[np.maximum(sku, 0)]] == 1
    return contains


def _unsaid(without: Money, orders: SaysTax, ours: Money) -> _Unsaid:
    """Our taxes of orders that say some, beside ``without`` any."""
    lines, asked = orders.lines, orders.asked
    silent = np.repeat(asked, np.diff(lines.line_offset)) & silent_lines(orders.declared, lines)
    return _Unsaid(
        np.where(silent, ours.line_tax_minor, 0),
        np.where(silent, ours.line_total_minor - without.line_total_minor, 0),
        np.where(asked, ours.tax_minor - sum_of(lines, ours.line_tax_minor), 0),
        np.where(asked, ours.shipping_minor - without.shipping_minor, 0),
    )


def _nothing_unsaid(lines: OrderLines) -> _Unsaid:
    of_lines, of_orders = (np.zeros(count, np.int64) for count in (len(lines.sku), lines.orders))
    return _Unsaid(of_lines, of_lines, of_orders, of_orders)


def _taxed(money: Money, orders: SaysTax, contained: Bools, unsaid: _Unsaid) -> Money:
    lines, takes, counts = orders.lines, orders.takes, np.diff(orders.lines.line_offset)
    on = np.repeat(takes, counts)
    rest_of_lines, fee_tax = _rest(money, orders)
    said = np.where(on, said_amounts(orders.declared.line_tax), 0) + rest_of_lines
    line_tax = np.where(on, said + unsaid.line_tax, money.line_tax_minor)
    added = np.where(np.repeat(takes & ~contained, counts), said, 0) + unsaid.line_added
    line_total = money.line_total_minor + added
    shipping = money.shipping_minor + np.where(takes & ~contained, fee_tax, 0) + unsaid.fee_added
    tax = np.where(takes, sum_of(lines, line_tax) + fee_tax + unsaid.fee_tax, money.tax_minor)
    total = np.where(takes, sum_of(lines, line_total) + shipping, money.total_minor)
    return dataclasses.replace(
        money, line_tax_minor=line_tax, line_total_minor=line_total, shipping_minor=shipping, tax_minor=tax,
        total_minor=total,
    )  # fmt: skip


def _rest(money: Money, orders: SaysTax) -> tuple[I64, I64]:
    """What orders say beyond their lines, on lines (m) and shipping (n), by what is paid for them.

    Where nothing is paid for these it lies on the lines that say none alike; where there are none of these either,
    because a promotion waived the fee, on shipping.
    """
    lines, at = orders.lines, orders.lines.line_offset[1:]  # shipping stands behind the lines of its order
    rest = np.where(orders.takes, tax_beside_lines(orders.declared, lines), 0)
    silent = silent_lines(orders.declared, lines)
    weight, fee_weight = np.where(silent, money.line_total_minor, 0), money.shipping_minor
    is_free = sum_of(lines, weight) + fee_weight == 0
    weight = np.where(np.repeat(is_free, np.diff(lines.line_offset)), silent, weight)
    fee_weight = np.where(is_free & (sum_of(lines, weight) == 0), 1, fee_weight)
    offset = lines.line_offset + np.arange(len(lines.line_offset))
    parts = prorate_groups(offset, rest, np.insert(weight, at, fee_weight))
    return np.delete(parts, offset[1:] - 1), parts[offset[1:] - 1]
