"""Money: an order's accounts, and what a payment event does to them.

    owed       total - what cancelled units carry - credited, never below 0; 0 once every unit is cancelled
    due        owed - captured, while more is owed than came: less what was written off, never below 0
               else how much more came than is owed, as a negative number: less what went back, never above 0
    captured - refunded - refunding    what may still be asked back: a refund that was asked for is reserved

So what goes back beyond what we owe lets the buyer off, it does not fall due again; and due depends on what happened,
not on the order in which it was told. While one payment covers the whole order its state alone says it, as with units;
else each payment has its accounts in words of its own.
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


@inlined_rule
def credited_minor(book: Any, memory: Any) -> int:
    return INT64(memory.words[book.extra + CREDITED]) if book.extra else 0


@inlined_rule
def written_off_minor(book: Any, memory: Any) -> int:
    return INT64(memory.words[book.extra + WRITTEN_OFF]) if book.extra else 0


@rule
def cancelled_minor(book: Any, memory: Any) -> int:
    """What cancelled units carry; -1 where every unit is cancelled."""
    if book.flags & TOGETHER:
        return -1 if book.state & ORDER_BITS == STATE_CANCELLED else 0
    cancelled, is_left = INT64(0), False
    for at in range(first_position(book), end_position(book)):
        if memory.positions[at].stage & STAGE_MASK == STAGE_CANCELLED:
            cancelled += memory.positions[at].value_minor
        elif memory.positions[at].qty > 0:
            is_left = True
    return cancelled if is_left else -1


@rule
def owed_minor(book: Any, memory: Any) -> int:
    """Never less than nothing: what was credited for units that were cancelled later is not owed to the buyer twice."""
    cancelled = cancelled_minor(book, memory)
    return (
        INT64(0) if cancelled < 0 else max(total_of(book, memory) - cancelled - credited_minor(book, memory), INT64(0))
    )


@rule
def due_minor(book: Any, memory: Any) -> int:
    """What the buyer still has to pay; below zero, what they have to get back."""
    left = owed_minor(book, memory) - sum_of(book, CAPTURED, memory)
    if left > 0:
        return max(left - written_off_minor(book, memory), INT64(0))
    return min(left + sum_of(book, REFUNDED, memory), INT64(0))


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
        return PAID if due_minor(book, memory) <= 0 else PARTIALLY_PAID
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
    return INT64(count)


@rule
def open_money(book: Any, memory: Any) -> None:
    """Give the only payment, which the state alone spoke for, its own accounts; of a free order there is none."""
    state = book.state >> STATE_SHIFT
    if not is_covered(book, memory):
        return
    total = total_of(book, memory)
    at = payment_at(book, add_payment(book, book.payment, memory), memory)
    if state == AUTHORIZED_STATE:
        memory.words[at + AUTHORIZED] = total
    elif state == FAILED_STATE:
        memory.words[at + FAILED] = 1
    elif state != UNPAID:
        memory.words[at + CAPTURED] = total
        if state == REFUNDED_STATE:
            memory.words[at + REFUNDED] = total


@rule
def is_covered(book: Any, memory: Any) -> bool:
    """Whether there is one payment for the whole order that the state alone speaks for."""
    is_there = book.state >> STATE_SHIFT != UNPAID or book.payment != 0
    return bool(is_there and book.total != 0 and payments_of(book, memory) == 0)


@rule
def find_payment(book: Any, key: int, memory: Any) -> int:
    """Number of the payment with this key, -1 where there is none.

    Of none given (0) it is the only one there is; a payment that nobody has named takes the first id that is.
    """
    count = payments_of(book, memory)
    if count == 1 and (key == 0 or memory.words[payment_at(book, INT64(0), memory) + PAY_KEY] == 0):
        return 0
    for number in range(count):
        if memory.words[payment_at(book, number, memory) + PAY_KEY] == key:
            return number
    return -1


@rule
def has_payment(book: Any, key: int, memory: Any) -> bool:
    """Whether an event with this key is about a payment that the order has."""
    if payments_of(book, memory) > 0:
        return find_payment(book, key, memory) >= 0
    return bool(is_covered(book, memory) and (key == 0 or either(book.payment, 0, key)))


@rule
def own_of(book: Any, key: int, account: int, memory: Any) -> int:
    """One account (word) of the payment that an event with this key is about; 0 where there is none."""
    if not has_payment(book, key, memory):
        return 0
    if payments_of(book, memory) == 0:
        return sum_of(book, account, memory)
    return INT64(memory.words[payment_at(book, find_payment(book, key, memory), memory) + account])


@rule
def all_of(book: Any, key: int, account: int, memory: Any) -> int:
    """One account (word) of the payment with this key, of all of them where none is given."""
    return sum_of(book, account, memory) if key == 0 else own_of(book, key, account, memory)


@rule
def is_untouched(book: Any, key: int, memory: Any) -> bool:
    """Whether nothing is in any account of the payment that a key is of: it was voided, or never was."""
    found: int = INT64(0)
    for account in range(AUTHORIZED, PAYMENT_WORDS):
        found |= own_of(book, key, account, memory)
    return found == 0


@rule
def is_named(book: Any, key: int, memory: Any) -> bool:
    """Whether the id of the payment that a key is of is known."""
    if not has_payment(book, key, memory):
        return False
    if payments_of(book, memory) == 0:
        return bool(book.payment != 0)
    return bool(memory.words[payment_at(book, find_payment(book, key, memory), memory) + PAY_KEY] != 0)


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
def book_money(book: Any, key: int, account: int, amount_minor: int, memory: Any) -> int:
    """Add to one account of the order; returns the key of the payment that it is kept for, 0 for none."""
    if either(account, MONEY_CREDITED, MONEY_WRITTEN_OFF):
        extra = extra_of(book, memory)
        memory.words[extra + (CREDITED if account == MONEY_CREDITED else WRITTEN_OFF)] += amount_minor
        return 0
    open_money(book, memory)
    number = find_payment(book, key, memory)
    if number < 0:
        number = add_payment(book, key, memory)
    at = payment_at(book, number, memory)
    if memory.words[at + PAY_KEY] == 0:
        memory.words[at + PAY_KEY] = key
    if account == MONEY_FAILED:
        memory.words[at + FAILED] = amount_minor
    else:
        memory.words[at + word_of(account)] += amount_minor
        if either(account, MONEY_AUTHORIZED, MONEY_CAPTURED) and amount_minor > 0:
            memory.words[at + FAILED] = 0
    return INT64(memory.words[at + PAY_KEY])
