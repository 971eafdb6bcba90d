"""A shipment as the desk keeps it: who asked for it, what is in it, its label, and the event that sends it.

requested: a call to the carrier ─▶ labelled ──(asked to ship)──▶ shipping: an event ─▶ shipped
    │        └──(it refuses)──▶ failed  │  ▲                          └──(the books refuse it)──▶ labelled
    └── no partner: labelled at once    └▶ voiding: a call ─▶ voided, or labelled where the carrier refuses
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from router.bound import Bound
from router.ids import Scope
from router.labels.address import PostalAddress
from router.life.refunds import Units
from router.life.shipments import Band, OpenUnits, Policy
from router.work.acts import order_named
from router.work.item import kept_text

LabelForm = Literal["pdf", "zpl"]
ShipmentState = Literal["requested", "labelled", "shipping", "shipped", "voiding", "voided", "failed"]
GONE: tuple[ShipmentState, ...] = ("voided", "failed")  # whose units others may have
SHIPMENT_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NAMED = re.compile(rf"(?P<shipment>{SHIPMENT_ID.pattern})-(label|void-\d{{1,19}}|ship-\d{{1,9}})", re.ASCII)
LINES_MAX = 1_000


class ShipmentAsked(NamedTuple):
    """What the holder of a key asks for, with what the gateway has read of the order and of the tables."""

    order_key: str
    order_id: str
    channel: str
    seller: str
    currency: str
    version: int  # of the order, a moment ago
    opened: tuple[OpenUnits, ...]
    sent: frozenset[str]  # parcels of the order that have left
    unit_weight_g: Mapping[str, int]  # by line
    bands: Mapping[str, tuple[Band, ...]]  # by node
    promised_day: Mapping[str, int]  # by node; "": of the order
    ship_from: Mapping[str, PostalAddress]  # by node
    ship_to: PostalAddress
    node: str  # "" = one that has them
    units: tuple[Units, ...]  # none = all of the node
    carrier: str  # "" = by policy
    service: str  # "" = any
    policy: Policy
    weight_g: int | None  # None = by the catalogue
    tracking_number: str  # typed by hand; "" = the carrier's, or ours
    form: LabelForm
    ship: bool  # report it as shipped, once it has its label
    caller: str
    key: str  # by which the same request is known when it comes again
    digest: str
    now_ms: int

    def __repr__(self) -> str:
        """Without addresses."""
        return f"ShipmentAsked({self.order_key}, {self.caller})"


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """Times are Unix milliseconds, 0 = never."""

    shipment_id: str
    order_key: str
    order_id: str
    channel: str
    seller: str
    order_version: int
    node: str
    lines: str  # of Units, as JSON
    carrier: str
    service: str
    partner: str  # who makes the label; "" = nobody, it is ours
    weight_g: int
    price_minor: int  # of the label, by the rates until a partner says its own; -1 = not known
    currency: str
    arrives_day: int  # days since the epoch, by the rates; -1 = not known
    promised_day: int  # likewise; -1 = nothing was promised
    label_form: LabelForm  # that was asked for
    tracking_number: str
    label_id: str  # as the partner calls it
    state: ShipmentState
    detail: str  # why it failed, or was not shipped or voided, in words
    is_to_ship: bool
    ship_events: int = 0  # made so far; each has an id of its own
    shipped_version: int = 0  # of the order, once the books have it
    asked_by: str
    asked_ms: int
    changed_ms: int

    @property
    def units(self) -> tuple[Units, ...]:
        return tuple(Units(line_id, qty) for line_id, qty in msgspec.json.decode(self.lines))

    @property
    def label_key(self) -> str:
        """By which the partner knows it."""
        return f"{self.shipment_id}-label"

    @property
    def has_label(self) -> bool:
        return self.state in ("labelled", "shipping", "shipped", "voiding")

    def is_of(self, bound: Bound) -> bool:
        return bound.has(self.channel, self.seller)

    def now(self, state: ShipmentState, now_ms: int, detail: str = "", **changes: Any) -> Shipment:
        return msgspec.structs.replace(self, state=state, changed_ms=now_ms, detail=kept_text(detail), **changes)

    def holds_units(self, asked: ShipmentAsked) -> bool:
        """Whether its units are among those that the order showed, and others may not have them. What has left is
        among them while the order was looked at before."""
        if self.state in GONE or self.shipment_id in asked.sent:
            return False
        return self.state != "shipped" or asked.version < self.shipped_version


class LabelToPrint(NamedTuple):
    """A shipment's label: as its carrier made it, or what ours is made of."""

    shipment: Shipment
    form: LabelForm | None = None  # None = ours
    content: bytes = b""

    def __repr__(self) -> str:
        return f"LabelToPrint({self.shipment.shipment_id}, {len(self.content)} bytes)"


def shipment_named(text: str) -> str:
    """The shipment that a call's key, or the id of its ``ship``, is made of; "" for none."""
    found = _NAMED.fullmatch(text)
    return "" if found is None else found["shipment"]


class Times(NamedTuple):
    """Of a shipment, as the contract writes them."""

    asked_at: str | None
    arrives: str | None
    promise: str | None


def ship_event(shipment: Shipment, at: str, scope: Scope) -> dict[str, Any]:
    """What the order's books are told: these units have left, by whom, under which number."""
    said = {
        "event_id": f"{shipment.shipment_id}-ship-{shipment.ship_events}",
        **order_named(shipment.order_id, shipment.channel, shipment.seller, scope),
        "type": "ship",
        "at": at,
        "source": f"desk:{shipment.asked_by}"[:128],
        "node": shipment.node,
        "shipment_id": shipment.shipment_id,
        "lines": _lines(shipment),
    }
    named = {name: getattr(shipment, name) for name in ("carrier", "service", "tracking_number")}
    return said | {name: text for name, text in named.items() if text}


def shipment_view(shipment: Shipment, forms: tuple[LabelForm, ...], times: Times) -> dict[str, Any]:
    """As ``GET /v1/shipments/{id}`` shows it; ``forms``: in which its label can be had."""
    label_url = f"/v1/shipments/{shipment.shipment_id}/label"
    form = shipment.label_form if shipment.label_form in forms else next(iter(forms), "")
    return {
        "shipment_id": shipment.shipment_id,
        "order_id": shipment.order_id,
        "channel": shipment.channel,
        "seller": shipment.seller or None,
        "status": shipment.state,
        "detail": shipment.detail or None,
        "node": shipment.node,
        "lines": _lines(shipment),
        "carrier": shipment.carrier,
        "service": shipment.service or None,
        "partner": shipment.partner or None,
        "weight_g": shipment.weight_g,
        "price": shipment.price_minor if shipment.price_minor >= 0 else None,
        "currency": shipment.currency if shipment.price_minor >= 0 else None,
        "arrives": times.arrives,
        "promise": times.promise,
        "tracking_number": shipment.tracking_number or None,
        "label_url": f"{label_url}.{form}" if form else None,
        "label_forms": list(forms),
        "requested_by": shipment.asked_by,
        "requested_at": times.asked_at,
    }


def _lines(shipment: Shipment) -> list[dict[str, Any]]:
    return [{"line_id": line_id, "qty": qty} for line_id, qty in shipment.units]
