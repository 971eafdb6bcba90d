"""Bodies as the OpenAPI document shows them. Orders are described by the structs that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from router.life.event_types import EVENT_TYPES, TAKES
from router.life.refusals import REFUSALS
from router.log.event_fields import COMMON, FIELDS, REQUIRED, Form
from router.queries.change_lines import TYPES as CHANGE_TYPES
from router.wire.order_json import Address, Customer, Line, Payment, Shipping

Status = Literal["allocated", "partially_allocated", "backordered", "held", "rejected"]
EVENT_REASONS = ("malformed_event", "event_type_unknown", "order_unknown", "id_conflict")  # beside those of the books
Detail = Annotated[str, Meta(description="why it was refused, and the remedy")]
LineNumber = Annotated[int, Meta(description="line or row of the body, from 1, where it was refused")]
Twin = Annotated[str, Meta(description="cursor of an order with the same basket of the same customer")]
EventUnits = Annotated[dict[str, int], Meta(description="units of the order by stage, where its books refused")]
EventMoney = Annotated[dict[str, int], Meta(description="money of the order in minor units, likewise")]
Component = Annotated[str, Meta(description="where the line is a bundle: the component that the units are of")]
EventType = Annotated[str, Meta(extra_json_schema={"enum": list(EVENT_TYPES)})]
EventId = Annotated[str, Meta(min_length=1, max_length=128)]
EventReason = Annotated[
    str, Meta(extra_json_schema={"enum": [*EVENT_REASONS, *dict.fromkeys(each.code for each in REFUSALS.values())]})
]


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


class EventLine(msgspec.Struct):
    """A line of an order that an event concerns; without ``qty`` all of its units."""

    line_id: str
    qty: Annotated[int, Meta(ge=1)] | None = None


_EVENT_FIELDS: dict[Form, Any] = {
    Form.ID: str,
    Form.TEXT: str,
    Form.AMOUNT: int,
    Form.COUNT: int,
    Form.TIME: str,
    Form.FLAG: bool,
    Form.LINES: list[EventLine],
}
_EVENT_LIMITS: dict[Form, dict[str, Any]] = {
    Form.ID: {"max_length": 128},
    Form.TEXT: {"max_length": 4_096},
    Form.AMOUNT: {"ge": 0},
    Form.COUNT: {"ge": 0},
}


def _event_field(name: str, form: Form) -> Any:
    takers = [event.name.lower() for event, fields in TAKES.items() if name in fields]
    said = f"{form.value}; taken by {', '.join(takers)}" if takers else form.value
    return Annotated[_EVENT_FIELDS[form], Meta(description=said, **_EVENT_LIMITS.get(form, {}))]


def _event() -> type[msgspec.Struct]:
    """Every field that events may have; which type takes which is said beside it."""
    required: list[Any] = [(name, EventType if name == "type" else EventId) for name in REQUIRED]
    further = [
        (name, _event_field(name, field.form) | None, None)
        for name, field in (COMMON | FIELDS).items()
        if name not in REQUIRED
    ]
    return msgspec.defstruct("Event", [*required, *further], namespace={"__doc__": "A lifecycle event; one a line."})


Event = _event()


class EventResult(msgspec.Struct):
    """What became of an event, and the order's states afterwards where there is an order."""

    event_id: str | None  # null where it could not be read
    status: Literal["applied", "duplicate", "refused"]
    order_id: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    payment_state: str | UnsetType = UNSET
    version: int | UnsetType = UNSET  # not where it was refused
    reason: EventReason | UnsetType = UNSET
    detail: Detail | UnsetType = UNSET
    units: EventUnits | UnsetType = UNSET
    money: EventMoney | UnsetType = UNSET
    line: LineNumber | UnsetType = UNSET


class Movement(msgspec.Struct):
    """A stock movement; one a line."""

    movement_id: str
    kind: Literal["receipt", "count", "damage", "transfer", "set_aside", "put_back", "scrap", "dispatch", "arrive"]
    sku: str
    node: str
    qty: int
    to_node: str | None = None
    reference: str | None = None
    state: Literal["inspection", "damaged", "blocked", "in_transit"] | None = None
    reason: str | None = None


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

    cost: int | UnsetType = UNSET


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


def _payload() -> type[msgspec.Struct]:
    """What an event said; ``note`` and ``text`` where the key's role may see them and they were not erased."""
    required: list[Any] = [("event_id", EventId), ("at", str | None)]
    further: list[Any] = [("source", str | UnsetType, UNSET)]
    further += [(name, _event_field(name, field.form) | UnsetType, UNSET) for name, field in FIELDS.items()]
    return msgspec.defstruct(
        "Payload", [*required, *further], namespace={"__doc__": "The fields an event was sent with."}
    )


if TYPE_CHECKING:
    Payload = msgspec.Struct
else:
    Payload = _payload()


class Change(msgspec.Struct):
    """A change of an order; ``version`` counts an order's changes without gaps."""

    order_id: str
    version: int
    type: Annotated[str, Meta(extra_json_schema={"enum": list(CHANGE_TYPES)})]
    state: str
    payment_state: str
    reasons: list[str]
    at: str
    cursor: str
    channel: str
    seller: str | None
    status: Status | None = None  # where the change is a decision, as it was acknowledged
    payload: Payload | UnsetType = UNSET  # of events that were reported


class ReadTo(msgspec.Struct):
    """Of a stream with filters: everything before this cursor was looked at, and nothing more matched."""

    cursor: str
