"""What a channel declared of an order's money, beside ours: which amounts were taken, and which differ."""

from __future__ import annotations

from collections.abc import Iterator

from kernels.reasons import AMOUNT_DIFFERS, TOTAL_MISMATCH
from router.log.declared_amounts import DISCOUNT, FEE, OF_ORDER, TAKEN_DISCOUNT, TAKEN_FEE, TAKEN_TAX, TAX
from router.log.steps import Step
from router.queries.source import Row

_BITS = (("shipping_fee", TAKEN_FEE), ("discount", TAKEN_DISCOUNT), ("tax", TAKEN_TAX))
_Pair = tuple[str, int, int]  # field, what was said, ours


def taken_view(step: Step) -> list[str]:
    """Amounts that count as they were declared."""
    return [name for name, bit in _BITS if step.outcome["taken"] & bit]


def declared_view(step: Step, document: Row | None) -> list[Row]:
    """Amounts of the order that were compared and are not ours, with both values: what its flags speak of."""
    reasons, taken = step.outcome["reasons"], taken_view(step)
    differs, total_differs = (reasons >> flag & 1 for flag in (AMOUNT_DIFFERS, TOTAL_MISMATCH))
    shown = [
        {"field": field, "declared": said, "computed": ours}
        for field, said, ours in _pairs(step)
        if differs and said != ours and field.removeprefix("lines.") not in taken
    ]
    total = {"field": "total", "declared": declared_total(step, document), "computed": step.outcome["total_minor"]}
    return [*shown, total] if total_differs else shown


def declared_total(step: Step, document: Row | None) -> int | None:
    """The channel's own, None where it said none. The record has -2 where -1 was said, which stands for none there."""
    said = (document or {}).get("total")
    kept = int(step.given["total_declared_minor"])
    return said if isinstance(said, int) else kept if kept != -1 else None


def line_amounts(declared: list[Row], number: int) -> Row:
    """What a line says of its discount and tax; ``declared``: rows of DECLARED_AMOUNTS."""
    said = {entry["amount"]: entry["amount_minor"] for entry in declared if entry["line"] == number}
    return {"discount": said.get(DISCOUNT), "tax": said.get(TAX)}


def _pairs(step: Step) -> Iterator[_Pair]:
    """What the order says of each amount; what its lines say where it says nothing, or these are not parts of that."""
    lines, speaking = step.outcome["money_lines"], _speaking(step)
    ours = {
        FEE: step.given["fee_minor"],
        DISCOUNT: sum(line["discount_minor"] for line in lines),
        TAX: step.outcome["tax_minor"],
    }
    # That on shipping, and of lines without one, was not said by lines.
    of_lines = {
        DISCOUNT: ours[DISCOUNT],
        TAX: sum(line["tax_minor"] for at, line in enumerate(lines) if at in speaking),
    }
    for (name, _), amount in zip(_BITS, (FEE, DISCOUNT, TAX), strict=True):
        whole, together = _said(step, amount)
        if whole is not None:
            yield name, whole, ours[amount]
            if together is not None and _is_no_part(step, amount, together, whole, speaking):
                yield f"lines.{name}", together, of_lines[amount]
        elif together is not None:
            yield name, together, of_lines[amount]


def _said(step: Step, amount: int) -> tuple[int | None, int | None]:
    """Of the order, and what its lines say together; None where that is nothing."""
    said = {row["line"]: row["amount_minor"] for row in step.given["declared"] if row["amount"] == amount}
    whole = said.pop(OF_ORDER, None)
    return whole, sum(said.values()) if any(said.values()) else None


def _speaking(step: Step) -> set[int]:
    """Lines that say a tax, or into which one that says it was merged."""
    lines = step.given["lines"]
    said = {row["line"] for row in step.given["declared"] if row["amount"] == TAX and row["line"] != OF_ORDER}
    merged = {(lines[number]["sku"], lines[number]["node"]) for number in said if lines[number]["qty"] == 0}
    return said | {at for at, line in enumerate(lines) if (line["sku"], line["node"]) in merged}


def _is_no_part(step: Step, amount: int, together: int, whole: int, speaking: set[int]) -> bool:
    """Whether lines say more than the order, or a tax than which the order has more and nothing else carries."""
    if whole < together or amount != TAX:
        return whole < together
    silent = any(line["qty"] > 0 and at not in speaking for at, line in enumerate(step.given["lines"]))
    return whole > together and not silent and step.given["fee_minor"] == 0
