"""The payment provider of the sandbox, as docs/partners.md describes its interface.

Every request that changes something has a key, which the provider knows for a day: it may be sent again as it is.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from adapters._intents import (
    Authorize,
    CancelledLink,
    CancelLink,
    Capture,
    Figures,
    FiguresPage,
    Intent,
    Link,
    Moved,
    OrderReference,
    PayLink,
    Payment,
    PaymentIntent,
    Refund,
    Void,
)
from adapters._signing import verify_timed
from adapters._spec import (
    Absent,
    Adapter,
    Declined,
    Delivery,
    Done,
    Doubt,
    HookAnswer,
    Kind,
    Outcome,
    PaymentSettings,
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
from adapters._told import MOMENT_MS_MAX, ToldEvent, told

SIGNATURE_HEADER = "sandbox-signature"  # in lower case, as deliveries have their headers
Id = Annotated[str, Meta(min_length=1, max_length=100)]
Moment = Annotated[int, Meta(ge=0, le=MOMENT_MS_MAX)]

Status = Literal["authorized", "captured", "refunded", "voided", "failed", "link_open", "link_cancelled"]
EVENT_TYPES: dict[Status, str] = {
    "authorized": "payment_authorized",
    "captured": "payment_captured",
    "refunded": "payment_refunded",
    "voided": "payment_voided",
    "failed": "payment_failed",
}


class SandboxPaymentSettings(PaymentSettings, frozen=True, kw_only=True):
    api_key: Secret
    hook_secrets: Rotated


class Metadata(msgspec.Struct):
    """What we gave it to carry; of a payment that another system made, nothing of it is there."""

    order_id: str = ""
    channel: str = ""
    seller: str = ""


class Step(msgspec.Struct):
    """One step of a payment, in answers and in webhooks alike."""

    id: Id
    payment: Id  # the payment that it is a step of
    status: Status
    amount: Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
    currency: Annotated[str, Meta(min_length=1, max_length=3)]
    created: Moment
    metadata: Metadata
    method: str = ""
    reason: str = ""
    url: str = ""
    expires: Moment = 0


class Steps(msgspec.Struct):
    """A page of steps, in order of time."""

    steps: list[Step]
    after: str = ""


class Complaint(msgspec.Struct):
    code: str
    message: str
    step: Step | None = None  # a payment that failed is a step, too


class Refusal(msgspec.Struct):
    error: Complaint


class Notice(msgspec.Struct):
    id: Id
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class SandboxPayments(Adapter[SandboxPaymentSettings]):
    spec: ClassVar[Spec] = Spec(
        name="sandbox_payments",
        kind=Kind.PAYMENT,
        about="the payment provider of `order-router partners sandbox`, for trials",
        settings=SandboxPaymentSettings,
        repeats={
            **dict.fromkeys((Authorize, Capture, Refund, Void, PayLink, CancelLink), Repeat.KEYED),
            Figures: Repeat.SAFE,
        },
    )

    def request(self, intent: Intent) -> WireRequest:
        if isinstance(intent, Figures):
            query = urlencode({"from": intent.from_ms, "until": intent.until_ms, "after": intent.after})
            return WireRequest(method="GET", path=f"{path_of('payments', 'steps')}?{query}", headers=self._headers())
        path, document = _asked(intent)
        headers = {**self._headers(), "Content-Type": "application/json", "Idempotency-Key": intent.key}
        return WireRequest(method="POST", path=path, headers=headers, body=msgspec.json.encode(document))

    def read(self, intent: Intent, response: WireResponse) -> Outcome:
        fault = read_fault(response)
        if fault is not None:
            return fault
        if response.status == 200 and isinstance(intent, Figures):
            return _page(decoded(response.body, Steps))
        if response.status in (200, 201):
            return self._done(intent, decoded(response.body, Step))
        refusal = decoded(response.body, Refusal)
        if refusal is None:
            return Doubt(Why.MALFORMED, f"status {response.status} with a body that is no refusal of this provider")
        step = refusal.error.step
        events = () if step is None else self._events_of(step)
        return Declined(refusal.error.code, refusal.error.message, events)

    def ask(self, intent: Intent) -> WireRequest:
        """Of what changes nothing the question is the request itself."""
        if isinstance(intent, Figures):
            return self.request(intent)
        return WireRequest(method="GET", path=path_of("payments", "by-key", intent.key), headers=self._headers())

    def read_asked(self, intent: Intent, response: WireResponse) -> Outcome:
        """It answers as it did when the key came first; 404 where it never did."""
        if response.status == 404 and not isinstance(intent, Figures):
            return Absent("the provider has never seen this key")
        return self.read(intent, response)

    def verify(self, delivery: Delivery, now_s: int) -> Unsigned | None:
        return verify_timed(
            delivery.headers.get(SIGNATURE_HEADER), delivery.body, self._secrets.valid("hook_secrets"), now_s
        )

    def events(self, body: bytes) -> list[ToldEvent]:
        notice = decoded(body, Notice)
        if notice is None:
            raise Unreadable("the delivery is no notice of this provider")
        if not notice.type.startswith("payment."):
            return []
        step = decoded(bytes(notice.data), Step)
        if step is None:
            raise Unreadable(f"notice {notice.id} has no payment that can be read")
        return list(self._events_of(step))

    def answer(self, told: Told) -> HookAnswer:
        """Anything but 200 is sent again."""
        statuses = {Told.TAKEN: 200, Told.UNSIGNED: 401, Told.UNREADABLE: 422, Told.NOT_KEPT: 409}
        return HookAnswer(statuses[told], "application/json", msgspec.json.encode({"told": told.value}))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secrets.newest('api_key')}"}

    def _done(self, intent: Intent, step: Step | None) -> Outcome:
        if step is None:
            return Doubt(Why.MALFORMED, "a success whose body cannot be read")
        if isinstance(intent, PayLink):
            return Done(Link(step.payment, step.url, step.expires))
        if isinstance(intent, CancelLink):
            return Done(CancelledLink(step.payment))
        return Done(Payment(step.payment, step.id, step.amount, step.currency), self._events_of(step))

    def _events_of(self, step: Step) -> tuple[ToldEvent, ...]:
        """The event of a step; a link that was made, or cancelled, is none."""
        type = EVENT_TYPES.get(step.status)
        if type is None or not step.metadata.order_id:
            return ()
        fields = {"payment_id": step.payment, "currency": step.currency, "method": step.method, "reason": step.reason}
        amount = {} if step.status == "voided" else {"amount": step.amount}
        order = OrderReference(step.metadata.order_id, step.metadata.channel, step.metadata.seller)
        return (told(self.partner, step.id, type, order, step.created, **fields, **amount),)


def _page(found: Steps | None) -> Outcome:
    if found is None:
        return Doubt(Why.MALFORMED, "a list of steps that cannot be read")
    moved = [
        Moved(step.payment, step.status, step.amount, step.currency, step.metadata.order_id)
        for step in found.steps
        if step.status == "captured" or step.status == "refunded"
    ]
    return Done(FiguresPage(tuple(moved), found.after))


def _asked(intent: Intent) -> tuple[str, dict[str, object]]:
    """Path and document of a request."""
    assert isinstance(intent, PaymentIntent) and not isinstance(intent, Figures), f"{intent} is no payment"
    document: dict[str, object] = {"metadata": intent.order}
    if isinstance(intent, Void):
        return path_of("payments", intent.payment_id, "void"), document
    if isinstance(intent, CancelLink):
        return path_of("payments", "links", intent.payment_id, "cancel"), document
    document |= {"amount": intent.amount_minor, "currency": intent.currency}
    match intent:
        case Authorize():
            return path_of("payments", "authorizations"), document | {"token": intent.token}
        case PayLink():
            return path_of("payments", "links"), document | {"expires": intent.expires_ms}
        case Capture():
            return path_of("payments", intent.payment_id, "captures"), document
        case Refund():
            return path_of("payments", intent.payment_id, "refunds"), document | {"reason": intent.reason}
