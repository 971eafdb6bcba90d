"""A refund as the desk keeps it: who asked for it, its parts, the events and the work items that follow.

asked ─▶ requested ──(books reserve)──▶ reserved ──(approved)──▶ sent: a call to the partner ─▶ done, failed
             │                              │                └─▶ by_hand: a person pays, an event settles
             └──(books refuse)──▶ failed ◀──┴──(refused by a person: refund_failed gives it free)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from router.bound import Bound
from router.ids import Scope
from router.life.refunds import Money, PartState, Units, status_of
from router.work.acts import order_named
from router.work.item import kept_text

Approval = Literal["awaited", "given", "refused"]
REFUND_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_PART_KEY = re.compile(rf"(?P<refund>{REFUND_ID.pattern})-(?P<number>\d{{1,4}})(-requested)?", re.ASCII)
LINES_MAX = 1_000


class RefundAsked(NamedTuple):
    """What the holder of a key asks for."""

    order_key: str
    order_id: str
    channel: str
    seller: str
    money: Money  # as the order stood a moment ago
    units: tuple[Units, ...]  # none = not by units
    amount_minor: int | None  # None = what the units carried, or all that can go back
    reason: str
    caller: str  # name of the key
    role: str
    key: str  # by which the same request is known when it comes again
    digest: str
    now_ms: int


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    refund_id: str
    order_key: str
    order_id: str
    channel: str
    seller: str
    order_version: int
    currency: str
    amount_minor: int
    lines: str  # of Units, as JSON
    reason: str
    approval: Approval
    asked_by: str
    asked_ms: int

    @property
    def units(self) -> list[Units]:
        return [Units(line_id, qty) for line_id, qty in msgspec.json.decode(self.lines)]

    def is_of(self, bound: Bound) -> bool:
        return bound.has(self.channel, self.seller)


class RefundPart(msgspec.Struct, frozen=True, kw_only=True):
    refund_id: str
    number: int
    payment_id: str  # "" = one that nobody has named
    partner: str  # "" = paid back by hand
    amount_minor: int
    state: PartState
    detail: str = ""  # why it failed, in words
    changed_ms: int

    @property
    def key(self) -> str:
        """By which the partner knows it, and from which the ids of its events are made."""
        return f"{self.refund_id}-{self.number}"

    def now(self, state: PartState, now_ms: int, detail: str = "") -> RefundPart:
        return msgspec.structs.replace(self, state=state, changed_ms=now_ms, detail=kept_text(detail))


def part_named(text: str) -> tuple[str, int] | None:
    """Refund and number of the part that a call's key, or the id of its ``refund_requested``, is made of."""
    found = _PART_KEY.fullmatch(text)
    return None if found is None else (found["refund"], int(found["number"]))


def refund_event(refund: Refund, part: RefundPart, event_type: str, at: str, scope: Scope) -> dict[str, Any]:
    """What the order's books are told of a part: that it is asked for, went back, or did not."""
    step = event_type.removeprefix("refund_").removeprefix("payment_")
    said = {
        "event_id": f"{part.key}-{step}",
        **order_named(refund.order_id, refund.channel, refund.seller, scope),
        "type": event_type,
        "at": at,
        "source": f"desk:{refund.asked_by}"[:128],
        "amount": part.amount_minor,
        "currency": refund.currency,
    }
    named = {"payment_id": part.payment_id, "reason": part.detail or refund.reason}
    return said | {name: text for name, text in named.items() if text}


def refunded_units(refunds: Mapping[str, tuple[Refund, Sequence[RefundPart]]]) -> dict[str, int]:
    """Units of each line that went back, or are about to."""
    units: dict[str, int] = {}
    for refund, parts in refunds.values():
        if status_of(True, [part.state for part in parts]) != "failed":
            for line_id, qty in refund.units:
                units[line_id] = units.get(line_id, 0) + qty
    return units


def refund_view(refund: Refund, parts: Sequence[RefundPart], asked_at: str | None) -> dict[str, Any]:
    """As ``GET /v1/refunds/{id}`` shows it."""
    return {
        "refund_id": refund.refund_id,
        "order_id": refund.order_id,
        "channel": refund.channel,
        "seller": refund.seller or None,
        "status": status_of(refund.approval == "given", [part.state for part in parts]),
        "amount": refund.amount_minor,
        "refunded": sum(part.amount_minor for part in parts if part.state == "done"),
        "currency": refund.currency,
        "to": "payments",
        "lines": [{"line_id": line_id, "qty": qty} for line_id, qty in refund.units],
        "reason": refund.reason,
        "requested_by": refund.asked_by,
        "requested_at": asked_at,
        "parts": [_part_view(part) for part in parts],
    }


def _part_view(part: RefundPart) -> dict[str, Any]:
    return {
        "payment_id": part.payment_id or None,
        "partner": part.partner or None,
        "amount": part.amount_minor,
        "status": part.state,
        "detail": part.detail or None,
    }
