"""Bodies of requests for money as the OpenAPI document shows them, and as they are read."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from actors.gateway.http.order_shapes import Time
from actors.gateway.http.refund_shapes import Amount
from router.life.instalments import INSTALMENTS_MAX

Falls = Literal["now", "after_shipping"]
Method = Literal["link", "bank_transfer"]


class InstalmentAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of what is due."""

    percent: Annotated[int, Meta(ge=1, le=99, description="of all that is due now; together they are 100")]
    falls_due: Annotated[Falls, Meta(description="the first one now")] = "now"
    days: Annotated[int, Meta(ge=0, le=365, description="after all of the order was shipped")] = 0


class PayAskedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    method: Annotated[Method, Meta(description="`link` of the partner, or `bank_transfer` by a reference")] = "link"
    amount: Annotated[Amount | None, Meta(description="null: the next instalment, or all that is due")] = None
    instalments: Annotated[
        list[InstalmentAsked], Meta(max_length=INSTALMENTS_MAX, description="agreed on with it; the first is asked for")
    ] = []


class PayRequestView(msgspec.Struct, frozen=True):
    payment_request_id: str
    order_id: str
    channel: str
    seller: str | None
    status: Literal["requested", "sent", "open", "paid", "failed", "expired", "cancelled"]
    amount: int
    paid: Annotated[int, Meta(description="what came for it")]
    currency: str
    instalment: Annotated[int | None, Meta(description="of the order's plan, from 1")]
    method: Method
    partner: Annotated[str | None, Meta(description="who makes the link")]
    payment_id: Annotated[str | None, Meta(description="as the partner calls the payment of the link")]
    reference: Annotated[str | None, Meta(description="ISO 11649, for the buyer to write into the transfer")]
    transfer_to: Annotated[str | None, Meta(description="the account of the transfer")]
    pay_url: Annotated[str | None, Meta(description="where the buyer pays, while it is open")]
    expires_at: Time | None
    detail: Annotated[str | None, Meta(description="why it ended, or is not cancelled yet")]
    requested_by: Annotated[str, Meta(description="name of a key; `desk`: by itself")]
    requested_at: Time | None


class InstalmentView(msgspec.Struct, frozen=True):
    number: int
    amount: int
    left: Annotated[int, Meta(description="of it, still to be paid")]
    falls_due: Falls
    days: int
    due_at: Annotated[Time | None, Meta(description="null while the order has not left")]


class PayPlan(msgspec.Struct, frozen=True):
    agreed_by: str
    agreed_at: Time | None
    instalments: list[InstalmentView]


class PayOffer(msgspec.Struct, frozen=True):
    """What can be sent to `POST` of the same path."""

    method: Method
    amount: Annotated[int, Meta(description="that would be asked for")]
    instalments: list[InstalmentAsked] | None


class PaymentsOfOrder(msgspec.Struct, frozen=True):
    payments: list[PayRequestView]
    failures: Annotated[int, Meta(description="payments of the order that failed")]
    plan: PayPlan | None
    offers: list[PayOffer]
