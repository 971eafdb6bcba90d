"""One order and its history as the OpenAPI document shows them.

A test holds every member against what ``router/queries/order.py`` and ``timeline.py`` really give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from actors.gateway.http.event_shapes import ChangeType, EventType, event_field
from actors.gateway.http.shapes import Component, Status
from router.life.states import DISPOSITIONS, MoneyAccount, OrderState, PaymentState, Stage
from router.log.event_fields import FIELDS
from router.wire.order_json import Address, Customer, Payment, Shipping


def _names(*texts: str) -> Meta:
    return Meta(extra_json_schema={"enum": list(texts)})


State = Annotated[str, _names(*(state.name.lower() for state in OrderState if state))]
PaidState = Annotated[str, _names(*(state.name.lower() for state in PaymentState))]
StageName = Annotated[str, _names(*(stage.name.lower() for stage in Stage))]
Ended = Annotated[str, _names("inspect", "elsewhere", *DISPOSITIONS)]
Account = Annotated[str, _names(*(account.name.lower() for account in MoneyAccount))]
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Date = Annotated[str, Meta(extra_json_schema={"format": "date"})]
ShipmentState = Annotated[
    str, Meta(description="read off its units as an order's state is off all of them; `empty`: nothing is in it now")
]


class Units(msgspec.Struct):
    """Units of a line by stage; the stages sum to what was ordered."""

    ordered: int
    backordered: int
    held: int
    allocated: int
    picked: int
    packed: int
    shipped: int
    delivered: int
    returned: int
    lost: int
    cancelled: int


class ComponentUnits(msgspec.Struct):
    """A component of a bundle, in units of its own."""

    sku: str
    qty: Annotated[int, Meta(description="units in one bundle")]
    units: Units


class OrderAllocation(msgspec.Struct):
    """Units that lie at a node or were sent from there."""

    node: str
    qty: int
    sku: Component | UnsetType = UNSET


class TaxShown(msgspec.Struct):
    """A tax as it was rounded; without a name where the table gives none."""

    name: str | None
    percent: float | None  # null of a tax that the channel declared
    amount: int


DeclaredField = Annotated[str, _names("shipping_fee", "discount", "tax")]


class Differing(msgspec.Struct):
    """An amount that the channel declared, beside ours."""

    field: Annotated[str, _names("shipping_fee", "discount", "tax", "lines.discount", "lines.tax", "total")]
    declared: int
    computed: int


class DecidedLine(msgspec.Struct):
    """A line as it was sent and priced, and what it was given."""

    line_id: str
    sku: str | None  # null where none was sent
    qty: int
    unit_price: int | None  # likewise
    node: str | None  # that it must come from, null where it names none
    declared_discount: int | None  # of the whole line as the channel said it, null where it did not; so is the next
    declared_tax: int | None
    gross: int
    discount: int
    tax: int
    total: int
    taxes: list[TaxShown]
    allocations: list[OrderAllocation]
    backordered: int


class OrderLine(DecidedLine, kw_only=True):
    """A line and where its units are now."""

    units: Units
    components: list[ComponentUnits] | UnsetType = UNSET


class Parcel(msgspec.Struct):
    """What a node sends, as it was planned when the order was decided."""

    node: str
    carrier: str | None
    service: str | None
    ship_date: Date | None
    promise_date: Date | None
    cost: int
    pieces: int  # parcels it goes in: more than one where no rate takes all as one


class Money(msgspec.Struct):
    """Accounts of the order, minor units of its currency."""

    authorized: int
    captured: int
    refunding: int
    refunded: int
    due: int
    total: int
    credited: int
    written_off: int


class PaymentView(msgspec.Struct):
    payment_id: str | None
    method: str | None
    source: str | None  # who reported it first: the name of a partner, where it is a partner's
    authorized: int
    captured: int
    refunding: int
    refunded: int
    status: PaidState


class ShippedLine(msgspec.Struct):
    line_id: str
    sku: str
    qty: int


class Scan(msgspec.Struct):
    at: Time | None
    code: str | None
    place: str | None
    text: str | None  # null where it was erased, and for keys of the role ``channel``
    eta: Time | None
    source: str | None


class Shipment(msgspec.Struct):
    """What went together, or is packed to go."""

    shipment_id: str | None
    node: str | None  # null where it went from several
    carrier: str | None  # as it was reported
    carrier_guess: Annotated[str | None, Meta(description="where none was reported: whose number it looks like")]
    service: str | None
    tracking_number: str | None
    tracking_url: Annotated[str | None, Meta(description="the carrier's public page of it, where its address is known")]
    status: ShipmentState
    eta: Time | None  # of the newest scan that has one
    promise: Date | None  # as it was planned
    lines: list[ShippedLine]
    scans: list[Scan]


class InvoiceNamed(msgspec.Struct):
    """A document of the order."""

    number: str
    type: Literal["invoice", "credit_note"]
    issued_at: Time | None
    total: int  # of a credit note what it gives the buyer
    corrects: list[str]  # numbers of documents


class Note(msgspec.Struct):
    """What somebody wrote; keys of the role ``channel`` see what is public."""

    type: Literal["note", "close", "hold", "release", "review_reject", "expire"]
    text: str | None  # null where it was erased
    public: bool
    at: Time | None
    source: str | None


class Answered(msgspec.Struct, kw_only=True):
    """What an order was answered, but for its lines."""

    order_id: str
    status: Status
    total: int
    currency: str | None
    discount: int
    tax: int
    shipping: int
    parcels: int
    promise_date: Date | None
    reasons: list[str]
    duplicate_of: str | None
    cursor: str
    duplicate_of_order_id: str | None | UnsetType = UNSET  # a gateway adds it, which sees all shards


class ReasonDetail(msgspec.Struct):
    """Why an order was refused, held or flagged: the field, what was sent, what was expected, what to do."""

    code: str
    field: str
    detail: str


class OrderView(Answered):
    """One order: what it was answered, how it stands now, and what its channel sent."""

    reason_details: Annotated[list[ReasonDetail], Meta(description="each of `reasons`, in words")]
    taxes: Annotated[list[TaxShown], Meta(description="of all lines and of shipping, by name and rate")]
    taken: Annotated[list[DeclaredField], Meta(description="amounts that count as the channel declared them")]
    declared: Annotated[list[Differing], Meta(description="amounts that were compared and are not ours")]
    declared_total: Annotated[int | None, Meta(description="the channel's own total")]
    state: State
    payment_state: PaidState
    version: int
    channel: str
    seller: str | None
    placed_at: Time | None
    received_at: Time
    priority: int
    parcel_plan: list[Parcel]
    promotions: list[str]
    lines: list[OrderLine]
    money: Money
    holds: list[str]
    shipments: list[Shipment]
    payments: list[PaymentView]
    notes: list[Note]
    invoices: Annotated[list[InvoiceNamed], Meta(description="and credit notes, in the order in which they were made")]
    tracking_url: Annotated[str | None, Meta(description="of the only shipment, or of all")]
    next_events: Annotated[list[EventType], Meta(description="types that the order takes now")]
    erased: bool
    customer: Customer | None
    ship_to: Address | None
    bill_to: Address | None
    payment: Payment | None
    attributes: Any
    shipping_request: Shipping | None
    coupons: list[str]
    other_fields: dict[str, Any]


class UnitsMoved(msgspec.Struct):
    """Units that an entry moved; of an order ``from`` is null, they came out of nothing. A bundle that is served
    becomes its components, and these become the bundle when it waits again, or others when it is planned anew: what
    becomes something else has ``to`` null, what it becomes has ``from`` null."""

    line_id: str
    sku: str
    qty: int
    from_stage: StageName | None = msgspec.field(name="from")
    to: StageName | None
    node: str | None
    to_node: str | None
    shipment_id: str | None
    disposition: Ended | None


class MoneyMoved(msgspec.Struct):
    account: Account
    amount: int  # what the account changed by
    payment_id: str | None


class Moved(msgspec.Struct):
    units: list[UnitsMoved]
    money: list[MoneyMoved]


class Decided(Answered):
    """The acknowledgement as it was given."""

    lines: list[DecidedLine]


def _said() -> type[msgspec.Struct]:
    """What an event was sent with; ``note`` and ``text`` where the key's role may see them and they were not erased."""
    fields: list[Any] = [(name, event_field(name, field.form) | UnsetType, UNSET) for name, field in FIELDS.items()]
    return msgspec.defstruct("Said", fields, namespace={"__doc__": "The fields an event was sent with."})


if TYPE_CHECKING:
    Said = msgspec.Struct
else:
    Said = _said()


class TimelineEntry(msgspec.Struct):
    """A version of the order; ``acknowledgement`` and ``status`` where it was decided, ``event_id`` and ``source``
    where something was reported or granted."""

    version: int
    at: Time
    received_at: Time
    cursor: str
    type: ChangeType
    from_state: State | None = msgspec.field(name="from")
    to: State
    payment_from: PaidState | None
    payment_to: PaidState
    reasons: list[str]
    occurred_at: Time | None
    payload: Said
    moved: Moved | None  # null where its record does not say it
    status: Status | UnsetType = UNSET
    acknowledgement: Decided | UnsetType = UNSET
    event_id: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET


class Timeline(msgspec.Struct):
    """The history of one order, oldest first; ``cursor`` is null at the end."""

    order_id: str
    state: State
    payment_state: PaidState
    version: int
    entries: list[TimelineEntry]
    cursor: str | None
