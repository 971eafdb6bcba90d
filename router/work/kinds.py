"""Kinds of work: one row a kind. What raises it, what ends it, whose queue it is, and what a person can do about it.

    begins   the state after a change is one of ``states`` and the one before was not; or, where ``events`` are named,
             one of them was applied, from one of ``before``
    ends     the state is none of ``states`` any more, or an event of ``ended_by`` was applied
    patience how long it has to last before anybody is told; none: at once
    waits    nobody is told: the desk itself reports something when the state becomes one of another set

Names are permanent: they stand in the desk's database and in the keys of its items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from kernels.reasons import PAYMENT_OPEN
from router.life.event_types import EVENT_TYPES, NEEDS, TAKES, OrderEvent
from router.life.holds import REVIEW
from router.life.states import OrderState, PaymentState
from router.work.standing import (
    HELD,
    TO_BE_PAID,
    UNDELIVERED,
    UNPICKED,
    UNSENT,
    WAITING,
    Mask,
    mask,
)

E, S, P = OrderEvent, OrderState, PaymentState
Queue = Literal["orders", "payments", "warehouse", "carriers"]
Patience = Literal[
    "", "unpaid_after_ms", "waiting_after_ms", "unsent_after_ms", "undelivered_after_ms",
    "uncollected_after_ms", "uncaptured_after_ms", "expires",
]  # fmt: skip
REFUSED = "event_refused"  # the one kind that is not read off the state of an order
OWN_SOURCE = "desk"  # of its events, or "desk:NAME": what became of them is said beside their items
QUEUES: tuple[Queue, ...] = ("orders", "payments", "warehouse", "carriers")


@dataclass(frozen=True, eq=False)
class WorkKind:
    """A row of KINDS."""

    queue: Queue
    reason: str  # a sentence; ``{why}`` is what the change says of it, ``{about}`` the type of a refused event
    remedy: str
    acts: tuple[OrderEvent, ...]  # events that may settle it
    states: Mask = field(default_factory=mask)
    before: Mask = field(default_factory=mask)
    events: frozenset[OrderEvent] = frozenset()
    ended_by: frozenset[OrderEvent] = frozenset()
    restarted_by: frozenset[OrderEvent] = frozenset()  # it ends and, where the state still says so, begins again
    patience: Patience = ""
    sends: OrderEvent | None = None  # instead of an item for people: what the router reports itself
    hold: str = ""  # that this report takes off, and no other
    waits_for: Mask | None = None  # it is reported when the state ends in one of these, and else never
    held_for: int | None = None  # an order begins it, held for this reason of kernels/reasons.py and no other
    cod: bool | None = None  # True: of orders that are paid on delivery alone; False: of all others
    if_overpaid: bool = False  # only where more has come, or is kept, than is owed
    is_own: bool = False  # raised by the desk itself, and read off no change of an order

    @property
    def lasts(self) -> bool:
        """Whether it is kept as something that has begun, before anybody hears of it."""
        return bool(self.patience) or self.waits_for is not None


_NONE = mask(())
_GIVEN_BACK = frozenset({E.REFUND_REQUESTED, E.PAYMENT_REFUNDED, E.CREDIT})

KINDS: Mapping[str, WorkKind] = MappingProxyType(
    {
        "rejected": WorkKind(
            "orders",
            "The order was refused: {why}",
            "Mend the order, or the table it does not fit, and send it again under the same order_id.",
            (),
            mask({S.REJECTED}),
        ),
        "event_refused": WorkKind(
            "orders",
            "A report about the order was refused ({about}): {why}",
            "Find out which is right, the report or the order; report what is missing, then this again.",
            (),
        ),
        "held": WorkKind(
            "orders",
            "The order is on hold and will not be picked: {why}",
            "Look at it, then release it, or reject it, which gives its units to others.",
            (E.RELEASE, E.REVIEW_REJECT, E.CANCEL),
            mask(HELD),
        ),
        "payment_failed": WorkKind(
            "payments",
            "The payment failed; the units stay taken for the order.",
            "Ask the buyer for another payment, or cancel the order.",
            (E.PAYMENT_CAPTURED, E.PAYMENT_AUTHORIZED, E.CANCEL, E.WRITE_OFF),
            mask(TO_BE_PAID, {P.FAILED}),
        ),
        "unpaid": WorkKind(
            "payments",
            "The order is not paid in full.",
            "Remind the buyer, book what came, or cancel the order.",
            (E.PAYMENT_CAPTURED, E.CANCEL, E.WRITE_OFF, E.HOLD),
            mask(TO_BE_PAID, {P.UNPAID, P.PARTIALLY_PAID}),
            patience="unpaid_after_ms",
            cod=False,
        ),
        "uncaptured": WorkKind(
            "payments",
            "Money of the order is authorized, and nobody has taken it.",
            "Capture it before the authorization lapses, or void it and ask for another payment.",
            (E.PAYMENT_CAPTURED, E.PAYMENT_VOIDED, E.CANCEL, E.WRITE_OFF),
            mask(TO_BE_PAID, {P.AUTHORIZED}),
            patience="uncaptured_after_ms",
        ),
        "uncollected": WorkKind(
            "payments",
            "The order was delivered against cash, and nobody has reported the money.",
            "Ask the carrier for the money; book what came, or give it up.",
            (E.PAYMENT_CAPTURED, E.WRITE_OFF, E.RETURN),
            mask({S.DELIVERED}, {P.UNPAID, P.PARTIALLY_PAID}),
            patience="uncollected_after_ms",
            cod=True,
        ),
        # Of an order on hold: refused where somebody releases it in the same moment.
        "expire_held": WorkKind(
            "payments",
            "The order was not paid in time.",
            "It is cancelled, and its units go to who waits for them.",
            (E.EXPIRE,),
            mask(HELD, {P.UNPAID, P.FAILED}),
            patience="expires",
            sends=E.EXPIRE,
            cod=False,
        ),
        "expire": WorkKind(
            "payments",
            "The order was not paid in time.",
            "It is cancelled, and its units go to who waits for them.",
            (E.CANCEL,),
            mask(UNPICKED, {P.UNPAID, P.FAILED}),
            patience="expires",
            sends=E.CANCEL,
            cod=False,
        ),
        "paid_held": WorkKind(
            "payments",
            "The order was on hold until it is paid.",
            "It is released when the money has come, or is certain to.",
            (E.RELEASE,),
            mask(HELD, {P.UNPAID, P.FAILED, P.PARTIALLY_PAID}),
            sends=E.RELEASE,
            hold=REVIEW,
            waits_for=mask(HELD, {P.AUTHORIZED, P.PAID}),
            held_for=PAYMENT_OPEN,
        ),
        "to_pay_back": WorkKind(
            "payments",
            "Nothing of the order is to be sent any more, and its money is still here.",
            "Give the money back, or void what was authorized.",
            (E.REFUND_REQUESTED, E.PAYMENT_REFUNDED, E.PAYMENT_VOIDED),
            mask({S.CANCELLED, S.RETURNED}, {P.AUTHORIZED, P.PARTIALLY_PAID, P.PAID, P.PARTIALLY_REFUNDED}),
        ),
        "paid_again": WorkKind(
            "payments",
            "Money came for an order that was paid already.",
            "Find out whose it is; give back what is too much.",
            (E.REFUND_REQUESTED, E.PAYMENT_REFUNDED, E.REVERSE),
            before=mask(payments={P.PAID}),
            events=frozenset({E.PAYMENT_CAPTURED}),
            ended_by=_GIVEN_BACK,
        ),
        "overpaid": WorkKind(
            "payments",
            "More money came for the order than is to be paid.",
            "Find out why; give back what is too much.",
            (E.REFUND_REQUESTED, E.PAYMENT_REFUNDED, E.REVERSE),
            mask(set(S) - {S.CANCELLED, S.RETURNED}, {P.PAID, P.PARTIALLY_REFUNDED}),
            before=mask(payments=set(P) - {P.PAID}),
            events=frozenset({E.PAYMENT_CAPTURED}),
            ended_by=_GIVEN_BACK | {E.REVERSE},
            if_overpaid=True,
        ),
        "refund_failed": WorkKind(
            "payments",
            "Money that was to go back to the buyer did not: {why}",
            "Ask the buyer for another way, and give it back that way.",
            (E.REFUND_REQUESTED, E.PAYMENT_REFUNDED),
            events=frozenset({E.REFUND_FAILED}),
            ended_by=frozenset({E.REFUND_REQUESTED, E.PAYMENT_REFUNDED}),
        ),
        "refund_to_approve": WorkKind(
            "payments",
            "Money is to go back to the buyer, more than was allowed to whoever asked: {why}",
            "Resolve it with approve: true sends the money, false leaves it where it is.",
            (),
            _NONE,
            is_own=True,
        ),
        "refund_by_hand": WorkKind(
            "payments",
            "Money is to go back to the buyer, and no partner can be asked to send it: {why}",
            "Pay it back, then report that it went, or that it did not.",
            (E.PAYMENT_REFUNDED, E.REFUND_FAILED),
            _NONE,
            is_own=True,
        ),
        "refund_stuck": WorkKind(
            "payments",
            "Nobody knows whether money went back to the buyer, and the partner was asked often: {why}",
            "Look at the partner's own pages and report what became of it; without a report it is asked again.",
            (E.PAYMENT_REFUNDED, E.REFUND_FAILED),
            _NONE,
            is_own=True,
        ),
        "instalment_overdue": WorkKind(
            "payments",
            "An instalment of the order was not paid in time: {why}",
            "Remind the buyer and ask for it again, book what came, or give it up.",
            (E.PAYMENT_CAPTURED, E.WRITE_OFF, E.CREDIT),
            _NONE,
            is_own=True,
        ),
        "figures_differ": WorkKind(
            "payments",
            "A partner's figures of a day are not what the books say: {why}",
            "Find out which is right; report what is missing, or reverse what is not so, and compare the day again.",
            (E.PAYMENT_CAPTURED, E.PAYMENT_REFUNDED, E.REVERSE),
            _NONE,
            is_own=True,
        ),
        "payment_unplaced": WorkKind(
            "payments",
            "A partner told of money, and no order takes it: {why}",
            "Find out whose it is; it is tried again by itself, until you end this.",
            (),
            _NONE,
            is_own=True,
        ),
        "parcel_unplaced": WorkKind(
            "carriers",
            "A partner told of a parcel, and no order takes it: {why}",
            "Find out whose it is; it is tried again by itself, until you end this.",
            (),
            _NONE,
            is_own=True,
        ),
        "label_failed": WorkKind(
            "carriers",
            "A shipment was asked for, and its carrier makes no label: {why}",
            "Mend what the carrier says, or name another one, and ask for the shipment anew.",
            (),
            _NONE,
            is_own=True,
        ),
        "label_stuck": WorkKind(
            "carriers",
            "Nobody knows whether a label was bought or voided, and the carrier was asked often: {why}",
            "Look at the carrier's own pages; resolve this to have it asked again, or void the shipment to let it go.",
            (),
            _NONE,
            is_own=True,
        ),
        "tracking_check": WorkKind(
            "carriers",
            "A parcel was reported under a tracking number that its carrier cannot have: {why}",
            "Look at the label; reverse the report and send it anew with the right number, which scans will have.",
            (E.REVERSE, E.SHIP, E.SCAN),
            _NONE,
            is_own=True,
        ),
        "ship_refused": WorkKind(
            "carriers",
            "A shipment was to leave, and the order does not take it: {why}",
            "Keep the parcel back, or report what is missing and ship it again; void the shipment if it is not to go.",
            (),
            _NONE,
            is_own=True,
        ),
        "short_picked": WorkKind(
            "warehouse",
            "A node has not got units of the order, and not all of them could be had elsewhere: {why}",
            "Count the node, receive stock, move the units to a node that has them, or cancel what is missing.",
            (E.MOVE, E.CANCEL),
            mask(WAITING),
            events=frozenset({E.SHORT_PICK, E.REFUSE}),
        ),
        "waiting": WorkKind(
            "warehouse",
            "A part of the order waits: for stock, or behind the rest of it.",
            "Receive stock, move the units to a node that has them, send the rest, or cancel what is missing.",
            (E.MOVE, E.CANCEL, E.SHIP),
            mask(WAITING),
            patience="waiting_after_ms",
        ),
        "unsent": WorkKind(
            "warehouse",
            "The order has its units, and they have not left.",
            "Pick and send it, move it to another node, or cancel it.",
            (E.PICK, E.PACK, E.SHIP, E.SHORT_PICK, E.MOVE, E.CANCEL),
            mask(UNSENT),
            patience="unsent_after_ms",
        ),
        "undelivered": WorkKind(
            "carriers",
            "The order was sent, and nothing was heard of it since.",
            "Ask the carrier; report where it is, that it was delivered, or that it is lost.",
            (E.SCAN, E.DELIVER, E.LOSE),
            mask(UNDELIVERED),
            restarted_by=frozenset({E.SCAN}),
            patience="undelivered_after_ms",
        ),
        "lost": WorkKind(
            "carriers",
            "Units of the order were lost on their way: {why}",
            "Send them again or give the money back, and claim the loss from the carrier.",
            (E.REFUND_REQUESTED, E.CREDIT, E.DELIVER, E.RETURN),
            events=frozenset({E.LOSE}),
            ended_by=frozenset({*_GIVEN_BACK, E.DELIVER, E.RETURN, E.CLOSE}),
        ),
    }
)


def acts_of(kind: str, about: str) -> list[dict[str, object]]:
    """The events that may settle an item: their types, the fields they take, and those they say nothing without."""
    acts = (*KINDS[kind].acts, *((EVENT_TYPES[about],) if about else ()))
    return [
        {"type": event.name.lower(), "fields": list(TAKES[event]), "needs": list(NEEDS.get(event, ()))}
        for event in acts
    ]
