"""Which amount of a refused order cannot be: its field, what was sent, and what it is measured by.

The shard refuses such orders (router/shard/impossible.py) and a record has the reason alone. Here the rule is told
again of one order, from what was sent; prices are taken to contain taxes, because orders in which they do not are not
refused for more tax than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kernels.money.prorate import prorate
from kernels.money.weigh import VALUE_MAX
from router.config import Policy
from router.log.declared_amounts import DISCOUNT, FEE, OF_ORDER, TAX
from router.reasons import Said
from router.wire.value_words import minor_units

_Fault = tuple[str, str]  # field, what was sent beside what it is measured by


class SentLine(NamedTuple):
    kind: tuple[str, str]  # SKU and node: lines of one kind may be merged
    qty: int
    price_minor: int  # of a unit, the one that counts; -1 none


def impossible_said(
    declared: Sequence[Mapping[str, int]], lines: Sequence[SentLine], policy: Policy, qty_max: int, currency: str | None
) -> Said | None:
    """None where nothing is wrong by these tables.

    ``declared``: rows of DECLARED_AMOUNTS; ``policy``: the channel's.
    """
    order = _Order(declared, lines, qty_max if policy.duplicate_lines == "merge" else 0)
    faults = {"shipping_fee": _fee, "discount": _discounts, "tax": _taxes}
    for name, found in faults.items():
        if getattr(policy, name) == "take":
            for field, values in found(order, policy):
                return field, f"{values}{minor_units(currency)}; correct it."
    return None


class _Order:
    def __init__(self, declared: Sequence[Mapping[str, int]], lines: Sequence[SentLine], merged_qty_max: int) -> None:
        self.whole = {row["amount"]: row["amount_minor"] for row in declared if row["line"] == OF_ORDER}
        self.of_lines: dict[int, dict[int, int]] = {DISCOUNT: {}, TAX: {}}
        target, qty = _merged(lines, merged_qty_max)
        self.negative = [row for row in declared if row["amount_minor"] < 0 and row["line"] != OF_ORDER]
        for row in declared:
            if row["line"] != OF_ORDER and row["amount_minor"] >= 0:
                amounts, at = self.of_lines[row["amount"]], target[row["line"]]
                amounts[at] = amounts.get(at, 0) + row["amount_minor"]
        self.has_units = [units > 0 for units in qty]
        self.gross = [units * max(line.price_minor, 0) for units, line in zip(qty, lines, strict=True)]


def _merged(lines: Sequence[SentLine], qty_max: int) -> tuple[list[int], list[int]]:
    """Of each line the one that has its units, and how many units it has then, as ``validate`` merges them."""
    first, target, qty = dict[tuple[str, str], int](), list(range(len(lines))), [line.qty for line in lines]
    for number, line in enumerate(lines):
        at = first.setdefault(line.kind, number)
        if at < number and lines[at].price_minor == line.price_minor and qty[at] + line.qty <= qty_max:
            target[number] = at
            qty[at], qty[number] = qty[at] + line.qty, 0
    return target, qty


def _fee(order: _Order, policy: Policy) -> Iterator[_Fault]:
    yield from _out_of_range("shipping.fee", order.whole.get(FEE))


def _discounts(order: _Order, policy: Policy) -> Iterator[_Fault]:
    yield from _of_parts(order, DISCOUNT, "discount")
    for line, said in order.of_lines[DISCOUNT].items():
        if said > order.gross[line]:
            yield f"lines[{line}].discount", f"{said} was sent, the line costs {order.gross[line]}"
    whole, gross = order.whole.get(DISCOUNT, 0), sum(order.gross)
    if whole > gross:
        yield "discount", f"{whole} was sent, all lines cost {gross} together"


def _taxes(order: _Order, policy: Policy) -> Iterator[_Fault]:
    yield from _of_parts(order, TAX, "tax")
    said = order.of_lines[TAX]
    net = _net(order) if policy.discount == "take" else order.gross
    for line, tax in said.items():
        if tax > net[line]:
            yield f"lines[{line}].tax", f"{tax} was sent, {net[line]} is paid for the line, its tax included"
    carried = sum(said.get(line, paid) for line, paid in enumerate(net))
    if order.whole.get(TAX, 0) > carried:
        yield "tax", f"{order.whole[TAX]} was sent, lines can have {carried} of it, and shipping cannot have the rest"


def _of_parts(order: _Order, amount: int, name: str) -> Iterator[_Fault]:
    """An amount and its parts, each by itself and together."""
    whole, parts = order.whole.get(amount), order.of_lines[amount]
    yield from _out_of_range(name, whole)
    for row in order.negative:
        if row["amount"] == amount:
            yield from _out_of_range(f"lines[{row['line']}].{name}", row["amount_minor"])
    for line, said in parts.items():
        yield from _out_of_range(f"lines[{line}].{name}", said)
    together = sum(parts.values())
    if whole is not None and whole < together:
        yield name, f"{whole} was sent, its lines say {together} together"
    elif whole is None:
        yield from _out_of_range(name, together)


def _out_of_range(field: str, said: int | None) -> Iterator[_Fault]:
    if said is not None and not 0 <= said <= VALUE_MAX:
        yield field, f"{said} was sent, 0 to {VALUE_MAX} can be"


def _net(order: _Order) -> list[int]:
    """What is paid for each line when the discounts are taken off, none of which is impossible."""
    said = order.of_lines[DISCOUNT]
    left = np.array([gross - said.get(line, 0) for line, gross in enumerate(order.gross)], np.int64)
    rest = order.whole.get(DISCOUNT, sum(said.values())) - sum(said.values())
    part: Any = np.empty(len(left), np.int64)
    prorate(np.array([0, len(left)], np.int64), np.array([rest], np.int64), left, part, np.empty(len(left), np.int64))
    return (left - part).tolist()  # type: ignore[no-any-return]
