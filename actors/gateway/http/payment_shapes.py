"""Bodies of requests for money as the OpenAPI document shows them, and as they are read."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from actors.gateway.http.order_shapes import Time
from actors.gateway.http.refund_shapes import Amount
from router.life.instalments import INSTALMENTS_MAX
from router.work.reconcile import FIGURES_MAX

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


Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="in UTC")]
What = Literal["captured", "refunded"]


class FigureGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money of one payment that moved, as the partner has it."""

    payment_id: Annotated[str, Meta(min_length=1, max_length=128)]
    what: What
    amount: Amount
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    order_id: Annotated[str, Meta(max_length=128)] = ""


class ReconcileAskedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partner: Annotated[str, Meta(min_length=1, max_length=128, description="the `source` of its payments")]
    day: Day
    figures: Annotated[
        Annotated[list[FigureGiven], Meta(max_length=FIGURES_MAX)] | None,
        Meta(description="of the day, from a file say; null: the partner is asked"),
    ] = None


class SumsView(msgspec.Struct, frozen=True):
    currency: str
    what: What
    here: Annotated[int, Meta(description="by the books")]
    there: Annotated[int, Meta(description="by the partner")]
    difference: int


class DifferenceView(msgspec.Struct, frozen=True):
    fault: Literal["missing_here", "missing_there", "amount_differs"]
    payment_id: str | None
    what: What
    currency: str
    here: int
    there: int
    order_id: str | None
    work_id: Annotated[str, Meta(description="of the work item about it")]


class ReconciliationView(msgspec.Struct, frozen=True):
    reconciliation_id: str
    partner: str
    day: Day
    status: Literal["asked", "fetched", "done", "failed"]
    detail: Annotated[str | None, Meta(description="why it failed")]
    requested_by: str
    requested_at: Time | None
    sums: list[SumsView]
    agreed: Annotated[int, Meta(description="payments in which the two are one")]
    differing: int
    differences: Annotated[list[DifferenceView], Meta(description="the first thousand; each is a work item")]
