"""What is reported of orders, and how orders change, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from actors.gateway.http.shapes import Detail, LineNumber, Status
from router.life.event_types import EVENT_TYPES, TAKES
from router.life.refusals import REFUSALS
from router.log.event_fields import COMMON, FIELDS, REQUIRED, Form
from router.queries.change_lines import TYPES as CHANGE_TYPES

EVENT_REASONS = (  # beside those of the books
    "malformed_event", "event_type_unknown", "not_allowed", "reserved", "order_unknown", "id_conflict",
)  # fmt: skip
EventUnits = Annotated[dict[str, int], Meta(description="units of the order by stage, where its books refused")]
EventMoney = Annotated[dict[str, int], Meta(description="money of the order in minor units, likewise")]
EventType = Annotated[str, Meta(extra_json_schema={"enum": list(EVENT_TYPES)})]
ChangeType = Annotated[str, Meta(extra_json_schema={"enum": list(CHANGE_TYPES)})]
EventId = Annotated[str, Meta(min_length=1, max_length=128)]
EventReason = Annotated[
    str, Meta(extra_json_schema={"enum": [*EVENT_REASONS, *dict.fromkeys(each.code for each in REFUSALS.values())]})
]


class EventLine(msgspec.Struct):
    """A line of an order that an event concerns; without ``qty`` all of its units."""

    line_id: str
    qty: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET


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


def event_field(name: str, form: Form) -> Any:
    takers = [event.name.lower() for event, fields in TAKES.items() if name in fields]
    said = f"{form.value}; taken by {', '.join(takers)}" if takers else form.value
    return Annotated[_EVENT_FIELDS[form], Meta(description=said, **_EVENT_LIMITS.get(form, {}))]


def _event() -> type[msgspec.Struct]:
    """Every field that events may have; which type takes which is said beside it."""
    required: list[Any] = [(name, EventType if name == "type" else EventId) for name in REQUIRED]
    further = [
        (name, event_field(name, field.form) | None, None)
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


def _payload() -> type[msgspec.Struct]:
    """What an event said; ``note`` and ``text`` where the key's role may see them and they were not erased."""
    required: list[Any] = [("event_id", EventId), ("at", str | None)]
    further: list[Any] = [("source", str | UnsetType, UNSET)]
    further += [(name, event_field(name, field.form) | UnsetType, UNSET) for name, field in FIELDS.items()]
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
    type: ChangeType
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
