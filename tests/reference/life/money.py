"""Plain model of what payment events do to an order's money.

What came from outside is booked even where it is too much; what is asked of us is refused beyond what there is. An
event without an id is about the only payment there is; where there are several, about all of them, the first one
first, or about a further one that nobody has named. A payment that nobody has named takes the first id that is.
"""

from __future__ import annotations

from router.life.event_types import OrderEvent
from router.life.states import MoneyAccount, PaymentState
from tests.reference.life.events import Moves, Refused, Repeats
from tests.reference.life.order import Payment

E, P, M = OrderEvent, PaymentState, MoneyAccount
PAYMENTS_MAX = 64
WORDS = {
    M.AUTHORIZED: "authorized", M.CAPTURED: "captured", M.REFUNDING: "refunding", M.REFUNDED: "refunded",
    M.CREDITED: "credited", M.WRITTEN_OFF: "written_off",
}  # fmt: skip
# Of an order that costs nothing: from what was said of its payment to what is said now.
FREE = {
    E.PAYMENT_AUTHORIZED: ({P.UNPAID, P.FAILED}, P.AUTHORIZED, {P.AUTHORIZED, P.PAID, P.REFUNDED}),
    E.PAYMENT_CAPTURED: ({P.UNPAID, P.AUTHORIZED, P.FAILED}, P.PAID, {P.PAID}),
    E.PAYMENT_FAILED: ({P.UNPAID, P.AUTHORIZED}, P.FAILED, {P.FAILED}),
    E.PAYMENT_REFUNDED: ({P.PAID}, P.REFUNDED, {P.REFUNDED}),
    E.PAYMENT_VOIDED: ({P.AUTHORIZED}, P.UNPAID, set()),
}
GIVES_BACK = {E.PAYMENT_VOIDED, E.PAYMENT_REFUNDED, E.REFUND_REQUESTED, E.REFUND_FAILED}


