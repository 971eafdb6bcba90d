"""What channels write into an order's ``payment.status``, and what it means for the order.

Words are compared by their letters and digits alone: "On-Hold", "on hold" and "ON_HOLD" are one. docs/orders.md has the
same table; a test compares them.
"""

from __future__ import annotations

from enum import IntEnum

from router.life.states import PaymentState
from router.spelling import word


class Paid(IntEnum):
    """What a word says. Unknown words are read as OPEN and flagged."""

    OPEN = 0  # nothing was paid yet
    PARTLY = 1  # a part was
    AUTHORIZED = 2
    PAID = 3
    FAILED = 4  # it will not be: the order is refused
    REFUNDED = 5  # it was, and was given back: the order is held, a person says whether it goes out all the same
    PARTLY_REFUNDED = 6  # a part was given back, and nobody says for what: held as well


_WORDS: dict[Paid, str] = {
    Paid.OPEN: """pending, unpaid, open, due, overdue, outstanding, on-hold, awaiting payment, payment pending,
        pending payment, not paid, invoiced, pay later, cash on delivery, cod, processing, in progress,
        created, new, requires action, requires payment method, requires confirmation, wait buyer pay,
        notpay, userpaying, payment due, offen, ausstehend, en attente, pendiente, 待付款, 未付款""",
    Paid.PARTLY: "partially paid, partly paid, partial, part paid, deposit paid, teilbezahlt, 部分付款",
    Paid.AUTHORIZED: """authorized, authorised, preauthorized, preauthorised, approved, reserved, payment accepted,
        requires capture, uncaptured, autorisiert""",
    Paid.PAID: """paid, captured, settled, completed, complete, paid in full, fully paid, succeeded, success,
        successful, cleared, collected, payment received, processed, payment completed, trade success, trade
        finished, canceled reversal, bezahlt, payé, pagado, 已付款, 已支付""",
    Paid.FAILED: """failed, failure, declined, denied, rejected, refused, error, void, voided, cancelled, canceled,
        expired, chargeback, charged back, disputed, dispute, dispute lost, reversed, fraud, fraudulent,
        blocked, abandoned, aborted, timed out, timeout, insufficient funds, uncollectible, written off,
        payment failed, payment error, charge failed, payment denied, payment cancelled, not authorized, in
        dispute, trade closed, revoked, payerror, fehlgeschlagen, storniert, 支付失败, 已取消""",
    Paid.REFUNDED: """refunded, refund, fully refunded, refund pending, refunding, returned, payment refunded,
        erstattet, remboursé, reembolsado, 已退款, 退款中""",
    Paid.PARTLY_REFUNDED: "partially refunded, partly refunded, partial refund, teilerstattet, 部分退款",
}
PAYMENT_WORDS: dict[str, Paid] = {word(text): meaning for meaning, texts in _WORDS.items() for text in texts.split(",")}
# Words of ``payment.method``, and of ``payment.status``, that say that the carrier collects the money.
CASH_ON_DELIVERY_WORDS = (
    "cod", "cash on delivery", "pay on delivery", "nachnahme", "contre remboursement", "contra reembolso", "货到付款",
)  # fmt: skip
CASH_ON_DELIVERY: dict[str, int] = {word(text): number for number, text in enumerate(CASH_ON_DELIVERY_WORDS)}
# What an order's books open with. Amounts of a part are not known: they come as events.
STATE_OF: dict[Paid, PaymentState] = {
    Paid.OPEN: PaymentState.UNPAID,
    Paid.PARTLY: PaymentState.UNPAID,
    Paid.AUTHORIZED: PaymentState.AUTHORIZED,
    Paid.PAID: PaymentState.PAID,
    Paid.FAILED: PaymentState.FAILED,
    Paid.REFUNDED: PaymentState.REFUNDED,
    Paid.PARTLY_REFUNDED: PaymentState.PAID,
}


def is_cash_on_delivery(payment: object) -> bool:
    """Whether ``payment`` of an order, as its channel wrote it, says that the carrier collects the money."""
    said = payment if isinstance(payment, dict) else {}
    return any(word(text) in CASH_ON_DELIVERY for text in (said.get("method"), said.get("status")) if text)


def words_of(meaning: Paid) -> list[str]:
    """The words as people write them, for documentation."""
    return [" ".join(text.split()) for text in _WORDS[meaning].split(",")]
