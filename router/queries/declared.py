"""What a channel declared of an order's money, beside ours: which amounts were taken, and which differ."""

from __future__ import annotations

from kernels.reasons import AMOUNT_DIFFERS, TOTAL_MISMATCH
from router.log.declared_amounts import DISCOUNT, FEE, OF_ORDER, TAKEN_DISCOUNT, TAKEN_FEE, TAKEN_TAX, TAX
from router.log.steps import Step
from router.queries.source import Row

_BITS = (("shipping_fee", TAKEN_FEE), ("discount", TAKEN_DISCOUNT), ("tax", TAKEN_TAX))


def taken_view(step: Step) -> list[str]:
    """Amounts that count as they were declared."""
    return [name for name, bit in _BITS if step.outcome["taken"] & bit]


def declared_view(step: Step) -> list[Row]:
    """Amounts of the order that were compared and are not ours, with both values: what its flags speak of."""
    reasons = step.outcome["reasons"]
    differs, total_differs = (reasons >> flag & 1 for flag in (AMOUNT_DIFFERS, TOTAL_MISMATCH))
    outcome = step.outcome
    lines = outcome["money_lines"]
    pairs = (
        ("shipping_fee", _whole(step, FEE), step.given["fee_minor"]),
        ("discount", _whole(step, DISCOUNT), sum(line["discount_minor"] for line in lines)),
        ("tax", _whole(step, TAX), _our_tax(step)),
    )
    taken = taken_view(step)
    shown = [
        {"field": name, "declared": said, "computed": ours}
        for name, said, ours in pairs
        if differs and said >= 0 and said != ours and name not in taken
    ]
    total = {"field": "total", "declared": step.given["total_declared_minor"], "computed": outcome["total_minor"]}
    return [*shown, total] if total_differs else shown


def _our_tax(step: Step) -> int:
    """Beside the order's tax the order's; where lines alone say one, theirs: that on shipping was not said."""
    said = {row["line"] for row in step.given["declared"] if row["amount"] == TAX}
    if OF_ORDER in said:
        return int(step.outcome["tax_minor"])
    lines = step.given["lines"]
    merged = {lines[number]["sku"] for number in said if lines[number]["qty"] == 0}
    return sum(
        money["tax_minor"]
        for number, money in enumerate(step.outcome["money_lines"])
        if number in said or lines[number]["sku"] in merged
    )


def _whole(step: Step, amount: int) -> int:
    """Of the order, else what its lines say together; -1 nothing."""
    said = {row["line"]: row["amount_minor"] for row in step.given["declared"] if row["amount"] == amount}
    told = [value for line, value in said.items() if line != OF_ORDER and value > 0]
    return int(said.get(OF_ORDER, sum(told) if told else -1))
