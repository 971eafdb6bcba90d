"""The carrier of the sandbox, as docs/partners.md describes its interface.

It has no keys: a label that is asked for twice is bought twice. So after a doubt it is asked what it has of our
reference, which is the intent's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from adapters._intents import (
    SCAN_CODES,
    BookedPickup,
    BoughtLabel,
    CarrierIntent,
    Intent,
    Label,
    LabelForm,
    Offer,
    Offers,
    OrderReference,
    Pickup,
    Rate,
    Scan,
    Track,
    Tracked,
    VoidedLabel,
    VoidLabel,
)
from adapters._signing import verify_timed
from adapters._spec import (
    Absent,
    Adapter,
    CarrierSettings,
    Declined,
    Delivery,
    Done,
    Doubt,
    HookAnswer,
    Kind,
    Outcome,
    Repeat,
    Rotated,
    Secret,
    Spec,
    Told,
    Unreadable,
    Unsigned,
    Why,
    WireRequest,
    WireResponse,
    decoded,
    path_of,
    read_fault,
)
from adapters._told import MOMENT_MS_MAX, ToldEvent, rfc3339, told

SIGNATURE_HEADER = "sandbox-signature"
LABEL_MADE = "created"
Id = Annotated[str, Meta(min_length=1, max_length=100)]
Moment = Annotated[int, Meta(ge=0, le=MOMENT_MS_MAX)]
Price = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class SandboxCarrierSettings(CarrierSettings, frozen=True, kw_only=True):
    api_key: Secret
    hook_secrets: Rotated


class Shipment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a label was made for; the carrier gives it back with every scan. Of a label that another system bought,
    nothing of it is there: the tracking number alone says whose it is."""

    order_id: str = ""
    channel: str = ""
    seller: str = ""
    shipment_id: str = ""


class RateAnswer(msgspec.Struct):
    rates: list[Offer]


class LabelAnswer(msgspec.Struct):
    id: Id
    tracking_number: Id
    price: Price
    currency: str
    format: LabelForm
    content: bytes


class LabelsAnswer(msgspec.Struct):
    labels: list[LabelAnswer]


class PickupAnswer(msgspec.Struct):
    id: Id


class PickupsAnswer(msgspec.Struct):
    pickups: list[PickupAnswer]


class Collected(msgspec.Struct):
    """Money that the driver took."""

    amount: Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
    currency: Annotated[str, Meta(min_length=1, max_length=3)]


class TrackedScan(msgspec.Struct):
    id: Id
    code: Annotated[str, Meta(min_length=1, max_length=64)]
    at: Moment
    place: Annotated[str, Meta(max_length=1_024)] = ""
    eta: Moment = 0
    collected: Collected | None = None  # cash on delivery


class TrackingAnswer(msgspec.Struct):
    number: Id
    metadata: Shipment
    scans: list[TrackedScan]


class Complaint(msgspec.Struct):
    code: str
    message: str


class Refusal(msgspec.Struct):
    error: Complaint


class Notice(msgspec.Struct):
    id: Id
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


# Which answer a question to the carrier has where it did what was asked.
_ANSWERS: dict[type[Intent], Any] = {
    Rate: RateAnswer,
    Label: LabelAnswer,
    VoidLabel: dict[str, Any],
    Pickup: PickupAnswer,
    Track: TrackingAnswer,
}


