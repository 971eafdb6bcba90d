"""How much of an order's money goes back, out of which payments: looked up, split, and refused in words.

    lines ─▶ what these units carried ─┐
    amount ────────────────────────────┼─▶ amount_minor ─▶ split over captures ─▶ parts, one a payment
    neither: all that can go back ─────┘

The parts sum to the whole, and no part is more than its payment has left: captured − refunding − refunded, less what
was asked for and the books have not heard yet. The books judge each part again when they hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from router.config import RefundOrder
from router.errors import Refused
from router.money import units_part

Status = Literal["requested", "approved", "sent", "done", "failed"]
PartState = Literal["requested", "reserved", "by_hand", "sent", "done", "failed"]
ENDED: tuple[PartState, ...] = ("done", "failed")


class RefundRefused(Refused):
    """A refund that cannot be; ``code`` is that of the problem."""

    def __init__(self, code: str, detail: str, possible_minor: int = 0) -> None:
        super().__init__(detail)
        self.code = code
        self.possible_minor = possible_minor  # what could go back all the same


class Capture(NamedTuple):
    """A payment of which money came."""

    payment_id: str  # "" = nobody has named it
    partner: str  # who told of it; "" = nobody who could be asked
    left_minor: int  # captured − refunding − refunded


class Line(NamedTuple):
    line_id: str
    qty: int  # as ordered
    total_minor: int  # what all of its units carry


class Money(NamedTuple):
    """What of an order a refund is about."""

    version: int  # of the order
    currency: str
    captures: tuple[Capture, ...]  # in the order in which they were heard of
    lines: tuple[Line, ...]


class Units(NamedTuple):
    """So many units of a line."""

    line_id: str
    qty: int


class Part(NamedTuple):
    """What goes back out of one payment."""

    payment_id: str
    partner: str
    amount_minor: int


def possible_minor(captures: Iterable[Capture]) -> int:
    return sum(max(capture.left_minor, 0) for capture in captures)


def without(captures: Sequence[Capture], unheard: Mapping[str, int]) -> tuple[Capture, ...]:
    """Captures less what was asked for and the books have not heard of, by payment."""
    return tuple(
        capture._replace(left_minor=capture.left_minor - unheard.get(capture.payment_id, 0)) for capture in captures
    )


def amount_of(money: Money, units: Sequence[Units], amount: int | None, before: Mapping[str, int]) -> int:
    """What is to go back, minor units; ``before``: units of each line that were refunded already.

    Raises RefundRefused.
    """
    possible = possible_minor(money.captures)
    if not units:
        wanted = possible if amount is None else amount
    else:
        if len({each.line_id for each in units}) < len(units):
            raise RefundRefused("bad_parameter", "lines: a line is named twice; name each once, with all its units.")
        carried = sum(_carried(money, each, before) for each in units)
        if amount is not None and amount > carried:
            raise RefundRefused(
                "refund_refused", f"These units carried {carried}; name no higher amount, or leave lines out.", carried
            )
        wanted = carried if amount is None else amount
    if wanted > possible:
        said = f"{wanted} cannot go back: {possible} of what came is neither refunded nor being refunded."
        raise RefundRefused("refund_refused", f"{said} Ask for {possible} at most." if possible else said, possible)
    if wanted == 0:
        raise RefundRefused("refund_refused", "There is nothing to give back: no money came, or all of it went back.")
    return wanted


def _carried(money: Money, asked: Units, before: Mapping[str, int]) -> int:
    """What the next units of a line carried: those that were refunded before are its first."""
    line = next((line for line in money.lines if line.line_id == asked.line_id), None)
    if line is None:
        said = f"lines: the order has no line {asked.line_id!r}; name one of its line_ids."
        raise RefundRefused("bad_parameter", said)
    first = before.get(line.line_id, 0)
    if first + asked.qty > line.qty:
        left = line.qty - first
        said = f"lines: {left} of the {line.qty} units of line {line.line_id} were not refunded yet, not {asked.qty}."
        raise RefundRefused("refund_refused", said, units_part(line.total_minor, line.qty, first, left) if left else 0)
    return units_part(line.total_minor, line.qty, first, asked.qty)


def split(amount_minor: int, captures: Sequence[Capture], orders: Mapping[str, RefundOrder]) -> list[Part]:
    """An amount over captures, the newest first; a partner may have its own taken the other way round (``orders``)."""
    parts, left = [], amount_minor
    for capture in _in_turn(captures, orders):
        taken = min(left, max(capture.left_minor, 0))
        if taken:
            parts.append(Part(capture.payment_id, capture.partner, taken))
            left -= taken
    assert left == 0, "no more was asked for than there is"
    return parts


def _in_turn(captures: Sequence[Capture], orders: Mapping[str, RefundOrder]) -> list[Capture]:
    """Each partner's payments keep the places that are theirs, and fill them in its own order."""
    newest = list(reversed(captures))
    for partner in {capture.partner for capture in newest}:
        if orders.get(partner) == "oldest_first":
            places = [place for place, capture in enumerate(newest) if capture.partner == partner]
            own = [newest[place] for place in reversed(places)]
            for place, capture in zip(places, own, strict=True):
                newest[place] = capture
    return newest


def status_of(is_approved: bool, parts: Sequence[PartState]) -> Status:
    """How far a refund is, read off its parts. It has failed where any of them has, once all of them have ended."""
    if all(state in ENDED for state in parts):
        return "failed" if "failed" in parts else "done"
    if not is_approved or "requested" in parts:
        return "requested"
    return "sent" if "sent" in parts else "approved"
