"""Bodies of shipments as the OpenAPI document shows them, and as they are read."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from actors.gateway.http.order_shapes import Date, Time
from actors.gateway.http.refund_shapes import LineId, Qty
from router.work.shipment import LINES_MAX

SHIPMENTS, LABELS = "/v1/shipments", "/v1/labels"
LABELS_MAX = 200  # of one print job
Name = Annotated[str, Meta(max_length=128)]
Form = Literal["pdf", "zpl"]


class ShipmentLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of a line."""

    line_id: LineId
    qty: Qty


class ShipmentAskedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Annotated[Name, Meta(description="it leaves from here; empty: the first node that has the units")] = ""
    lines: Annotated[
        list[ShipmentLine], Meta(max_length=LINES_MAX, description="empty: all that the node has ready")
    ] = []
    carrier: Annotated[Name, Meta(description="it wins over the policy, also where no rate knows it")] = ""
    service: Annotated[Name, Meta(description="empty: the order's, where it asked for one")] = ""
    policy: Annotated[
        Literal["cheapest", "fastest", "in_time"],
        Meta(description="in_time: the cheapest that keeps the promise, else the fastest"),
    ] = "in_time"
    weight_g: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | None, Meta(description="null: by the catalogue")
    ] = None
    tracking_number: Annotated[
        Annotated[str, Meta(max_length=64)],
        Meta(description="of a label that there is; nobody is asked for one"),
    ] = ""
    form: Annotated[Form, Meta(description="of the label")] = "pdf"
    ship: Annotated[bool, Meta(description="report it as shipped as soon as it has its label")] = False


class LabelsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One print job."""

    shipments: Annotated[
        list[Name], Meta(min_length=1, max_length=LABELS_MAX, description="ids, in the order of the pages")
    ]
    form: Form = "pdf"


class ShipmentView(msgspec.Struct, frozen=True):
    shipment_id: str
    order_id: str
    channel: str
    seller: str | None
    status: Literal["requested", "labelled", "shipping", "shipped", "voiding", "voided", "failed"]
    detail: Annotated[str | None, Meta(description="why it failed, or was not shipped or voided")]
    node: str
    lines: list[ShipmentLine]
    carrier: str
    service: str | None
    partner: Annotated[str | None, Meta(description="who makes the label; null: it is ours, or there was one")]
    weight_g: int
    price: Annotated[int | None, Meta(description="of the label, minor units; by the rates until a partner says it")]
    currency: str | None
    arrives: Annotated[Date | None, Meta(description="by the rates, where it leaves on the node's next ship day")]
    promise: Annotated[Date | None, Meta(description="day that was promised for what the node sends")]
    tracking_number: str | None
    label_url: str | None
    label_forms: Annotated[list[Form], Meta(description="in which the label can be had")]
    requested_by: Annotated[str, Meta(description="name of a key")]
    requested_at: Time | None


class ShipmentsOfOrder(msgspec.Struct, frozen=True):
    shipments: list[ShipmentView]