class SandboxCarrier(Adapter[SandboxCarrierSettings]):
    spec: ClassVar[Spec] = Spec(
        name="sandbox_carrier",
        kind=Kind.CARRIER,
        about="the carrier of `order-router partners sandbox`, for trials",
        settings=SandboxCarrierSettings,
        repeats={
            Rate: Repeat.SAFE,
            Label: Repeat.ONCE,
            VoidLabel: Repeat.SAFE,
            Pickup: Repeat.ONCE,
            Track: Repeat.SAFE,
        },
    )

    def request(self, intent: Intent) -> WireRequest:
        assert isinstance(intent, CarrierIntent), f"{intent} is nothing that a carrier does"
        match intent:
            case VoidLabel():
                return self._bare("DELETE", path_of("carrier", "labels", intent.label_id))
            case Track():
                return self._bare("GET", path_of("carrier", "trackings", intent.tracking_number))
            case Rate():
                document = {"from": intent.ship_from, "to": intent.ship_to, "parcel": intent.parcel}
                return self._posted("rates", document)
            case Pickup():
                span = {"from": intent.ship_from, "parcels": intent.parcels, "ready": intent.ready_ms}
                return self._posted("pickups", {**span, "until": intent.until_ms, "reference": intent.key})
            case Label():
                return self._posted("labels", _label_document(intent))

    def read(self, intent: Intent, response: WireResponse) -> Outcome:
        fault = read_fault(response)
        if fault is not None:
            return fault
        if response.status in (200, 201):
            return self._done(decoded(response.body, _ANSWERS[type(intent)]), intent)
        refusal = decoded(response.body, Refusal)
        if refusal is None:
            return Doubt(Why.MALFORMED, f"status {response.status} with a body that is no refusal of this carrier")
        return Declined(refusal.error.code, refusal.error.message)

    def ask(self, intent: Intent) -> WireRequest:
        """Of what can be repeated safely the question is the request itself."""
        if not isinstance(intent, Label | Pickup):
            return self.request(intent)
        room = "labels" if isinstance(intent, Label) else "pickups"
        return self._bare("GET", f"{path_of('carrier', room, 'by-reference', intent.key)}")

    def read_asked(self, intent: Intent, response: WireResponse) -> Outcome:
        if not isinstance(intent, Label | Pickup):
            return self.read(intent, response)
        fault = read_fault(response)
        if fault is not None:
            return fault
        found = _found(intent, response.body) if response.status == 200 else None
        if found is None:
            return Doubt(Why.MALFORMED, f"status {response.status} with a body that is no list of this carrier")
        return self._done(found[0], intent) if found else Absent("the carrier has nothing of this reference")

    def verify(self, delivery: Delivery, now_s: int) -> Unsigned | None:
        return verify_timed(
            delivery.headers.get(SIGNATURE_HEADER), delivery.body, self._secrets.valid("hook_secrets"), now_s
        )

    def events(self, body: bytes) -> list[ToldEvent]:
        notice = decoded(body, Notice)
        if notice is None:
            raise Unreadable("the delivery is no notice of this carrier")
        if notice.type != "tracking.updated":
            return []
        tracking = decoded(bytes(notice.data), TrackingAnswer)
        if tracking is None:
            raise Unreadable(f"notice {notice.id} has no tracking that can be read")
        return list(self._events_of(tracking))

    def answer(self, told: Told) -> HookAnswer:
        """Anything but 200 is sent again."""
        statuses = {Told.TAKEN: 200, Told.UNSIGNED: 401, Told.UNREADABLE: 422, Told.NOT_KEPT: 409}
        return HookAnswer(statuses[told], "application/json", msgspec.json.encode({"told": told.value}))

    def _bare(self, method: Any, path: str) -> WireRequest:
        return WireRequest(method=method, path=path, headers=self._headers())

    def _posted(self, room: str, document: Mapping[str, object]) -> WireRequest:
        headers = {**self._headers(), "Content-Type": "application/json"}
        body = msgspec.json.encode(document)
        return WireRequest(method="POST", path=path_of("carrier", room), headers=headers, body=body)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secrets.newest('api_key')}"}

    def _done(self, answer: Any, intent: Intent) -> Outcome:
        match answer:
            case None:
                return Doubt(Why.MALFORMED, "a success whose body cannot be read")
            case RateAnswer():
                return Done(Offers(tuple(answer.rates)))
            case LabelAnswer():
                return Done(_bought(answer))
            case PickupAnswer():
                return Done(BookedPickup(answer.id))
            case TrackingAnswer():
                return Done(_tracked(answer), self._events_of(answer))
            case _:
                assert isinstance(intent, VoidLabel)
                return Done(VoidedLabel(intent.label_id))

    def _events_of(self, tracking: TrackingAnswer) -> tuple[ToldEvent, ...]:
        """A scan each; the one that says so delivers the shipment, too. That there is a label says nothing of a parcel,
        which may stay where it is."""
        moved = [scan for scan in tracking.scans if scan.code != LABEL_MADE]
        return tuple(event for scan in moved for event in self._events_of_scan(tracking, scan))

    def _events_of_scan(self, tracking: TrackingAnswer, scan: TrackedScan) -> list[ToldEvent]:
        order = OrderReference(tracking.metadata.order_id, tracking.metadata.channel, tracking.metadata.seller)
        shipment = {"shipment_id": tracking.metadata.shipment_id}
        eta = {"eta": rfc3339(scan.eta)} if scan.eta else {}
        fields = {**shipment, "tracking_number": tracking.number, "code": _unified(scan.code), "place": scan.place}
        events = [told(self.partner, scan.id, "scan", order, scan.at, **fields, **eta)]
        if scan.code == "delivered":
            known = shipment if order.order_id else {"tracking_number": tracking.number}  # whose it is, is looked up
            events.append(told(self.partner, f"{scan.id}:deliver", "deliver", order, scan.at, **known))
        if scan.collected is not None:
            events.append(self._collected(tracking, scan.collected, order, scan.at))
        return events

    def _collected(self, tracking: TrackingAnswer, money: Collected, order: OrderReference, at_ms: int) -> ToldEvent:
        """Of a parcel once, however often its scans are told."""
        fact_id = f"{tracking.number}:cod"
        fields = {"payment_id": f"cod-{tracking.number}", "currency": money.currency, "method": "cod"}
        return told(self.partner, fact_id, "payment_captured", order, at_ms, amount=money.amount, **fields)


def _label_document(intent: Label) -> dict[str, object]:
    order = intent.order
    cod = {"cod": {"amount": intent.cod_minor, "currency": intent.cod_currency}} if intent.cod_minor else {}
    return {
        **cod,
        "reference": intent.key,
        "from": intent.ship_from,
        "to": intent.ship_to,
        "parcel": intent.parcel,
        "service": intent.service,
        "format": intent.form,
        "metadata": Shipment(order.order_id, order.channel, order.seller, intent.shipment_id),
    }


def _found(intent: Label | Pickup, body: bytes) -> list[Any] | None:
    if isinstance(intent, Label):
        labels = decoded(body, LabelsAnswer)
        return None if labels is None else list(labels.labels)
    pickups = decoded(body, PickupsAnswer)
    return None if pickups is None else list(pickups.pickups)


def _bought(label: LabelAnswer) -> BoughtLabel:
    return BoughtLabel(label.id, label.tracking_number, label.price, label.currency, label.format, label.content)


def _tracked(tracking: TrackingAnswer) -> Tracked:
    scans = sorted(tracking.scans, key=lambda scan: scan.at)
    return Tracked(tracking.number, tuple(Scan(_unified(scan.code), scan.at, scan.place) for scan in scans))


def _unified(code: str) -> str:
    return code if code in SCAN_CODES else "unknown"
