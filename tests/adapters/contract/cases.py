"""What the contract's tests need of each adapter: a partner of it, samples of its intents, and what its side counts.

A new adapter adds one ``Case``; a test says when one is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters._intents import (
    Address,
    Authorize,
    CancelLink,
    Capture,
    Figures,
    Intent,
    Label,
    OrderReference,
    Parcel,
    PayLink,
    Pickup,
    Rate,
    Refund,
    Track,
    Void,
    VoidLabel,
)
from adapters._registry import open_partner
from adapters._signing import sign
from adapters._spec import Adapter, Delivery
from adapters.sandbox.server import Sandbox
from tests.labs.partner_lab import DEADLINE_MS, HOOK_SECRET, PLACES, STARTED_MS, PartnerLab

ORDER = OrderReference("A-1001", "web", "acme")
STREET_SECRET = "Geheime Gasse 7"  # stands in addresses, and must stand nowhere else


@dataclass(frozen=True)
class Case:
    given: dict[str, Any]  # the partner's table of the configuration, without its url
    faulty: Callable[[int, str], Intent]  # one that meets a fault by its number, under a key
    effects: Callable[[Sandbox, str], int]  # how often the partner has done what stands under a key
    samples: Callable[[PartnerLab], Any]  # awaits one intent of each type that can be done, in order
    notice: dict[str, Any]  # a webhook that tells something of an order
    notice_types: tuple[str, ...]  # of the events in it
    signed: Callable[[bytes, str, int], dict[str, str]]  # body, secret, seconds -> headers, in lower case

    def opened(self, url: str = "http://127.0.0.1:1", deadline_ms: int = DEADLINE_MS) -> Adapter[Any]:
        given = {**self.given, "url": url, "deadline_ms": deadline_ms}
        return open_partner("pay-or-ship", given, PLACES.__getitem__)

    def delivery(self, body: bytes, secret: str = HOOK_SECRET, at_s: int = STARTED_MS // 1_000) -> Delivery:
        return Delivery(self.signed(body, secret, at_s), body)


SECRETS = {"api_key": "env:SANDBOX_KEY", "hook_secrets": ["file:hook.secret", "env:OLD_HOOK"]}
COMMON = {"allow_private": True, "response_bytes_max": 1 << 20, **SECRETS}


def address(postcode: str = "10115", country: str = "DE") -> Address:
    return Address(name="Ada (ä) ^XZ", line1=STREET_SECRET, city="Berlin", postcode=postcode, country=country)


def authorize(amount_minor: int, key: str) -> Authorize:
    return Authorize(key=key, order=ORDER, amount_minor=amount_minor, currency="EUR", token="tok-secret-card")


def label(postcode: str, key: str, form: str = "pdf") -> Label:
    parcel = Parcel(1_500)
    ends = {"ship_from": address(), "ship_to": address(postcode)}
    return Label(key=key, order=ORDER, shipment_id="S-1", parcel=parcel, service="express", form=form, **ends)  # type: ignore[arg-type]


async def payment_samples(lab: PartnerLab) -> list[Intent]:
    first = await lab.to_the_end(authorize(5_000, "sample-1"))
    second = await lab.to_the_end(authorize(700, "sample-2"))
    third = await lab.to_the_end(PayLink(key="sample-7", order=ORDER, amount_minor=700, currency="EUR", expires_ms=1))
    paid, unpaid, link = (call.outcome.result.payment_id for call in (first, second, third))  # type: ignore[union-attr]
    money = {"order": ORDER, "amount_minor": 4_000, "currency": "EUR"}
    return [
        authorize(5_000, "sample-1"),
        Capture(key="sample-3", payment_id=paid, **money),  # type: ignore[arg-type]
        Refund(key="sample-4", payment_id=paid, reason="late", **money),  # type: ignore[arg-type]
        Void(key="sample-5", order=ORDER, payment_id=unpaid),
        PayLink(key="sample-6", expires_ms=STARTED_MS + 3_600_000, **money),  # type: ignore[arg-type]
        CancelLink(key="sample-8", order=ORDER, payment_id=link),
        Figures(key="sample-9", from_ms=0, until_ms=STARTED_MS + 86_400_000),
    ]


async def carrier_samples(lab: PartnerLab) -> list[Intent]:
    first = await lab.to_the_end(label("10115", "sample-1"))
    second = await lab.to_the_end(label("10115", "sample-2", "zpl"))
    kept, unused = first.outcome.result, second.outcome.result  # type: ignore[union-attr]
    span = {"ready_ms": STARTED_MS, "until_ms": STARTED_MS + 7_200_000}
    return [
        label("10115", "sample-1"),
        Rate(key="sample-3", ship_from=address(), ship_to=address("75001", "FR"), parcel=Parcel(2_500)),
        Track(key="sample-4", tracking_number=kept.tracking_number),  # type: ignore[union-attr]
        VoidLabel(key="sample-5", label_id=unused.label_id),  # type: ignore[union-attr]
        Pickup(key="sample-6", ship_from=address(), parcels=3, **span),
    ]


def timed_headers(body: bytes, secret: str, at_s: int) -> dict[str, str]:
    return {"sandbox-signature": sign(secret, body, at_s), "content-type": "application/json"}


CASES = {
    "sandbox_payments": Case(
        given={"adapter": "sandbox_payments", **COMMON},
        faulty=lambda number, key: authorize(120_000 + number, key),
        effects=lambda sandbox, key: sum(step["amount"] % 10_000 > 9_900 for step in sandbox.payments.steps),
        samples=payment_samples,
        notice={
            "id": "evt_1",
            "type": "payment.captured",
            "created": STARTED_MS,
            "data": {
                "id": "cap_1",
                "payment": "pay_1",
                "status": "captured",
                "amount": 4_493,
                "currency": "EUR",
                "created": STARTED_MS,
                "metadata": msgspec.to_builtins(ORDER),
                "method": "card",
            },
        },
        notice_types=("payment_captured",),
        signed=timed_headers,
    ),
    "sandbox_carrier": Case(
        given={"adapter": "sandbox_carrier", **COMMON},
        faulty=lambda number, key: label(f"1{number}", key),
        effects=lambda sandbox, key: sum(each.document["reference"] == key for each in sandbox.carrier.labels.values()),
        samples=carrier_samples,
        notice={
            "id": "evt_1",
            "type": "tracking.updated",
            "created": STARTED_MS,
            "data": {
                "number": "RR000000416XX",
                "metadata": {**msgspec.to_builtins(ORDER), "shipment_id": "S-1"},
                "scans": [{"id": "scan_1", "code": "delivered", "at": STARTED_MS, "place": "Berlin", "eta": 0}],
            },
        },
        notice_types=("scan", "deliver"),
        signed=timed_headers,
    ),
}
