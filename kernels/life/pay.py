"""Pay: what payment events do to an order's money.

    together   one payment that covers the whole order: kernels/life/pay_whole.py
    in part    everything else, kernels/life/pay_parts.py
    default    an amount that is not given is all that is due (of a refund: all that can be asked back)

What came from outside is booked even where it is too much: captured may exceed what is owed, due is negative then.
What is asked of us is refused beyond what there is.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import rule
from kernels.life.layout import (
    CURRENCY,
    KIND_AUTHORIZE,
    KIND_FAIL,
    KIND_REFUND,
    KIND_REQUEST_FAILED,
    KIND_VOID,
    LIMIT,
    NOTHING_DUE,
    PAYMENT_UNKNOWN,
    PAYMENTS_MAX,
)
from kernels.life.money import has_payment, is_named, is_untouched, payments_of
from kernels.life.pay_parts import pay_in_part
from kernels.life.pay_whole import is_simple, pay_simply
from kernels.life.runs import either


@rule
def pay(book: Any, event: Any, kind: int, verdict: Any, memory: Any, told: Any) -> int:
    """What an event does to an order's money; a refusal, REPEATS, or NO_REFUSAL with everything done."""
    if not either(event.currency, -1, book.currency):
        return CURRENCY
    is_plain, is_word = KIND_AUTHORIZE <= kind <= KIND_REFUND, event.amount_minor <= 0 or kind == KIND_FAIL
    if is_plain and is_word and book.total == 0 and payments_of(book, memory) == 0:
        return pay_simply(book, event, kind, verdict, memory, told)
    if KIND_VOID <= kind <= KIND_REQUEST_FAILED and event.payment != 0 and not knows_payment(book, event, memory):
        return PAYMENT_UNKNOWN
    if event.amount_minor == 0 and kind != KIND_FAIL:
        return NOTHING_DUE
    if is_plain and is_simple(book, event, memory):
        simple = pay_simply(book, event, kind, verdict, memory, told)
        if simple != -2:
            return simple
    is_new = kind <= KIND_FAIL and not has_payment(book, event.payment, memory)
    if is_new and payments_of(book, memory) >= PAYMENTS_MAX:
        return LIMIT
    return pay_in_part(book, event, kind, verdict, memory, told)


@rule
def knows_payment(book: Any, event: Any, memory: Any) -> bool:
    """Whether the order has the payment that an event names; one without a name and without money is none."""
    key = event.payment
    is_there = has_payment(book, key, memory)
    return bool(is_there and (is_named(book, key, memory) or not is_untouched(book, key, memory)))