class Paying:
    """One payment event on one order."""

    def __init__(self, order, event):
        self.order, self.event, self.amount = order, event, event.amount
        self.moves = Moves()
        self.payment = self.find()

    def run(self):
        order, event = self.order, self.event
        if event.currency not in (None, order.currency):
            raise Refused("CURRENCY")
        is_word = not self.amount or event.type == E.PAYMENT_FAILED  # nothing but that it is so
        if order.total == 0 and not order.payments and is_word and event.type in FREE:
            return self.say()
        if event.type in GIVES_BACK and event.payment is not None and not self.is_known():
            raise Refused("PAYMENT_UNKNOWN")
        if self.amount == 0 and event.type != E.PAYMENT_FAILED:
            raise Refused("NOTHING_DUE")
        may_be_new = event.type in (E.PAYMENT_AUTHORIZED, E.PAYMENT_CAPTURED, E.PAYMENT_FAILED)
        if may_be_new and self.payment is None and len(order.payments) >= PAYMENTS_MAX:
            raise Refused("LIMIT")
        {
            E.PAYMENT_AUTHORIZED: self.authorize, E.PAYMENT_CAPTURED: self.capture, E.PAYMENT_FAILED: self.fail,
            E.PAYMENT_VOIDED: self.void, E.PAYMENT_REFUNDED: self.refund, E.REFUND_REQUESTED: self.request,
            E.REFUND_FAILED: self.fail_request, E.WRITE_OFF: self.write_off, E.CREDIT: self.credit,
        }[event.type]()  # fmt: skip
        return self.moves

    def say(self):
        order, (before, after, repeats) = self.order, FREE[self.event.type]
        if order.said not in before:
            was_voided = after == P.UNPAID and order.said == P.UNPAID and order.said_of is not None
            raise Repeats if was_voided or order.said in repeats else Refused("TRANSITION")
        order.said, order.said_of = after, self.event.payment or order.said_of
        if after == P.FAILED:
            self.moves.money.append((order.said_of, M.FAILED, 1))
        return self.moves

    # --- which payment ---------------------------------------------------------------------------

    def find(self):
        payments, key = self.order.payments, self.event.payment
        if len(payments) == 1 and (key is None or payments[0].key is None):
            return payments[0]
        return next((payment for payment in payments if payment.key == key), None)

    def is_known(self):
        return self.payment is not None and (self.payment.key is not None or not self.payment.is_empty)

    @property
    def several(self):
        """The payments that money may go back to."""
        is_for_all = self.event.payment is None
        return self.order.payments if is_for_all else [self.payment] if self.payment else []

    def sum(self, account):
        return sum(getattr(payment, account) for payment in self.several)

    def book(self, payment, account, amount):
        """Add to one account and tell it; a payment that nobody has named takes the event's id."""
        if account in (M.CREDITED, M.WRITTEN_OFF):
            target, key = self.order, None
        else:
            if payment.key is None:
                payment.key = self.event.payment
            target, key = payment, payment.key
        setattr(target, WORDS[account], getattr(target, WORDS[account]) + amount)
        self.moves.money.append((key, account, amount))

    def own(self):
        """The payment that the event is about, made where it is new."""
        if self.payment is None:
            self.payment = Payment(self.event.payment)
            self.order.payments.append(self.payment)
        return self.payment

    # --- money that comes ------------------------------------------------------------------------

    def authorize(self):
        payment, amount, due = self.payment, self.amount, max(self.order.due(), 0)
        says_no_more = payment and amount in (payment.captured, None if due == 0 else payment.captured)
        if payment and payment.captured and not payment.authorized and says_no_more:
            raise Repeats  # told late
        if payment and payment.authorized and amount in (None, payment.authorized):
            raise Repeats
        amount = due if amount is None else amount
        if amount == 0:
            raise Refused("NOTHING_DUE")
        self.book(self.own(), M.AUTHORIZED, amount)
        self.payment.failed = False

    def capture(self):
        payment, amount, due = self.payment, self.amount, self.order.due()
        captured = payment.captured if payment else self.sum("captured")
        refunded = payment.refunded if payment else self.sum("refunded")
        if due <= 0 and captured and amount in (None, captured):
            raise Repeats if refunded < captured else Refused("TRANSITION")
        amount = max(due, 0) if amount is None else amount
        if amount == 0:
            raise Refused("NOTHING_DUE")
        self.name_one()
        payment = self.own()
        if payment.authorized:
            self.book(payment, M.AUTHORIZED, -min(payment.authorized, amount))
        self.book(payment, M.CAPTURED, amount)
        payment.failed = False

    def name_one(self):
        """It has to be said of which payment the event is, where it may be one of those that are authorized."""
        if self.payment is None and self.event.payment is None and self.order.sum("authorized"):
            raise Refused("WHICH_PAYMENT")

    def fail(self):
        payment = self.payment
        if payment.captured if payment else self.sum("captured"):
            raise Refused("TRANSITION")
        if payment and payment.failed:
            raise Repeats
        self.name_one()
        payment = self.own()
        if payment.authorized:
            self.book(payment, M.AUTHORIZED, -payment.authorized)
        payment.failed = True
        if payment.key is None:
            payment.key = self.event.payment
        self.moves.money.append((payment.key, M.FAILED, 1))

    # --- money that goes -------------------------------------------------------------------------

    def part_of(self, there, default):
        """The amount meant, which must be there."""
        amount = default if self.amount is None else self.amount
        if amount > there:
            raise Refused("AMOUNT_TOO_HIGH", wanted=amount, found=there)
        return amount

    def spread(self, amount, there, *bookings):
        """Over the payments that have some of it, the first one first; ``bookings`` are (account, sign)."""
        for payment in self.several:
            part = min(there(payment), amount)
            if part > 0:
                for account, sign in bookings:
                    self.book(payment, account, sign * part)
                amount -= part
        assert amount == 0

    def void(self):
        there = self.sum("authorized")
        if there == 0:
            was_voided = self.payment and self.payment.key is not None and self.payment.is_empty
            raise Repeats if was_voided else Refused("TRANSITION")
        amount = self.part_of(there, there)
        self.spread(amount, lambda payment: payment.authorized, (M.AUTHORIZED, -1))

    def refund(self):
        pending, free, refunded = self.sum("refunding"), self.sum("refundable"), self.sum("refunded")
        if pending + free == 0:
            if refunded and self.amount in (None, refunded):
                raise Repeats
            if self.amount is None:
                raise Refused("NOTHING_DUE")
        amount = self.part_of(pending + free, pending or free)
        asked = min(pending, amount)
        self.spread(asked, lambda payment: payment.refunding, (M.REFUNDING, -1), (M.REFUNDED, 1))
        self.spread(amount - asked, lambda payment: payment.refundable, (M.REFUNDED, 1))

    def request(self):
        there = self.sum("refundable")
        if there == 0 and self.amount is None:
            raise Refused("NOTHING_DUE")
        self.spread(self.part_of(there, there), lambda payment: payment.refundable, (M.REFUNDING, 1))

    def fail_request(self):
        there = self.sum("refunding")
        if there == 0:
            raise Refused("TRANSITION")
        self.spread(self.part_of(there, there), lambda payment: payment.refunding, (M.REFUNDING, -1))

    # --- money that is let off -------------------------------------------------------------------

    def write_off(self):
        due = max(self.order.due(), 0)
        if due == 0 and self.amount is None:
            raise Refused("NOTHING_DUE")
        self.book(None, M.WRITTEN_OFF, self.part_of(due, due))

    def credit(self):
        due, owed = max(self.order.due(), 0), self.order.owed()
        if due == 0 and self.amount is None:
            raise Refused("NOTHING_DUE")
        self.book(None, M.CREDITED, self.part_of(owed, due))
