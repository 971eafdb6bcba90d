"""Money: an order's accounts, and what a payment event does to them.

    owed       total - what cancelled units carry - credited - written off; 0 once every unit is cancelled
    due        owed - captured + refunded
    captured - refunded - refunding    what may still be asked back: a refund that was asked for is reserved

While one payment covers the whole order its state alone says it, as with units; else each payment has its accounts in
words of its own. A refund beyond what we owe implies a credit of the difference, so that due does not rise.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    AUTHORIZED,
    AUTHORIZED_STATE,
    CAPTURED,
    CREDITED,
    FAILED,
    FAILED_STATE,
    INT64,
    MONEY_AUTHORIZED,
    MONEY_CAPTURED,
    MONEY_CREDITED,
    MONEY_FAILED,
    MONEY_REFUNDED,
    MONEY_REFUNDING,
    MONEY_WRITTEN_OFF,
    ORDER_BITS,
    PAID,
    PARTIALLY_PAID,
    PARTIALLY_REFUNDED,
    PAY_KEY,
    PAYMENT_COUNT,
    PAYMENT_WORDS,
    PAYMENTS,
    REFUNDED,
    REFUNDED_STATE,
    REFUNDING,
    STAGE_CANCELLED,
    STAGE_MASK,
    STATE_CANCELLED,
    TOGETHER,
    TOTAL,
    TOTAL_IN_EXTRA,
    UNPAID,
    WRITTEN_OFF,
)
from kernels.life.open import extra_of
from kernels.life.runs import either, end_position, first_position, grown_words

Array = npt.NDArray[Any]
STATE_SHIFT = 5


@inlined_rule
def total_of(book: Any, memory: Any) -> int:
    return INT64(memory.words[book.extra + TOTAL]) if book.total == TOTAL_IN_EXTRA else INT64(book.total)


@inlined_rule
def payments_of(book: Any, memory: Any) -> int:
    return INT64(memory.words[book.extra + PAYMENT_COUNT]) if book.extra else 0


@inlined_rule
def payment_at(book: Any, number: int, memory: Any) -> int:
    """Place of the words of a payment."""
    return INT64(memory.words[book.extra + PAYMENTS]) + PAYMENT_WORDS * number


@rule
def sum_of(book: Any, account: int, memory: Any) -> int:
    """One account over all payments of the order; ``account`` is the word of a payment."""
    count = payments_of(book, memory)
    if count == 0:
        state = book.state >> STATE_SHIFT
        if (
            (account == AUTHORIZED and state == AUTHORIZED_STATE)
            or (account == CAPTURED and state in (PAID, REFUNDED_STATE))
            or (account == REFUNDED and state == REFUNDED_STATE)
        ):
            return total_of(book, memory)
        return INT64(account == FAILED and state == FAILED_STATE)
    found: int = INT64(0)
    for number in range(count):
        found += memory.words[payment_at(book, number, memory) + account]
    return found


@rule
def let_off_minor(book: Any, memory: Any) -> int:
    """What was credited and written off; whoever got everything back was credited everything."""
    if book.extra and memory.words[book.extra + PAYMENT_COUNT] > 0:
        return memory.words[book.extra + CREDITED] + memory.words[book.extra + WRITTEN_OFF]
    implied = total_of(book, memory) if book.state >> STATE_SHIFT == REFUNDED_STATE else INT64(0)
    if book.extra == 0:
        return implied
    return implied + memory.words[book.extra + CREDITED] + memory.words[book.extra + WRITTEN_OFF]


@rule
def owed_minor(book: Any, memory: Any) -> int:
    if book.flags & TOGETHER:
        cancelled, is_live = INT64(0), book.state & ORDER_BITS != STATE_CANCELLED
    else:
        cancelled, is_live = INT64(0), False
        for at in range(first_position(book), end_position(book)):
            if memory.positions[at].stage & STAGE_MASK == STAGE_CANCELLED:
                cancelled += memory.positions[at].value_minor
            elif memory.positions[at].qty > 0:
                is_live = True
    if not is_live:
        return 0
    return total_of(book, memory) - cancelled - let_off_minor(book, memory)


@rule
def due_minor(book: Any, memory: Any) -> int:
    return owed_minor(book, memory) - sum_of(book, CAPTURED, memory) + sum_of(book, REFUNDED, memory)


@rule
def state_of_money(book: Any, memory: Any) -> int:
    """The order's payment state as its accounts say it."""
    count = payments_of(book, memory)
    if count == 0:
        return INT64(book.state >> STATE_SHIFT)
    captured, refunded = sum_of(book, CAPTURED, memory), sum_of(book, REFUNDED, memory)
    if captured > 0:
        if refunded > 0:
            return REFUNDED_STATE if refunded >= captured else PARTIALLY_REFUNDED
        return PAID if captured >= owed_minor(book, memory) else PARTIALLY_PAID
    if sum_of(book, AUTHORIZED, memory) > 0:
        return AUTHORIZED_STATE
    return FAILED_STATE if memory.words[payment_at(book, count - 1, memory) + FAILED] else UNPAID


