"""Pay: what payment events do to an order's money.

    together   one payment that covers the whole order: the state moves, no accounts are opened
    in part    amounts that are less, several payments, refunds that are only asked for: each payment has its accounts
    default    an amount that is not given is all that is due (of a refund: all that can be asked back)

What came from outside is booked even where it is too much: captured may exceed what is owed, due is negative then.
What is asked of us is refused beyond what there is.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    AMOUNT_TOO_HIGH,
    AUTHORIZED,
    AUTHORIZED_STATE,
    CAPTURED,
    CREDITED,
    CURRENCY,
    FAILED,
    FAILED_STATE,
    INT64,
    KIND_AUTHORIZE,
    KIND_CAPTURE,
    KIND_CREDIT,
    KIND_FAIL,
    KIND_REFUND,
    KIND_REQUEST,
    KIND_REQUEST_FAILED,
    KIND_VOID,
    KIND_WRITE_OFF,
    LIMIT,
    MONEY_AUTHORIZED,
    MONEY_CAPTURED,
    MONEY_CREDITED,
    MONEY_FAILED,
    MONEY_REFUNDED,
    MONEY_REFUNDING,
    MONEY_WRITTEN_OFF,
    NO_REFUSAL,
    NOTHING_DUE,
    ORDER_BITS,
    PAID,
    PAY_KEY,
    PAYMENT_UNKNOWN,
    PAYMENTS_MAX,
    REFUNDED,
    REFUNDED_STATE,
    REFUNDING,
    REPEATS,
    TRANSITION,
    UNPAID,
    WHOLE_MONEY,
    WRITTEN_OFF,
)
from kernels.life.money import (
    STATE_SHIFT,
    book_money,
    due_minor,
    find_payment,
    knows_payment,
    of_payment,
    open_money,
    payment_at,
    payments_of,
    total_of,
)
from kernels.life.runs import either
from kernels.life.tell import tell_money


@inlined_rule
def tell_and_book(book: Any, payment: int, account: int, amount_minor: int, memory: Any, told: Any) -> None:
    tell_money(payment, account, amount_minor, told)
    book_money(book, payment, account, amount_minor, memory)


@inlined_rule
def set_payment_state(book: Any, state: int) -> None:
    book.state = book.state & ORDER_BITS | state << STATE_SHIFT


# --- one payment for all ---------------------------------------------------------------------------


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
    if kind == KIND_AUTHORIZE:
        if state == AUTHORIZED_STATE or state in (PAID, REFUNDED_STATE):
            return REPEATS
        after, account, change = AUTHORIZED_STATE, MONEY_AUTHORIZED, total
    elif kind == KIND_CAPTURE:
        if state in (PAID, REFUNDED_STATE):
            return REPEATS if state == PAID else TRANSITION
        if event.amount_minor < 0 and due_minor(book, memory) != total:
            return -2
        after, account, change = PAID, MONEY_CAPTURED, total
    elif kind == KIND_FAIL:
        if state in (PAID, REFUNDED_STATE):
            return TRANSITION
        if state == FAILED_STATE:
            return REPEATS
        after, account, change = FAILED_STATE, MONEY_FAILED, INT64(1)
    elif kind == KIND_VOID:
        if state != AUTHORIZED_STATE:
            return REPEATS if state == UNPAID and book.payment != 0 else TRANSITION
        after, account, change = UNPAID, MONEY_AUTHORIZED, -total
    else:
        if state != PAID:
            return REPEATS if state == REFUNDED_STATE else TRANSITION
        after, account, change = REFUNDED_STATE, MONEY_REFUNDED, total
    if event.payment != 0:
        book.payment = event.payment
    set_payment_state(book, after)
    tell_money(book.payment, account, change, told)
    verdict.whole |= WHOLE_MONEY
    return NO_REFUSAL


# --- accounts of several payments, or of parts -----------------------------------------------------


@rule
def refundable_minor(book: Any, key: int, memory: Any) -> int:
    captured, refunded = of_payment(book, key, CAPTURED, memory), of_payment(book, key, REFUNDED, memory)
    return captured - refunded - of_payment(book, key, REFUNDING, memory)


@rule
def authorize(book: Any, event: Any, memory: Any, told: Any) -> int:
    due = due_minor(book, memory)
    amount = event.amount_minor if event.amount_minor >= 0 else max(due, 0)
    known = of_payment(book, event.payment, AUTHORIZED, memory) if event.payment != 0 else INT64(0)
    was_captured = event.payment != 0 and of_payment(book, event.payment, CAPTURED, memory) > 0
    if known == amount or (known == 0 and was_captured):
        return REPEATS
    if amount == 0:
        return NOTHING_DUE
    tell_and_book(book, event.payment, MONEY_AUTHORIZED, amount, memory, told)
    return NO_REFUSAL


@rule
def capture(book: Any, event: Any, memory: Any, told: Any) -> int:
    due = due_minor(book, memory)
    amount = event.amount_minor if event.amount_minor >= 0 else max(due, 0)
    captured = of_payment(book, event.payment, CAPTURED, memory)
    if due <= 0 and captured > 0 and either(event.amount_minor, -1, captured):
        return REPEATS  # said twice, by the buyer's browser and by the provider, say
    if amount == 0:
        return NOTHING_DUE
    covered = min(of_payment(book, event.payment, AUTHORIZED, memory), amount) if event.payment != 0 else INT64(0)
    if covered > 0:
        tell_and_book(book, event.payment, MONEY_AUTHORIZED, -covered, memory, told)
    tell_and_book(book, event.payment, MONEY_CAPTURED, amount, memory, told)
    return NO_REFUSAL


@rule
def fail(book: Any, event: Any, memory: Any, told: Any) -> int:
    if of_payment(book, event.payment, CAPTURED, memory) > 0:
        return TRANSITION
    authorized = of_payment(book, event.payment, AUTHORIZED, memory) if event.payment != 0 else INT64(0)
    if authorized == 0 and of_payment(book, event.payment, FAILED, memory) > 0:
        return REPEATS
    if authorized > 0:
        tell_and_book(book, event.payment, MONEY_AUTHORIZED, -authorized, memory, told)
    tell_and_book(book, event.payment, MONEY_FAILED, INT64(1), memory, told)
    return NO_REFUSAL


@rule
def void(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    there = of_payment(book, event.payment, AUTHORIZED, memory)
    amount = event.amount_minor if event.amount_minor >= 0 else there
    if there == 0 or amount > there:
        verdict.wanted, verdict.found = amount, there
        return AMOUNT_TOO_HIGH if there else TRANSITION
    take_from_payments(book, event.payment, AUTHORIZED, MONEY_AUTHORIZED, amount, memory, told)
    return NO_REFUSAL


@rule
def take_from_payments(
    book: Any, key: int, word: int, account: int, amount_minor: int, memory: Any, told: Any
) -> None:  # fmt: skip
    """Lower one account by an amount, payment after payment; the caller made sure that there is as much."""
    open_money(book, memory)
    for number in range(payments_of(book, memory)):
        at = payment_at(book, number, memory)
        payment = memory.words[at + PAY_KEY]
        part = min(memory.words[at + word], amount_minor)
        if part > 0 and either(key, 0, payment):
            tell_and_book(book, payment, account, -part, memory, told)
            amount_minor -= part


@rule
def spread_refund(book: Any, key: int, account: int, amount_minor: int, memory: Any, told: Any) -> None:
    """Add a refund to the payments that can bear it, the earliest first."""
    open_money(book, memory)
    for number in range(payments_of(book, memory)):
        at = payment_at(book, number, memory)
        payment = memory.words[at + PAY_KEY]
        free = memory.words[at + CAPTURED] - memory.words[at + REFUNDED] - memory.words[at + REFUNDING]
        part = min(free, amount_minor)
        if part > 0 and either(key, 0, payment):
            tell_and_book(book, payment, account, part, memory, told)
            amount_minor -= part


@rule
def request_refund(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    there = refundable_minor(book, event.payment, memory)
    amount = event.amount_minor if event.amount_minor >= 0 else there
    if amount > there or amount == 0:
        verdict.wanted, verdict.found = amount, there
        return AMOUNT_TOO_HIGH if amount else NOTHING_DUE
    spread_refund(book, event.payment, MONEY_REFUNDING, amount, memory, told)
    return NO_REFUSAL


@rule
def fail_refund(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    there = of_payment(book, event.payment, REFUNDING, memory)
    amount = event.amount_minor if event.amount_minor >= 0 else there
    if there == 0 or amount > there:
        verdict.wanted, verdict.found = amount, there
        return AMOUNT_TOO_HIGH if there else TRANSITION
    take_from_payments(book, event.payment, REFUNDING, MONEY_REFUNDING, amount, memory, told)
    return NO_REFUSAL


@rule
def refund(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    """Money went back: first what was asked for, then what was not."""
    pending = of_payment(book, event.payment, REFUNDING, memory)
    free = refundable_minor(book, event.payment, memory)
    amount = event.amount_minor if event.amount_minor >= 0 else (pending if pending else free)
    if amount == 0:
        return REPEATS if of_payment(book, event.payment, REFUNDED, memory) > 0 else TRANSITION
    if amount > pending + free:
        verdict.wanted, verdict.found = amount, pending + free
        return AMOUNT_TOO_HIGH
    owing = max(-due_minor(book, memory), 0)
    asked = min(pending, amount)
    if asked > 0:
        for number in range(payments_of(book, memory)):
            at = payment_at(book, number, memory)
            payment = memory.words[at + PAY_KEY]
            part = min(memory.words[at + REFUNDING], asked)
            if part > 0 and either(event.payment, 0, payment):
                tell_and_book(book, payment, MONEY_REFUNDING, -part, memory, told)
                tell_and_book(book, payment, MONEY_REFUNDED, part, memory, told)
                asked -= part
    if amount > pending:
        spread_refund(book, event.payment, MONEY_REFUNDED, amount - pending, memory, told)
    if amount > owing:
        tell_and_book(book, INT64(0), MONEY_CREDITED, amount - owing, memory, told)
    return NO_REFUSAL


@rule
def lower_due(book: Any, event: Any, account: int, verdict: Any, memory: Any, told: Any) -> int:
    """A write-off or a credit."""
    due = due_minor(book, memory)
    amount = event.amount_minor if event.amount_minor >= 0 else max(due, 0)
    if amount == 0:
        return NOTHING_DUE
    if account == MONEY_WRITTEN_OFF and amount > due:
        verdict.wanted, verdict.found = amount, due
        return AMOUNT_TOO_HIGH
    if account == MONEY_CREDITED and amount > total_of(book, memory):
        verdict.wanted, verdict.found = amount, total_of(book, memory)
        return AMOUNT_TOO_HIGH
    tell_and_book(book, INT64(0), account, amount, memory, told)
    return NO_REFUSAL


@rule
def pay(book: Any, event: Any, kind: int, verdict: Any, memory: Any, told: Any) -> int:
    """What an event does to an order's money; a refusal, REPEATS, or NO_REFUSAL with everything done."""
    if not either(event.currency, -1, book.currency):
        return CURRENCY
    if kind not in (KIND_REQUEST, KIND_REQUEST_FAILED, KIND_WRITE_OFF, KIND_CREDIT) and is_simple(book, event, memory):
        simple = pay_simply(book, event, kind, verdict, memory, told)
        if simple != -2:
            return simple
    if (
        event.payment != 0
        and payments_of(book, memory) >= PAYMENTS_MAX
        and find_payment(book, event.payment, memory) < 0
    ):
        return LIMIT
    return pay_in_part(book, event, kind, verdict, memory, told)


@rule
def pay_in_part(book: Any, event: Any, kind: int, verdict: Any, memory: Any, told: Any) -> int:
    if kind == KIND_AUTHORIZE:
        return authorize(book, event, memory, told)
    if kind == KIND_CAPTURE:
        return capture(book, event, memory, told)
    if kind == KIND_WRITE_OFF:
        return lower_due(book, event, MONEY_WRITTEN_OFF, verdict, memory, told)
    if kind == KIND_CREDIT:
        return lower_due(book, event, MONEY_CREDITED, verdict, memory, told)
    if kind == KIND_FAIL:
        return fail(book, event, memory, told)
    if event.payment != 0 and not knows_payment(book, event.payment, memory):
        return PAYMENT_UNKNOWN
    if kind == KIND_VOID:
        return void(book, event, verdict, memory, told)
    if kind == KIND_REFUND:
        return refund(book, event, verdict, memory, told)
    if kind == KIND_REQUEST:
        return request_refund(book, event, verdict, memory, told)
    return fail_refund(book, event, verdict, memory, told)
