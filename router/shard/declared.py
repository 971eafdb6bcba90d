"""What channels declare of an order's money: discounts, taxes and the shipping fee, of lines and of the whole order.

    compute   what is declared is kept and changes nothing
    compare   ours counts, and a declared amount that differs is a flag
    take      the declared amount counts: of lines as it is, of the order spread over lines by largest remainder

``discount`` of the order is the whole, those of its lines included; ``tax`` too, with that on shipping. Amounts that
cannot be are refused (impossible.py) before any of them is taken (price_declared.py).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.money.weigh import VALUE_MAX
from router.log.declared_amounts import NONE
from router.shard.channel_policies import Heeds
from router.shard.line_nodes import ANY, kinds_of_lines
from router.shard.pricing import OrderLines, prorate_groups

Bools = npt.NDArray[np.bool_]
I16 = npt.NDArray[np.int16]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Declared:
    """Amounts that n orders of m lines came with, NONE where none was said."""

    fee: I64  # (n)
    discount: I64  # (n)
    tax: I64  # (n)
    line_discount: I64  # (m)
    line_tax: I64  # (m)


_NONE: I64 = np.zeros(0, np.int64)
NOTHING_DECLARED = Declared(_NONE, _NONE, _NONE, _NONE, _NONE)  # of orders that nobody asks


def where_units_are(declared: Declared, lines: OrderLines, node: I16) -> Declared:
    """The same amounts, those of lines that were merged (no units) at the line of their SKU and node that has them.

    ``node`` (m), or (0) where no line names one. Lines of orders without any units stay as they are, and so do amounts
    that no line can have: what is refused is refused as it was said.
    """
    says = (declared.line_discount != NONE) | (declared.line_tax != NONE)
    merged, has_units = np.flatnonzero((lines.qty == 0) & says), np.flatnonzero(lines.qty > 0)
    if not len(merged) or not len(has_units):
        return declared
    kind = kinds_of_lines(lines.sku, node if len(node) else np.full(len(lines.sku), ANY, np.int16))
    key = order_of_lines(lines) << 32 | kind
    known, first = np.unique(key[has_units], return_index=True)
    at = np.minimum(np.searchsorted(known, key[merged]), len(known) - 1)
    is_known = known[at] == key[merged]
    merged, into = merged[is_known], has_units[first[at[is_known]]]
    moved = {name: _moved(getattr(declared, name), merged, into) for name in ("line_discount", "line_tax")}
    return dataclasses.replace(declared, **moved)


def _moved(amounts: I64, merged: I64, into: I64) -> I64:
    def may_move(at: I64) -> Bools:
        return (amounts[at] >= 0) & (amounts[at] <= VALUE_MAX)

    moves = may_move(merged) & (may_move(into) | (amounts[into] == NONE))
    merged, into = merged[moves], into[moves]
    moved = amounts.copy()
    moved[into] = np.maximum(moved[into], 0)
    np.add.at(moved, into, amounts[merged])
    moved[merged] = NONE
    return moved


@dataclass(frozen=True)
class Sums:
    """What lines say together, by order (n); a line that says 0 says nothing that others would not."""

    discounts: I64
    taxes: I64
    says_discount: Bools
    says_tax: Bools


def line_sums(lines: OrderLines, declared: Declared) -> Sums:
    discounts, taxes = said_amounts(declared.line_discount), said_amounts(declared.line_tax)
    return Sums(
        sum_of(lines, discounts), sum_of(lines, taxes), any_of(lines, discounts != 0), any_of(lines, taxes != 0)
    )


def said_amounts(amounts: I64) -> I64:
    """0 where none was said; what is beyond any order's value is cut to it, so that sums fit."""
    return np.where(amounts == NONE, 0, np.clip(amounts, -VALUE_MAX, VALUE_MAX))


def taken_discounts(declared: Declared, lines: OrderLines, heeds: Heeds) -> tuple[I64, Bools]:
    """(m) discount of every line, and (n) orders of which it is taken; one that declares none has none."""
    sums, gross = line_sums(lines, declared), gross_of(lines)
    takes = heeds.takes_discount & (sum_of(lines, gross) > 0)
    of_line = np.where(np.repeat(takes, np.diff(lines.line_offset)), said_amounts(declared.line_discount), 0)
    whole = np.where(declared.discount == NONE, sums.discounts, declared.discount)
    rest = np.where(takes, whole - sum_of(lines, of_line), 0)
    return of_line + prorate_groups(lines.line_offset, rest, gross - of_line), takes


def tax_beside_lines(declared: Declared, lines: OrderLines) -> I64:
    """What the order's tax is more than those of its lines say (n): it lies on shipping and on lines that say none."""
    return np.where(declared.tax == NONE, 0, said_amounts(declared.tax) - line_sums(lines, declared).taxes)


def silent_lines(declared: Declared, lines: OrderLines) -> Bools:
    """Lines with units that say no tax (m)."""
    return np.asarray((declared.line_tax == NONE) & (lines.qty > 0))


def gross_of(lines: OrderLines) -> I64:
    return np.where(lines.sku < 0, 0, lines.qty * np.maximum(lines.unit_price_minor, 0))


def order_of_lines(lines: OrderLines) -> I64:
    return np.repeat(np.arange(lines.orders, dtype=np.int64), np.diff(lines.line_offset))


def sum_of(lines: OrderLines, values: I64) -> I64:
    """By order (n), of values of lines (m)."""
    upto = np.concatenate(([0], np.cumsum(values)))
    return np.asarray(upto[lines.line_offset[1:]] - upto[lines.line_offset[:-1]])


def any_of(lines: OrderLines, marked: Bools) -> Bools:
    return np.asarray(sum_of(lines, marked.astype(np.int64)) > 0)
