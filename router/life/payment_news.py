"""What an order that its channel says again tells of its payment: an event, what is known already, or neither.

    word now      event                  while                                  amount
    paid          payment_captured       money is due                           all that is due
    authorized    payment_authorized     money is due and none was authorized   all that is due
    failed        payment_failed         none came
    voided        payment_voided         none came
    refunded      payment_refunded       money came                             all of it that did not go back

Where the books say already what the word says there is no news. What else a word may mean (a chargeback, a part, a
payment that became open again) says too little for an event: people are told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from router.life.payment_words import PAYMENT_WORDS, STATE_OF, Paid
from router.life.states import PaymentState
from router.spelling import word

Order = Mapping[str, Any]
_FAILED = frozenset(map(word, ("failed", "failure", "payment failed", "charge failed", "fehlgeschlagen", "支付失败")))
_VOIDED = frozenset(map(word, ("void", "voided")))
_REFUNDED = frozenset(map(word, ("refunded", "fully refunded", "payment refunded", "erstattet", "已退款")))
# States in which the books have what a word says, or what came of it since.
_KNOWN: dict[Paid, frozenset[PaymentState]] = {
    **{meaning: frozenset((state,)) for meaning, state in STATE_OF.items()},
    Paid.PARTLY: frozenset((PaymentState.PARTIALLY_PAID,)),
    Paid.AUTHORIZED: frozenset(
        (PaymentState.AUTHORIZED, PaymentState.PAID, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED)
    ),
    Paid.PAID: frozenset((PaymentState.PAID, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED)),
    Paid.PARTLY_REFUNDED: frozenset((PaymentState.PARTIALLY_REFUNDED,)),
}


class News(NamedTuple):
    event: dict[str, Any] | None = None  # to be reported
    is_known: bool = False
    why_not: str = ""  # in words, where it is neither


def payment_news(sent: Order, kept: Order, books: Order) -> News:
    """``sent``, ``kept``: ``payment`` of the order now and as it was stored; ``books``: the order as it stands, as
    ``GET /v1/orders/{id}`` shows it."""
    meaning, before = meaning_of(sent), meaning_of(kept)
    state = PaymentState[books["payment_state"].upper()]
    if meaning is None:
        return News(why_not=f"payment.status: {sent.get('status')!r} is no payment word")
    if meaning is before and _how(sent) != _how(kept):
        return News(why_not="how it is paid changed, which is no event")
    status = word(sent.get("status") or "")
    if state in _KNOWN[meaning] or (status in _VOIDED and _is_voided(books["payments"])):
        return News(is_known=True)
    found = _event(meaning, status, books["money"])
    if isinstance(found, str):
        return News(why_not=found)
    named = {"method": sent.get("method"), "payment_id": _payment_id(found["type"], sent, books["payments"])}
    body = found | {name: value for name, value in named.items() if value}
    return News({"event_id": _event_id(books["order_id"], body), "order_id": books["order_id"], **body})


def meaning_of(payment: Order) -> Paid | None:
    """None: an unknown word. Without a word an order is open."""
    status = word(payment.get("status") or "")
    return PAYMENT_WORDS.get(status) if status else Paid.OPEN


def _how(payment: Order) -> tuple[Any, ...]:
    return tuple(payment.get(name) or None for name in ("method", "reference"))


def _event(meaning: Paid, status: str, money: Order) -> dict[str, Any] | str:
    """Type and amount of the event; a sentence where there is none."""
    if meaning in (Paid.PAID, Paid.AUTHORIZED):
        if money["due"] <= 0:
            return "nothing is due of the order"
        return {"type": f"payment_{'captured' if meaning is Paid.PAID else 'authorized'}", "amount": money["due"]}
    if status in _REFUNDED:
        came = money["captured"] - money["refunded"]
        return {"type": "payment_refunded", "amount": came} if came > 0 else "no money came that could be refunded"
    if status in _FAILED or status in _VOIDED:
        if money["captured"]:
            return "money came for the order; say what became of it by an event"
        return {"type": f"payment_{'failed' if status in _FAILED else 'voided'}"}
    return "this payment word says too little for an event; send the event"


def _is_voided(payments: list[dict[str, Any]]) -> bool:
    """Whether there were payments, and nothing of them is left: an order is unpaid again then."""
    return bool(payments) and not any(payment["authorized"] or payment["captured"] for payment in payments)


def _payment_id(event: str, sent: Order, payments: list[dict[str, Any]]) -> str | None:
    """The payment that is meant: the only one that is reserved, as it is called. What goes back is of any, and what is
    void makes no payment."""
    if event == "payment_refunded":
        return None
    reserved = [payment for payment in payments if payment["authorized"]]
    if event != "payment_authorized" and len(reserved) == 1:
        name: str | None = reserved[0]["payment_id"]
        return name
    return None if event == "payment_voided" else sent.get("reference") or None


def _event_id(order_id: str, body: Order) -> str:
    """The same for the same news, whoever sends it and however often; other news of the order have another."""
    said = json.dumps([order_id, body], sort_keys=True).encode()
    return f"{body['type']}-{hashlib.blake2b(said, digest_size=12).hexdigest()}"
