"""Do the documents of an order add up to its books? Told from its history, as whoever asks for them is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from router.life.documents import Document
from router.life.open_book import OpenBook
from router.life.states import MoneyAccount
from router.log.steps import Step
from router.queries.invoices import Made

_GIVEN_BACK = (Document.CREDIT_NOTE, Document.CREDIT_WITHDRAWN)


def document_faults(order: Step, made: Sequence[Made]) -> Iterator[str]:
    """``order``: the step of its decision; ``made``: its documents, the first one first."""
    yield from _invoiced_once(order, made)
    for one in made:
        taxes = sum(amount for share in one.shares for amount in share.taxes.values())
        if sum(share.net_minor for share in one.shares) + taxes != one.total_minor:
            yield f"{one.number} has a total that is not its net amount and its taxes"
        if one.kind in _GIVEN_BACK and one.total_minor != -_went_back(one.step):
            yield f"{one.number} is of {-one.total_minor}, and its event gave {_went_back(one.step)} back"


def _invoiced_once(order: Step, made: Sequence[Made]) -> Iterator[str]:
    """What stands invoiced of a line or of shipping is never more than it costs, nor is its tax."""
    withdrawn = {id(other) for one in made if one.kind is Document.INVOICE_WITHDRAWN for other in one.corrects}
    standing = [
        one for one in made if one.kind in (Document.INVOICE, Document.INVOICE_OF_PART) and id(one) not in withdrawn
    ]
    totals, taxes = Counter[int](), Counter[int]()
    for share in (share for one in standing for share in one.shares):
        totals[share.line] += share.total_minor
        taxes[share.line] += share.tax_minor
    lines = dict(enumerate(order.outcome["money_lines"]))
    for line, minor in totals.items():
        costs = lines[line]["total_minor"] if line >= 0 else order.outcome["shipping_minor"]
        if not 0 <= minor <= costs:
            yield f"line {line} was invoiced with {minor} of the {costs} that it costs"
        if line >= 0 and minor == costs and taxes[line] != lines[line]["tax_minor"]:
            yield f"line {line} was invoiced whole, with {taxes[line]} of its tax of {lines[line]['tax_minor']}"
    if sum(totals.values()) > order.outcome["total_minor"]:
        yield f"{sum(totals.values())} was invoiced of the order's {order.outcome['total_minor']}"


def _went_back(step: Step) -> int:
    """What an event added to what was refunded."""
    moves = step.outcome["money"]
    return sum(move["amount_minor"] for move in moves if move["account"] == MoneyAccount.REFUNDED)


def credited_fault(made: Sequence[Made], book: OpenBook) -> str | None:
    """Credit notes give no more than went back; ``book``: the order's as it stands."""
    credited = -sum(one.total_minor for one in made if one.kind in _GIVEN_BACK)
    refunded = sum(payment.refunded_minor for payment in book.payments)
    return f"{credited} was credited, and {refunded} went back" if credited > refunded else None