@rule
def add_payment(book: Any, key: int, memory: Any) -> int:
    """Number of a new payment of the book, all its accounts 0."""
    extra = extra_of(book, memory)
    count = memory.words[extra + PAYMENT_COUNT]
    first = grown_words(memory.words[extra + PAYMENTS], PAYMENT_WORDS * count, PAYMENT_WORDS, memory)
    memory.words[extra + PAYMENTS], memory.words[extra + PAYMENT_COUNT] = first, count + 1
    at = first + PAYMENT_WORDS * count
    for word in range(PAYMENT_WORDS):
        memory.words[at + word] = 0
    memory.words[at + PAY_KEY] = key
    return count


@rule
def open_money(book: Any, memory: Any) -> None:
    """Give the only payment, which the state alone spoke for, its own accounts."""
    state = book.state >> STATE_SHIFT
    if payments_of(book, memory) > 0 or state == UNPAID:
        return
    total = total_of(book, memory)
    at = payment_at(book, add_payment(book, book.payment, memory), memory)
    if state == AUTHORIZED_STATE:
        memory.words[at + AUTHORIZED] = total
    elif state == FAILED_STATE:
        memory.words[at + FAILED] = 1
    else:
        memory.words[at + CAPTURED] = total
        if state == REFUNDED_STATE:
            memory.words[at + REFUNDED] = total
            memory.words[book.extra + CREDITED] += total


@rule
def find_payment(book: Any, key: int, memory: Any) -> int:
    """Number of the payment with this key; of none given (0) the only one there is; -1 where it is not known."""
    count = payments_of(book, memory)
    if key == 0 and count == 1:
        return 0
    for number in range(count):
        if memory.words[payment_at(book, number, memory) + PAY_KEY] == key:
            return number
    return -1


@rule
def knows_payment(book: Any, key: int, memory: Any) -> bool:
    """Whether the order has a payment with this key; of none given, any."""
    if payments_of(book, memory) > 0:
        return find_payment(book, key, memory) >= 0 or key == 0
    return bool(book.state >> STATE_SHIFT != UNPAID and (key == 0 or either(book.payment, 0, key)))


@rule
def of_payment(book: Any, key: int, account: int, memory: Any) -> int:
    """One account (word) of a payment, of all where none is given."""
    if key == 0 or payments_of(book, memory) == 0:
        return sum_of(book, account, memory) if knows_payment(book, key, memory) else 0
    number = find_payment(book, key, memory)
    return INT64(memory.words[payment_at(book, number, memory) + account]) if number >= 0 else 0


@inlined_rule
def word_of(account: int) -> int:
    """The word of a payment that holds a MoneyAccount of payments."""
    if account == MONEY_AUTHORIZED:
        return AUTHORIZED
    if account == MONEY_CAPTURED:
        return CAPTURED
    if account == MONEY_REFUNDING:
        return REFUNDING
    return REFUNDED if account == MONEY_REFUNDED else FAILED


@rule
def book_money(book: Any, payment: int, account: int, amount_minor: int, memory: Any) -> None:
    """Add to one account of the order; ``payment`` is the key of the payment it is kept for."""
    if account in (MONEY_CREDITED, MONEY_WRITTEN_OFF):
        extra = extra_of(book, memory)
        memory.words[extra + (CREDITED if account == MONEY_CREDITED else WRITTEN_OFF)] += amount_minor
        return
    open_money(book, memory)
    number = find_payment(book, payment, memory)
    if number < 0:
        number = add_payment(book, payment, memory)
    at = payment_at(book, number, memory)
    if account == MONEY_FAILED:
        memory.words[at + FAILED] = amount_minor
    else:
        memory.words[at + word_of(account)] += amount_minor
        if account in (MONEY_AUTHORIZED, MONEY_CAPTURED):
            memory.words[at + FAILED] = 0
