"""Bodies as the OpenAPI document shows them. Orders are described by the structs that read them."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from router.wire.order_json import Address, Customer, Line, Payment, Shipping

Status = Literal["allocated", "partially_allocated", "backordered", "held", "rejected"]
Detail = Annotated[str, Meta(description="why it was refused, and the remedy")]
LineNumber = Annotated[int, Meta(description="line or row of the body, from 1, where it was refused")]
Twin = Annotated[str, Meta(description="cursor of an order with the same basket of the same customer")]
TwinId = Annotated[str, Meta(description="its order_id; of the first 256 of a batch")]
Component = Annotated[str, Meta(description="where the line is a bundle: the component that the units are of")]


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
    discount: int | None = None
    tax: int | None = None
    attributes: dict[str, Any] | None = None


class Allocation(msgspec.Struct):
    node: str
    qty: int
    sku: Component | UnsetType = UNSET


class AnsweredLine(msgspec.Struct):
    line_id: str
    sku: str
    allocations: list[Allocation]
    backordered: int


class Acknowledgement(msgspec.Struct):
    """The answer to one order."""

    order_id: str  # empty where it could not be read
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
    detail: Detail | UnsetType = UNSET
    line: LineNumber | UnsetType = UNSET
    duplicate_of: Twin | UnsetType = UNSET
    duplicate_of_order_id: TwinId | UnsetType = UNSET


class Movement(msgspec.Struct):
    """A stock movement; one a line."""

    movement_id: str
    kind: Literal["receipt", "count", "damage", "transfer", "set_aside", "put_back", "scrap", "dispatch", "arrive"]
    sku: str
    node: str
    qty: int
    to_node: str | None = None
    reference: str | None = None
    state: Literal["damaged", "blocked", "in_transit"] | None = None
    reason: str | None = None
    expires_on: datetime.date | None = None


class MovementResult(msgspec.Struct):
    movement_id: str | None
    status: str


class TableWarning(msgspec.Struct):
    row: int
    field: str
    code: str
    detail: str


class TableReplaced(msgspec.Struct):
    """``warnings``: rows that were taken and may not mean what they say, the first hundred."""

    table: str
    version: int
    rows: int
    warnings: list[TableWarning]


class TablePatched(TableReplaced):
    """Rows in all, and how many of them are new or other; ``version`` is the one before where nothing changed."""

    added: int
    changed: int
    removed: int


class TableVersion(msgspec.Struct):
    version: int
    table: Annotated[str, Meta(description="the one that was replaced; `policy` and `back` replace none")]
    at: str


class TableVersions(msgspec.Struct):
    """Names of the tables, and every version, oldest first."""

    tables: list[str]
    versions: list[TableVersion]


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

    cost: int | UnsetType = UNSET


class QuotesAnswered(msgspec.Struct):
    quotes: list[Quote]


class OrderFound(msgspec.Struct):
    order_id: str
    channel: str
    status: Status
    state: str
    payment_state: str
    version: int
    placed_at: str | None
    total: int
    currency: str | None
    cursor: str


class Page(msgspec.Struct):
    orders: list[OrderFound]
    cursor: str | None
