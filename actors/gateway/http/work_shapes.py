"""Bodies of ``/v1/work`` as the OpenAPI document shows them, and as they are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

WORK = "/v1/work"  # what waits for a person; one item of it below

Name = Annotated[str, Meta(max_length=64)]
Words = Annotated[str, Meta(max_length=4_096)]


class ClaimAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is said: who asks takes it."""


class AssignAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    owner: Annotated[Name, Meta(description="name of a key that may work it; empty gives the item back to all")]


class SnoozeAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    until: Annotated[str, Meta(description="RFC 3339; the item comes back then")]


class ResolveAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Words = ""
    events: Annotated[
        list[dict[str, Any]],
        Meta(description="what is to be reported of the order, as for POST /v1/events, without event_id and order_id"),
    ] = []
    approve: Annotated[bool | None, Meta(description="of kind refund_to_approve: whether the money may go back")] = None


class PossibleAct(msgspec.Struct, frozen=True):
    """An event that may settle the item."""

    type: str
    fields: list[str]
    needs: list[str]


class DecidedEvent(msgspec.Struct, frozen=True):
    """An event that was decided about the item, and what became of it."""

    event_id: str
    type: str
    status: Literal["waiting", "aside", "let_go", "applied", "duplicate", "refused"]
    reason: str | None
    detail: str | None


class WorkItemView(msgspec.Struct, frozen=True):
    """Something about an order that waits for a person."""

    work_id: str
    queue: Literal["orders", "payments", "warehouse", "carriers"]
    kind: str
    order_id: str
    channel: str
    seller: str | None
    reason: str
    remedy: str
    acts: list[PossibleAct]
    version: Annotated[int, Meta(description="of the order, with which it began")]
    raised_at: str | None
    deadline: str | None
    overdue: bool
    state: Literal["open", "claimed", "snoozed", "resolved"]
    owner: str | None
    snoozed_until: str | None
    resolved_at: str | None
    resolved_by: Annotated[str | None, Meta(description="name of a key; null where the order settled it itself")]
    resolution: str | None
    events: list[DecidedEvent]


class WorkPage(msgspec.Struct, frozen=True):
    items: list[WorkItemView]
    cursor: str | None
