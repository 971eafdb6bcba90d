"""Pay, in part: amounts that are less, several payments, refunds that are only asked for; each payment has accounts."""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    AMOUNT_TOO_HIGH,
    AUTHORIZED,
    CAPTURED,
    FAILED,
    INT64,
    KIND_AUTHORIZE,
    KIND_CAPTURE,
    KIND_CREDIT,
    KIND_FAIL,
    KIND_REFUND,
    KIND_REQUEST,
    KIND_VOID,
    KIND_WRITE_OFF,
    MONEY_AUTHORIZED,
    MONEY_CAPTURED,
    MONEY_CREDITED,
    MONEY_FAILED,
    MONEY_REFUNDED,
    MONEY_REFUNDING,
    MONEY_WRITTEN_OFF,
    NO_REFUSAL,
    NOTHING_DUE,
    PAY_KEY,
    REFUNDED,
    REFUNDING,
    REPEATS,
    TRANSITION,
    WHICH_PAYMENT,
)
from kernels.life.money import (
    all_of,
    book_money,
    due_minor,
    find_payment,
    has_payment,
    is_named,
    is_untouched,
    open_money,
    owed_minor,
    own_of,
    payment_at,
    payments_of,
    sum_of,
)
from kernels.life.runs import either
from kernels.life.tell import tell_money


@inlined_rule
def tell_and_book(book: Any, key: int, account: int, amount_minor: int, memory: Any, told: Any) -> None:
    tell_money(book_money(book, key, account, amount_minor, memory), account, amount_minor, told)


@inlined_rule
def amount_or(event: Any, default_minor: int) -> int:
    """The amount that an event gives, or what it means where it gives none."""
    return INT64(event.amount_minor if event.amount_minor >= 0 else default_minor)


@inlined_rule
def exceeds(amount_minor: int, there_minor: int, verdict: Any) -> bool:
    """Whether more is asked for than there is; the verdict says both then."""
    if amount_minor <= there_minor:
        return False
    verdict.wanted, verdict.found = amount_minor, there_minor
    return True


@rule
def refundable_minor(book: Any, key: int, memory: Any) -> int:
    captured, refunded = all_of(book, key, CAPTURED, memory), all_of(book, key, REFUNDED, memory)
    return captured - refunded - all_of(book, key, REFUNDING, memory)


@rule
def authorize(book: Any, event: Any, memory: Any, told: Any) -> int:
    authorized = own_of(book, event.payment, AUTHORIZED, memory)
    captured, due = own_of(book, event.payment, CAPTURED, memory), max(due_minor(book, memory), 0)
    if authorized == 0 and captured > 0 and either(event.amount_minor, captured, -1 if due == 0 else captured):
        return REPEATS  # told late
    if authorized > 0 and either(event.amount_minor, -1, authorized):
        return REPEATS
    amount = amount_or(event, due)
    if amount == 0:
        return NOTHING_DUE
    tell_and_book(book, event.payment, MONEY_AUTHORIZED, amount, memory, told)
    return NO_REFUSAL


@rule
def about(book: Any, event: Any, account: int, memory: Any) -> int:
    """An account of the payment that the event is about; where it may be any of several, of all of them."""
    if has_payment(book, event.payment, memory):
        return own_of(book, event.payment, account, memory)
    return all_of(book, event.payment, account, memory)


@rule
def leaves_open(book: Any, event: Any, memory: Any) -> bool:
    """Whether it is not said of which payment an event is, where it may be one of those that are authorized."""
    is_meant = event.payment != 0 or has_payment(book, event.payment, memory)
    return bool(not is_meant and sum_of(book, AUTHORIZED, memory) > 0)


@rule
def capture(book: Any, event: Any, memory: Any, told: Any) -> int:
    due, captured = due_minor(book, memory), about(book, event, CAPTURED, memory)
    if due <= 0 and captured > 0 and either(event.amount_minor, -1, captured):
        # said twice, by the buyer's browser and by the provider, say
        return REPEATS if about(book, event, REFUNDED, memory) < captured else TRANSITION
    amount = amount_or(event, max(due, 0))
    if amount == 0:
        return NOTHING_DUE
    if leaves_open(book, event, memory):
        return WHICH_PAYMENT
    covered = min(own_of(book, event.payment, AUTHORIZED, memory), amount)
    if covered > 0:
        tell_and_book(book, event.payment, MONEY_AUTHORIZED, -covered, memory, told)
    tell_and_book(book, event.payment, MONEY_CAPTURED, amount, memory, told)
    return NO_REFUSAL


@rule
def fail(book: Any, event: Any, memory: Any, told: Any) -> int:
    if about(book, event, CAPTURED, memory) > 0:
        return TRANSITION
    if leaves_open(book, event, memory):
        return WHICH_PAYMENT
    if own_of(book, event.payment, FAILED, memory) > 0:
        return REPEATS
    authorized = own_of(book, event.payment, AUTHORIZED, memory)
    if authorized > 0:
        tell_and_book(book, event.payment, MONEY_AUTHORIZED, -authorized, memory, told)
    tell_and_book(book, event.payment, MONEY_FAILED, INT64(1), memory, told)
    return NO_REFUSAL


