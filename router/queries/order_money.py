"""The money of an order and its payments; minor units of its currency."""

from __future__ import annotations

import numpy as np

from router.life.books import Books
from router.life.open_book import OpenBook, Payment
from router.life.scratch import ROW
from router.life.states import PaymentState
from router.log.columns import MONEY_SHOWN
from router.queries.source import Row
from router.queries.words import OrderWords

P = PaymentState


def money_view(books: Books) -> Row:
    """By MONEY_SHOWN; ``books`` have the order in ROW."""
    _, money = books.sums(np.array([ROW]))
    return dict(zip(MONEY_SHOWN, money[0].tolist(), strict=True))


def payment_views(book: OpenBook, words: OrderWords, sent_method: str | None) -> list[Row]:
    """In the order in which they were heard of; ``sent_method`` is what the order came with."""
    return [_view(payment, len(book.payments) == 1, words, sent_method) for payment in book.payments]


def _view(payment: Payment, is_only: bool, words: OrderWords, sent_method: str | None) -> Row:
    unnamed = (words.methods.get(0) or sent_method) if is_only or not payment.key else None
    return {
        "payment_id": words.texts["payment"].get(payment.key),
        "method": words.methods.get(payment.key) or unnamed,
        "source": words.paid_by.get(payment.key),
        "authorized": payment.authorized_minor,
        "captured": payment.captured_minor,
        "refunding": payment.refunding_minor,
        "refunded": payment.refunded_minor,
        "status": _state(payment).name.lower(),
    }


def _state(payment: Payment) -> PaymentState:
    """As an order's is read off its accounts, but for one payment there is no more to come."""
    if payment.captured_minor:
        if payment.refunded_minor >= payment.captured_minor:
            return P.REFUNDED
        return P.PARTIALLY_REFUNDED if payment.refunded_minor else P.PAID
    if payment.authorized_minor:
        return P.AUTHORIZED
    return P.FAILED if payment.has_failed else P.UNPAID
