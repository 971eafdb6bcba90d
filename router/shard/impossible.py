"""Declared amounts that cannot be, of orders of which they are to be taken; router/wire/impossible_words.py says them.

negative, beyond any order's value, less than what its lines say together, more than what it is taken off, a tax that
nothing is there to carry, a tax above the price that contains it
"""

from __future__ import annotations

import numpy as np

from kernels.money.weigh import VALUE_MAX
from router.log.declared_amounts import NONE
from router.shard.channel_policies import Heeds
from router.shard.declared import (
    I64,
    Bools,
    Declared,
    any_of,
    gross_of,
    line_sums,
    said_amounts,
    silent_lines,
    sum_of,
    taken_discounts,
    tax_beside_lines,
)
from router.shard.pricing import OrderLines


def impossible(declared: Declared, lines: OrderLines, heeds: Heeds, fee_minor: I64) -> Bools:
    """Orders of which an amount cannot be, wherever taxes lie (n); ``fee_minor``: the one that counts."""
    return (
        heeds.takes_fee & _out_of_range(declared.fee)
        | heeds.takes_discount & _bad_discount(declared, lines)
        | heeds.takes_tax & (_bad_tax(declared, lines) | nothing_carries(declared, lines, fee_minor))
    )


def overtaxed(declared: Declared, lines: OrderLines, heeds: Heeds, fee_minor: I64) -> Bools:
    """Orders that say more tax than prices could contain (n); of these no amount is impossible otherwise."""
    discounts, _ = taken_discounts(declared, lines, heeds)
    net, silent = gross_of(lines) - discounts, silent_lines(declared, lines)
    over = any_of(lines, (said_amounts(declared.line_tax) > net) & (lines.qty > 0))
    carried = sum_of(lines, np.where(silent, net, 0)) + fee_minor
    return np.asarray(heeds.takes_tax & (over | (tax_beside_lines(declared, lines) > carried)))


def nothing_carries(declared: Declared, lines: OrderLines, fee_minor: I64) -> Bools:
    """Orders whose tax is more than that of their lines, which all say theirs, and nothing is shipped for money."""
    silent = any_of(lines, silent_lines(declared, lines))
    return np.asarray((tax_beside_lines(declared, lines) > 0) & ~silent & (fee_minor == 0))


def parts_exceed(whole: I64, of_lines: I64) -> Bools:
    """Orders that say less than their lines together (n)."""
    return np.asarray((whole != NONE) & (said_amounts(whole) < of_lines))


def _bad_discount(declared: Declared, lines: OrderLines) -> Bools:
    sums, gross = line_sums(lines, declared), gross_of(lines)
    over = any_of(lines, (said_amounts(declared.line_discount) > gross) & (lines.qty > 0))
    over |= said_amounts(declared.discount) > sum_of(lines, gross)
    negative = _out_of_range(declared.discount) | any_of(lines, _out_of_range(declared.line_discount))
    return negative | over | parts_exceed(declared.discount, sums.discounts)


def _bad_tax(declared: Declared, lines: OrderLines) -> Bools:
    sums = line_sums(lines, declared)
    out = _out_of_range(declared.tax) | any_of(lines, _out_of_range(declared.line_tax)) | (sums.taxes > VALUE_MAX)
    return out | parts_exceed(declared.tax, sums.taxes)


def _out_of_range(amounts: I64) -> Bools:
    return np.asarray((amounts != NONE) & ((amounts < 0) | (amounts > VALUE_MAX)))
