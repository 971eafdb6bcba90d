"""Pay, one payment for all: the order's payment state moves, no accounts are opened."""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    AUTHORIZED_STATE,
    CREDITED,
    FAILED_STATE,
    INT64,
    KIND_AUTHORIZE,
    KIND_CAPTURE,
    KIND_FAIL,
    KIND_VOID,
    MONEY_AUTHORIZED,
    MONEY_CAPTURED,
    MONEY_FAILED,
    MONEY_REFUNDED,
    NO_REFUSAL,
    ORDER_BITS,
    PAID,
    REFUNDED_STATE,
    REPEATS,
    TRANSITION,
    UNPAID,
    WHOLE_MONEY,
    WRITTEN_OFF,
)
from kernels.life.money import STATE_SHIFT, due_minor, payments_of, total_of
from kernels.life.runs import either
from kernels.life.tell import tell_money

REFUSALS = 100  # what a function that answers with a state adds to a refusal


@inlined_rule
def set_payment_state(book: Any, state: int) -> None:
    book.state = book.state & ORDER_BITS | state << STATE_SHIFT


@rule
def is_simple(book: Any, event: Any, memory: Any) -> bool:
    """Whether the state alone can speak for the order's money before and after an event with this payment."""
    if payments_of(book, memory) > 0:
        return False
    if book.extra and memory.words[book.extra + CREDITED] + memory.words[book.extra + WRITTEN_OFF] != 0:
        return False
    return bool(book.payment == 0 or event.payment == 0 or event.payment == book.payment)


@rule
def pay_simply(book: Any, event: Any, kind: int, verdict: Any, memory: Any, told: Any) -> int:
    """An event about the whole amount by the only payment; -2 where accounts have to be opened for it."""
    state, total = INT64(book.state >> STATE_SHIFT), total_of(book, memory)
    if event.amount_minor >= 0 and event.amount_minor != total and kind != KIND_FAIL:
        return -2
    after = simple_state(book, event, kind, state, memory)
    if after < 0:
        return after
    if after >= REFUSALS:
        return after - REFUSALS
    if event.payment != 0:
        book.payment = event.payment
    tell_simply(book, state, after, total, told)
    set_payment_state(book, after)
    verdict.whole |= WHOLE_MONEY
    return NO_REFUSAL


@inlined_rule
def simple_state(book: Any, event: Any, kind: int, state: int, memory: Any) -> int:
    """The payment state that an event about the whole amount leads to; REFUSALS + a refusal, REPEATS, or -2."""
    was_captured = either(state, PAID, REFUNDED_STATE)
    if kind == KIND_AUTHORIZE:
        if was_captured or state == AUTHORIZED_STATE:
            return REPEATS
        is_all = event.amount_minor >= 0 or due_minor(book, memory) == total_of(book, memory)
        return AUTHORIZED_STATE if is_all else -2
    if kind == KIND_CAPTURE:
        if was_captured:
            return REPEATS if state == PAID else REFUSALS + TRANSITION
        is_all = event.amount_minor >= 0 or due_minor(book, memory) == total_of(book, memory)
        return PAID if is_all else -2
    if kind == KIND_FAIL:
        if was_captured:
            return REFUSALS + TRANSITION
        return REPEATS if state == FAILED_STATE else FAILED_STATE
    if kind == KIND_VOID:
        if state == AUTHORIZED_STATE:
            return UNPAID
        return REPEATS if state == UNPAID and book.payment != 0 else REFUSALS + TRANSITION
    if state == PAID:
        return REFUNDED_STATE
    if state == REFUNDED_STATE:
        return REPEATS
    return REFUSALS + TRANSITION if total_of(book, memory) == 0 else -2


@inlined_rule
def tell_simply(book: Any, before: int, after: int, total: int, told: Any) -> None:
    """The same moves that the payment's own accounts would have."""
    if before == AUTHORIZED_STATE:
        tell_money(book.payment, MONEY_AUTHORIZED, -total, told)
    if after == AUTHORIZED_STATE:
        tell_money(book.payment, MONEY_AUTHORIZED, total, told)
    elif after == PAID:
        tell_money(book.payment, MONEY_CAPTURED, total, told)
    elif after == FAILED_STATE:
        tell_money(book.payment, MONEY_FAILED, INT64(1), told)
    elif after == REFUNDED_STATE:
        tell_money(book.payment, MONEY_REFUNDED, total, told)