@rule
def void(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    there = all_of(book, event.payment, AUTHORIZED, memory)
    amount = amount_or(event, there)
    if there == 0:
        was_voided = is_named(book, event.payment, memory) and is_untouched(book, event.payment, memory)
        return REPEATS if was_voided else TRANSITION
    if exceeds(amount, there, verdict):
        return AMOUNT_TOO_HIGH
    take_from_payments(book, event.payment, AUTHORIZED, MONEY_AUTHORIZED, amount, memory, told)
    return NO_REFUSAL


@rule
def first_payment(book: Any, key: int, memory: Any) -> int:
    """Of the payments that money may go back to, the first; with last_payment, of all where no key is given."""
    return 0 if key == 0 else max(find_payment(book, key, memory), 0)


@rule
def last_payment(book: Any, key: int, memory: Any) -> int:
    return payments_of(book, memory) if key == 0 else find_payment(book, key, memory) + 1


@rule
def take_from_payments(
    book: Any, key: int, word: int, account: int, amount_minor: int, memory: Any, told: Any
) -> None:  # fmt: skip
    """Lower one account by an amount, payment after payment; the caller made sure that there is as much."""
    open_money(book, memory)
    for number in range(first_payment(book, key, memory), last_payment(book, key, memory)):
        at = payment_at(book, number, memory)
        part = min(memory.words[at + word], amount_minor)
        if part > 0:
            book_on(book, number, key, account, -part, memory, told)
            amount_minor -= part


@rule
def spread_refund(book: Any, key: int, account: int, amount_minor: int, memory: Any, told: Any) -> None:
    """Add a refund to the payments that can bear it, the earliest first."""
    open_money(book, memory)
    for number in range(first_payment(book, key, memory), last_payment(book, key, memory)):
        at = payment_at(book, number, memory)
        free = memory.words[at + CAPTURED] - memory.words[at + REFUNDED] - memory.words[at + REFUNDING]
        part = min(free, amount_minor)
        if part > 0:
            book_on(book, number, key, account, part, memory, told)
            amount_minor -= part


@rule
def book_on(
    book: Any, number: int, key: int, account: int, amount_minor: int, memory: Any, told: Any
) -> None:  # fmt: skip
    """Book on the payment of this number; the event's key is its own, or none, or the first that it is named."""
    own = memory.words[payment_at(book, number, memory) + PAY_KEY]
    tell_and_book(book, own if own != 0 else key, account, amount_minor, memory, told)


@rule
def request_refund(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    there = refundable_minor(book, event.payment, memory)
    amount = amount_or(event, there)
    if amount == 0:
        return NOTHING_DUE
    if exceeds(amount, there, verdict):
        return AMOUNT_TOO_HIGH
    spread_refund(book, event.payment, MONEY_REFUNDING, amount, memory, told)
    return NO_REFUSAL


@rule
def fail_refund(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    there = all_of(book, event.payment, REFUNDING, memory)
    amount = amount_or(event, there)
    if there == 0:
        return TRANSITION
    if exceeds(amount, there, verdict):
        return AMOUNT_TOO_HIGH
    take_from_payments(book, event.payment, REFUNDING, MONEY_REFUNDING, amount, memory, told)
    return NO_REFUSAL


@rule
def refund(book: Any, event: Any, verdict: Any, memory: Any, told: Any) -> int:
    """Money went back: first what was asked for, then what was not."""
    key = event.payment
    pending, free = all_of(book, key, REFUNDING, memory), refundable_minor(book, key, memory)
    if pending + free == 0:
        refunded = all_of(book, key, REFUNDED, memory)
        if refunded > 0 and either(event.amount_minor, -1, refunded):
            return REPEATS
        if event.amount_minor < 0:
            return NOTHING_DUE
    amount = amount_or(event, pending if pending else free)
    if exceeds(amount, pending + free, verdict):
        return AMOUNT_TOO_HIGH
    asked = min(pending, amount)
    open_money(book, memory)
    for number in range(first_payment(book, key, memory), last_payment(book, key, memory)):
        part = min(memory.words[payment_at(book, number, memory) + REFUNDING], asked)
        if part > 0:
            book_on(book, number, key, MONEY_REFUNDING, -part, memory, told)
            book_on(book, number, key, MONEY_REFUNDED, part, memory, told)
            asked -= part
    if amount > pending:
        spread_refund(book, key, MONEY_REFUNDED, amount - pending, memory, told)
    return NO_REFUSAL


@rule
def lower_due(book: Any, event: Any, account: int, verdict: Any, memory: Any, told: Any) -> int:
    """A write-off of what is due, or a credit of what is owed."""
    due = max(due_minor(book, memory), 0)
    amount = amount_or(event, due)
    there = due if account == MONEY_WRITTEN_OFF else owed_minor(book, memory)
    if amount == 0:
        return NOTHING_DUE
    if exceeds(amount, there, verdict):
        return AMOUNT_TOO_HIGH
    tell_and_book(book, INT64(0), account, amount, memory, told)
    return NO_REFUSAL


@rule
def pay_in_part(book: Any, event: Any, kind: int, verdict: Any, memory: Any, told: Any) -> int:
    if kind == KIND_AUTHORIZE:
        return authorize(book, event, memory, told)
    if kind == KIND_CAPTURE:
        return capture(book, event, memory, told)
    if kind == KIND_FAIL:
        return fail(book, event, memory, told)
    if kind == KIND_WRITE_OFF:
        return lower_due(book, event, MONEY_WRITTEN_OFF, verdict, memory, told)
    if kind == KIND_CREDIT:
        return lower_due(book, event, MONEY_CREDITED, verdict, memory, told)
    if kind == KIND_VOID:
        return void(book, event, verdict, memory, told)
    if kind == KIND_REFUND:
        return refund(book, event, verdict, memory, told)
    if kind == KIND_REQUEST:
        return request_refund(book, event, verdict, memory, told)
    return fail_refund(book, event, verdict, memory, told)
