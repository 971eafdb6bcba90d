"""A request for money as the desk keeps it: who asked for it, how it can be paid, how far it is.

requested ─(what was open before is cancelled)─▶ sent: a call to the partner ─▶ open: a link ─▶ paid
    │                                              └──▶ failed                   ├──▶ expired
    └── a transfer is open at once, by its reference                             └──▶ cancelled

One request of an order is open at a time, so that the same debt is not collected twice. Money that comes for one that
has ended is booked like any other, and the request is paid.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from router.bound import Bound
from router.errors import Refused
from router.ids import Scope
from router.life.instalments import Instalment, left_of
from router.work.item import kept_text

Method = Literal["link", "bank_transfer"]
PayState = Literal["requested", "sent", "open", "paid", "failed", "expired", "cancelled"]
LIVE: tuple[PayState, ...] = ("requested", "sent", "open")
PAY_REQUEST_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_CALL_KEY = re.compile(rf"(?P<request>{PAY_REQUEST_ID.pattern})-(?P<step>link|cancel)", re.ASCII)


class PayRefused(Refused):
    """Money that cannot be asked for; ``code`` is that of the problem."""

    def __init__(self, code: str, detail: str, possible_minor: int = 0) -> None:
        super().__init__(detail)
        self.code = code
        self.possible_minor = possible_minor  # what could be asked for all the same


class PayAsked(NamedTuple):
    """What the holder of a key asks for."""

    order_key: str
    method: Method
    amount_minor: int | None  # None = the next instalment, or all that is due
    percents: tuple[int, ...]  # of a plan that is agreed with it; none = no new plan
    plan: tuple[Instalment, ...]  # the same plan, its amounts not known yet
    caller: str  # name of the key
    key: str  # by which the same request is known when it comes again
    digest: str
    now_ms: int


class PayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Times are Unix milliseconds, amounts minor units of the order's currency."""

    request_id: str
    order_key: str
    order_id: str
    channel: str
    seller: str
    order_version: int
    currency: str
    amount_minor: int
    instalment: int  # which one of the order's plan, from 1; 0 = of no plan
    method: Method
    partner: str  # who makes the link; "" = nobody is asked, the buyer transfers it
    state: PayState
    closing: int = 0  # 1 = it is to be cancelled as soon as the partner can be told
    payment_id: str = ""  # the partner's, or the reference of a transfer: as the payment will be called
    pay_url: str = ""
    paid_minor: int = 0  # what came for it
    expires_ms: int
    detail: str = ""  # why it ended, in words
    asked_by: str
    asked_ms: int
    changed_ms: int

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def left_minor(self) -> int:
        return max(self.amount_minor - self.paid_minor, 0)

    def call_key(self, step: Literal["link", "cancel"]) -> str:
        """By which the partner knows the request, and its cancelling."""
        return f"{self.request_id}-{step}"

    def now(self, state: PayState, now_ms: int, detail: str = "") -> PayRequest:
        return msgspec.structs.replace(self, state=state, changed_ms=now_ms, detail=kept_text(detail) or self.detail)

    def is_of(self, bound: Bound) -> bool:
        return bound.has(self.channel, self.seller)


class PayOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an order of which money was asked for, or a payment failed."""

    order_key: str
    failures: int = 0  # payments of it that failed
    plan: str = "[]"  # of Instalment, as JSON; none = all at once
    agreed_by: str = ""
    agreed_ms: int = 0
    before_minor: int = 0  # what had come before that
    shipped_ms: int = 0  # when all of it had left; 0 = not yet
    next_ms: int = 0  # when the next instalment is to be asked for; 0 = that is not known, or it was

    @property
    def instalments(self) -> list[Instalment]:
        return [Instalment(*each) for each in msgspec.json.decode(self.plan)]

    def lefts(self, captured_minor: int, due_minor: int) -> list[int]:
        """What is left of each instalment, as the order stands."""
        return [left.left_minor for left in left_of(self.instalments, captured_minor - self.before_minor, due_minor)]

    def falls_due_ms(self, instalment: Instalment) -> int | None:
        """When it is to be paid; None while that is not known."""
        if instalment.falls == "now":
            return self.agreed_ms
        return self.shipped_ms + instalment.days * DAY_MS if self.shipped_ms else None


DAY_MS = 86_400_000


class PayTerms(NamedTuple):
    """What the configuration says of asking for money."""

    scope: Scope
    partner: str  # who makes payment links; "" = nobody
    transfer_to: str  # the account, in words for the buyer; "" = nothing is transferred
    link_lives_ms: int
    pay_again: bool
    other_ways_after: int  # payments that failed; 0 = never
    instalments_from: Mapping[str, int]  # by currency: minor units of an order's total
    instalment_days: int  # after the shipping
    instalment_within_ms: int
    figures_of: frozenset[str]  # partners that can be asked for their figures
    answer_ms: int  # that people have for an item


def request_of_call(key: str) -> str | None:
    """The request that a call to a partner is about."""
    found = _CALL_KEY.fullmatch(key)
    return None if found is None else found["request"]


def request_id_of(cause: str) -> str:
    """Of a request that the desk makes by itself: the same for the same cause, so that a desk which reads the log again
    asks the partner under the same key. A UUID of version 8 (RFC 9562)."""
    digest = bytearray(hashlib.blake2b(cause.encode(), digest_size=16).digest())
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def transfer_reference(request_id: str) -> str:
    """A creditor reference of ISO 11649 (``RF``, two check digits, up to 21 characters): what the buyer writes into the
    transfer, and by which the money is known when it comes."""
    body = _base36(int(hashlib.blake2b(request_id.encode(), digest_size=10).hexdigest(), 16)).rjust(16, "0")
    return f"RF{98 - _mod97(f'{body}RF00'):02d}{body}"


def is_reference(text: str) -> bool:
    """Whether a text is a creditor reference whose check digits are right."""
    return re.fullmatch(r"RF\d\d[0-9A-Z]{1,21}", text) is not None and _mod97(f"{text[4:]}{text[:4]}") == 1


def as_reference(text: str) -> str:
    """As buyers and banks write it: in groups, in any case."""
    return "".join(text.split()).upper()


def _mod97(text: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in text)) % 97


def _base36(number: int) -> str:
    signs = ""
    while number:
        number, rest = divmod(number, 36)
        signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + signs
    return signs


def pay_view(request: PayRequest, transfer_to: str, expires_at: str | None, requested_at: str | None) -> dict[str, Any]:
    """As ``GET /v1/payments/{id}`` shows it."""
    is_transfer = request.method == "bank_transfer"
    return {
        "payment_request_id": request.request_id,
        "order_id": request.order_id,
        "channel": request.channel,
        "seller": request.seller or None,
        "status": request.state,
        "amount": request.amount_minor,
        "paid": request.paid_minor,
        "currency": request.currency,
        "instalment": request.instalment or None,
        "method": request.method,
        "partner": request.partner or None,
        "payment_id": None if is_transfer else request.payment_id or None,
        "reference": (request.payment_id or None) if is_transfer else None,
        "transfer_to": (transfer_to or None) if is_transfer else None,
        "pay_url": request.pay_url if request.state == "open" and not request.closing and request.pay_url else None,
        "expires_at": expires_at,
        "detail": request.detail or None,
        "requested_by": request.asked_by,
        "requested_at": requested_at,
    }


def next_instalment(lefts: Sequence[int]) -> int:
    """Number, from 1, of the first of which anything is left; 0 where nothing is."""
    return next((number for number, left in enumerate(lefts, 1) if left), 0)
