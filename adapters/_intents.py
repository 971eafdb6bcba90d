"""What the router wants of partners, and what it gets: one struct an intent and one a result.

An intent is durable before anything is sent, and goes by its ``key`` for ever: the same key with another intent is
refused by whoever keeps them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$")]  # fits a header of any partner
AmountMinor = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
LabelForm = Literal["pdf", "zpl"]


class OrderReference(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order as events name it; a partner carries it and gives it back."""

    order_id: str
    channel: str = ""
    seller: str = ""


class _Intent(msgspec.Struct, frozen=True, kw_only=True):
    key: Key

    def __repr__(self) -> str:
        """Without what it says: addresses and tokens are in it."""
        return f"{type(self).__name__}({self.key})"


# --- payment --------------------------------------------------------------------------------------------------


class Authorize(_Intent, frozen=True, tag="authorize"):
    order: OrderReference
    amount_minor: AmountMinor
    currency: Currency
    token: str  # the buyer's means of payment, as the provider calls it


class Capture(_Intent, frozen=True, tag="capture"):
    order: OrderReference
    payment_id: str
    amount_minor: AmountMinor
    currency: Currency


class Refund(_Intent, frozen=True, tag="refund"):
    order: OrderReference
    payment_id: str
    amount_minor: AmountMinor
    currency: Currency
    reason: str = ""


class Void(_Intent, frozen=True, tag="void"):
    order: OrderReference
    payment_id: str


class PayLink(_Intent, frozen=True, tag="pay_link"):
    order: OrderReference
    amount_minor: AmountMinor
    currency: Currency
    expires_ms: int


class CancelLink(_Intent, frozen=True, tag="cancel_link"):
    """Nobody is to pay by this link any more; declined where somebody has."""

    order: OrderReference
    payment_id: str


class Figures(_Intent, frozen=True, tag="figures"):
    """What moved from one moment to before another, page by page."""

    from_ms: int
    until_ms: int
    after: str = ""  # what the page before said; "" = the first one


class Payment(msgspec.Struct, frozen=True, tag="payment"):
    """What an authorisation, a capture, a refund and a void have made."""

    payment_id: str
    fact_id: str  # of this step, as the provider calls it
    amount_minor: int
    currency: str


class Link(msgspec.Struct, frozen=True, tag="link"):
    payment_id: str
    url: str
    expires_ms: int


class CancelledLink(msgspec.Struct, frozen=True, tag="cancelled_link"):
    payment_id: str


class Moved(msgspec.Struct, frozen=True):
    """Money of one payment that came or went back."""

    payment_id: str
    what: Literal["captured", "refunded"]
    amount_minor: int
    currency: str
    order_id: str = ""  # as we have named it


class FiguresPage(msgspec.Struct, frozen=True, tag="figures_page"):
    moved: tuple[Moved, ...]
    after: str  # of the next page; "" = this is the last one


# --- carrier --------------------------------------------------------------------------------------------------


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    line1: str
    city: str
    postcode: str
    country: str
    line2: str = ""
    region: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        return f"Address({self.country})"


class Parcel(msgspec.Struct, frozen=True, omit_defaults=True):
    weight_g: Annotated[int, Meta(ge=1)]
    length_mm: int = 0
    width_mm: int = 0
    height_mm: int = 0


class Rate(_Intent, frozen=True, tag="rate"):
    ship_from: Address
    ship_to: Address
    parcel: Parcel


class Label(_Intent, frozen=True, tag="label"):
    order: OrderReference
    shipment_id: str
    ship_from: Address
    ship_to: Address
    parcel: Parcel
    service: str
    form: LabelForm = "pdf"
    cod_minor: AmountMinor = 0  # cash on delivery: what the carrier collects; 0 = nothing
    cod_currency: str = ""


class VoidLabel(_Intent, frozen=True, tag="void_label"):
    label_id: str


class Pickup(_Intent, frozen=True, tag="pickup"):
    ship_from: Address
    parcels: Annotated[int, Meta(ge=1)]
    ready_ms: int
    until_ms: int


class Track(_Intent, frozen=True, tag="track"):
    tracking_number: str


class Offer(msgspec.Struct, frozen=True):
    service: str
    price_minor: int
    currency: str
    days: int  # in transit


class Offers(msgspec.Struct, frozen=True, tag="offers"):
    offers: tuple[Offer, ...]


class BoughtLabel(msgspec.Struct, frozen=True, tag="bought_label"):
    label_id: str
    tracking_number: str
    price_minor: int
    currency: str
    form: LabelForm
    content: bytes  # of the document to print

    def __repr__(self) -> str:
        return f"BoughtLabel({self.label_id}, {len(self.content)} bytes)"


class VoidedLabel(msgspec.Struct, frozen=True, tag="voided_label"):
    label_id: str


class BookedPickup(msgspec.Struct, frozen=True, tag="booked_pickup"):
    pickup_id: str


class Scan(msgspec.Struct, frozen=True):
    code: str  # one of SCAN_CODES
    at_ms: int
    place: str = ""


class Tracked(msgspec.Struct, frozen=True, tag="tracked"):
    tracking_number: str
    scans: tuple[Scan, ...]  # in order of time


# One list for all carriers; a code that is none of these is ``unknown``.
SCAN_CODES = (
    "created", "picked_up", "in_transit", "customs", "out_for_delivery", "available_for_pickup", "delivered",
    "exception", "returning", "returned", "cancelled", "unknown",
)  # fmt: skip

PaymentIntent = Authorize | Capture | Refund | Void | PayLink | CancelLink | Figures
CarrierIntent = Rate | Label | VoidLabel | Pickup | Track
Intent = PaymentIntent | CarrierIntent
Result = Payment | Link | CancelledLink | FiguresPage | Offers | BoughtLabel | VoidedLabel | BookedPickup | Tracked
