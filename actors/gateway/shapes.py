"""Bodies as the OpenAPI document shows them. Orders are described by the structs that read them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from router.wire.order_json import Address, Customer, Line, Payment, Shipping

Status = Literal["allocated", "partially_allocated", "backordered", "held", "rejected"]


class Order(msgspec.Struct):
    """An order; money in minor units. Unknown fields are kept with the order."""

    order_id: str
    channel: str
    placed_at: str
    currency: str
    customer: Customer
    ship_to: Address
    lines: list[Line]
    seller: str | None = None
    bill_to: Address | None = None
    coupons: list[str] | None = None
    payment: Payment | None = None
    shipping: Shipping | None = None
    priority: int | None = None
    total: int | None = None
    attributes: dict[str, Any] | None = None


class Allocation(msgspec.Struct):
    node: str
    qty: int


class AnsweredLine(msgspec.Struct):
    line_id: str
    sku: str
    allocations: list[Allocation]
    backordered: int


class Acknowledgement(msgspec.Struct):
    """The answer to one order."""

    order_id: str | None
    status: Status
    total: int
    currency: str | None  # null where the order could not be read
    discount: int
    tax: int
    shipping: int
    lines: list[AnsweredLine]
    parcels: int
    promise_date: str | None
    reasons: list[str]
    duplicate: bool
    cursor: str | None


class Event(msgspec.Struct):
    """A lifecycle event; one a line."""

    event_id: str
    order_id: str
    type: str
    at: str | None = None
    source: str | None = None


class EventResult(msgspec.Struct):
    event_id: str | None
    status: str


class Movement(msgspec.Struct):
    """A stock movement; one a line."""

    movement_id: str
    kind: Literal["receipt", "count", "damage", "transfer"]
    sku: str
    node: str
    qty: int
    to_node: str | None = None
    reference: str | None = None


class MovementResult(msgspec.Struct):
    movement_id: str | None
    status: str


class TableReplaced(msgspec.Struct):
    table: str
    version: int
    rows: int


class Place(msgspec.Struct):
    country: str = ""
    region: str = ""
    postcode: str = ""


class AvailabilityAsked(msgspec.Struct):
    skus: list[str]
    channel: str = ""
    ship_to: Place | None = None


class Available(msgspec.Struct):
    sku: str
    available: int
    nodes: dict[str, int]


class Availability(msgspec.Struct):
    """Available to promise; SKUs that no table names are listed apart."""

    sequence: int
    items: list[Available]
    unknown: list[str]


class QuotesAsked(msgspec.Struct):
    """One order as it is, or several."""

    orders: list[Order]


class Quote(Acknowledgement):
    """The acknowledgement the order would get, and what the plan costs us; an order that is none has no plan."""

    cost: int | None = None


class QuotesAnswered(msgspec.Struct):
    quotes: list[Quote]


class OrderView(msgspec.Struct):
    """The acknowledgement, the state now, and what the channel sent (further members)."""

    order_id: str
    status: Status
    state: str
    payment_state: str
    version: int


class TimelineEntry(msgspec.Struct):
    version: int
    at: str
    type: str
    to: str


class Timeline(msgspec.Struct):
    order_id: str
    state: str
    version: int
    entries: list[TimelineEntry]


class Found(msgspec.Struct):
    order_id: str
    channel: str
    status: Status
    state: str
    version: int
    cursor: str


class Page(msgspec.Struct):
    orders: list[Found]
    cursor: str | None


class Change(msgspec.Struct):
    """A status change; ``version`` counts an order's changes without gaps."""

    order_id: str
    version: int
    type: str
    state: str
    payment_state: str
    reasons: list[str]
    at: str
    cursor: str
    status: Status | None = None  # where the change is a decision, as it was acknowledged
