"""The sandbox's payment provider: authorisations, captures, refunds and voids, each step once a key.

It keeps its own books and refuses what a real one refuses: more than was authorised, more than was captured, a key
with another body. ``run`` begins every id, so that two runs never tell the same fact.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from adapters.sandbox.reply import Document, Notice, Reply, refusal

KEY_LIVES_MS = 86_400_000
PAGE_STEPS = 100
DECLINED_TOKEN = "tok_declined"  # a buyer's card that always fails


@dataclass
class Held:
    """One payment."""

    currency: str
    authorized: int
    captured: int = 0
    refunded: int = 0
    is_voided: bool = False


@dataclass
class OpenLink:
    """One payment link."""

    expires: int
    metadata: Document
    status: str = "open"  # paid, cancelled


@dataclass
class Known:
    """What came under a key, and what was answered."""

    question: bytes
    reply: Reply
    at_ms: int


@dataclass
class PaymentProvider:
    run: str
    payments: dict[str, Held] = field(default_factory=dict)
    links: dict[str, OpenLink] = field(default_factory=dict)  # by their payment
    steps: list[Document] = field(default_factory=list)  # all that took effect, for whoever counts
    _known: dict[str, Known] = field(default_factory=dict)
    _count: int = 0

    def post(self, path: tuple[str, ...], body: Document, key: str, now_ms: int, is_declined: bool) -> Reply:
        """A request below ``/payments``. A key that is known answers as before; with another body it is refused."""
        question = msgspec.json.encode([path, body], order="deterministic")
        known = self._known.get(key)
        if known is not None and now_ms < known.at_ms + KEY_LIVES_MS:
            if known.question == question:
                return Reply(known.reply.status, known.reply.document)
            return refusal(409, "key_reused", "the Idempotency-Key was used with another request")
        reply = self._do(path, body, now_ms, is_declined)
        self._known[key] = Known(question, reply, now_ms)
        return reply

    def by_key(self, key: str) -> Reply:
        """What was answered under a key, also when its day is over."""
        known = self._known.get(key)
        if known is None:
            return refusal(404, "key_unknown", "no request had this Idempotency-Key")
        return Reply(known.reply.status, known.reply.document)

    def steps_of(self, from_ms: int, until_ms: int, after: str) -> Reply:
        """What took effect from one moment to before another, page by page."""
        found = [step for step in self.steps if from_ms <= step["created"] < until_ms]
        first = int(after or 0)
        behind = first + PAGE_STEPS
        return Reply(200, {"steps": found[first:behind], "after": str(behind) if behind < len(found) else ""})

    def _do(self, path: tuple[str, ...], body: Document, now_ms: int, is_declined: bool) -> Reply:
        match path:
            case ("authorizations",) if is_declined:
                return self._declined(body, now_ms)
            case _ if is_declined:
                return refusal(402, "declined", "The provider does not do this; ask the buyer for another way.")
            case ("authorizations",):
                payment = self._new_id("pay")
                self.payments[payment] = Held(body["currency"], body["amount"])
                return self._step(payment, payment, "authorized", body, now_ms, method="card")
            case ("links",):
                return self._link(body, now_ms)
            case ("links", payment, "pay" | "cancel") if payment in self.links:
                return self._pay(payment, body, now_ms) if path[2] == "pay" else self._cancel(payment, body, now_ms)
            case ("links", _, "pay" | "cancel"):
                return refusal(404, "link_unknown", "no link has this payment")
            case (payment, "captures" | "refunds" | "void") if payment in self.payments:
                return self._move(payment, path[1], body, now_ms)
            case (_, "captures" | "refunds" | "void"):
                return refusal(404, "payment_unknown", "no payment has this id")
            case _:
                return refusal(404, "path_unknown", "the sandbox has no such path")

    def _declined(self, body: Document, now_ms: int) -> Reply:
        payment = self._new_id("pay")
        failed = self._step(payment, payment, "failed", body, now_ms, reason="insufficient funds")
        told = refusal(402, "card_declined", "The card has insufficient funds.", step=failed.document)
        return Reply(told.status, told.document, failed.notices)

    def _link(self, body: Document, now_ms: int) -> Reply:
        payment = self._new_id("pay")
        self.payments[payment] = Held(body["currency"], body["amount"])
        self.links[payment] = OpenLink(body["expires"], body["metadata"])
        url = f"https://pay.sandbox.invalid/{payment}"
        made = self._step(payment, self._new_id("link"), "link_open", body, now_ms, url=url, expires=body["expires"])
        return Reply(made.status, made.document)

    def _cancel(self, payment: str, body: Document, now_ms: int) -> Reply:
        """Cancelling what is cancelled is no fault; what was paid is refunded, not cancelled."""
        link = self.links[payment]
        if link.status == "paid":
            return refusal(409, "link_paid", "somebody has paid by this link")
        link.status = "cancelled"
        made = self._step(payment, self._new_id("link"), "link_cancelled", body, now_ms)
        return Reply(made.status, made.document)

    def _pay(self, payment: str, body: Document, now_ms: int) -> Reply:
        """What the buyer's browser would do, for whoever tries things out. A card that fails is a payment of its own,
        and the link stays open; ``amount`` is what comes where it is not what was asked for."""
        link, held = self.links[payment], self.payments[payment]
        if link.status != "open":
            return refusal(409, f"link_{link.status}", f"the link was {link.status} before")
        if now_ms >= link.expires:
            return refusal(410, "link_expired", "the time of this link is over")
        paid = {"amount": body.get("amount", held.authorized), "currency": held.currency, "metadata": link.metadata}
        if body.get("token") == DECLINED_TOKEN:
            return self._declined(paid, now_ms)
        link.status, held.captured = "paid", paid["amount"]
        return self._step(payment, self._new_id("cap"), "captured", paid, now_ms, method=body.get("method", "card"))

    def _move(self, payment: str, what: str, body: Document, now_ms: int) -> Reply:
        held, amount = self.payments[payment], body.get("amount", 0)
        if what != "void" and body["currency"] != held.currency:
            return refusal(422, "currency_differs", f"the payment is in {held.currency}")
        if what == "captures":
            if held.is_voided or amount > held.authorized - held.captured:
                return refusal(422, "amount_too_high", f"{held.authorized - held.captured} can be captured")
            held.captured += amount
            return self._step(payment, self._new_id("cap"), "captured", body, now_ms, method="card")
        if what == "refunds":
            if amount > held.captured - held.refunded:
                return refusal(422, "amount_too_high", f"{held.captured - held.refunded} can be refunded")
            held.refunded += amount
            return self._step(payment, self._new_id("ref"), "refunded", body, now_ms, reason=body.get("reason", ""))
        if held.captured:
            return refusal(422, "captured_already", "a payment that was captured is refunded, not voided")
        held.is_voided = True
        return self._step(payment, self._new_id("void"), "voided", body, now_ms)

    def _step(self, payment: str, step: str, status: str, body: Document, now_ms: int, **more: object) -> Reply:
        currency = self.payments[payment].currency if payment in self.payments else body["currency"]
        document = {
            "id": step,
            "payment": payment,
            "status": status,
            "amount": body.get("amount", 0),
            "currency": currency,
            "created": now_ms,
            "metadata": body.get("metadata", {}),
            **more,
        }
        self.steps.append(document)
        return Reply(201, document, [Notice(f"payment.{status}", self._new_id("evt"), now_ms, document)])

    def _new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self.run}_{self._count}"
