"""Bodies of refunds as the OpenAPI document shows them, and as they are read."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from actors.gateway.http.order_shapes import Time
from router.work.refund import LINES_MAX

LineId = Annotated[str, Meta(min_length=1, max_length=128)]
Qty = Annotated[int, Meta(ge=1, le=1 << 31)]
Amount = Annotated[int, Meta(ge=1, le=(1 << 53) - 1, description="minor units of the order's currency")]


class RefundLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of a line."""

    line_id: LineId
    qty: Qty


class RefundAskedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=1_024, description="told to the partner, too")]
    lines: Annotated[
        list[RefundLine], Meta(max_length=LINES_MAX, description="what these units carried goes back")
    ] = []
    amount: Annotated[
        Amount | None, Meta(description="so much; with `lines` no more than they carried; null: all that can")
    ] = None
    to: Literal["payments"] = "payments"


class RefundPartView(msgspec.Struct, frozen=True):
    """What goes back out of one payment."""

    payment_id: str | None
    partner: Annotated[str | None, Meta(description="who is asked to send it; null: a person pays it back")]
    amount: int
    status: Literal["requested", "reserved", "by_hand", "sent", "done", "failed"]
    detail: Annotated[str | None, Meta(description="why it failed")]


class RefundView(msgspec.Struct, frozen=True):
    refund_id: str
    order_id: str
    channel: str
    seller: str | None
    status: Literal["requested", "approved", "sent", "done", "failed"]
    amount: int
    refunded: Annotated[int, Meta(description="of it, what went back")]
    currency: str
    to: Literal["payments"]
    lines: list[RefundLine]
    reason: str
    requested_by: Annotated[str, Meta(description="name of a key")]
    requested_at: Time | None
    parts: list[RefundPartView]


class RefundsOfOrder(msgspec.Struct, frozen=True):
    refunds: list[RefundView]
