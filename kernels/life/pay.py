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
    all_of,
    book_money,
    cancelled_minor,
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
    total_of,
)
from kernels.life.runs import either
from kernels.life.tell import tell_money

REFUSALS = 100  # what a function that answers with a state adds to a refusal


@inlined_rule
def tell_and_book(book: Any, key: int, account: int, amount_minor: int, memory: Any, told: Any) -> None:
    tell_money(book_money(book, key, account, amount_minor, memory), account, amount_minor, told)


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
    after = simple_state(book, event, kind, state, memory)
    if after < 0:
        return after
    if after >= REFUSALS:
        return after - REFUSALS
    if event.payment != 0:
        book.payment = event.payment
    tell_simply(book, state, after, total, memory, told)
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
    if state != PAID:
        return REPEATS if state == REFUNDED_STATE else REFUSALS + TRANSITION
    is_plain = due_minor(book, memory) == 0 or cancelled_minor(book, memory) < 0
    return REFUNDED_STATE if is_plain else -2


@inlined_rule
def tell_simply(book: Any, before: int, after: int, total: int, memory: Any, told: Any) -> None:
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
        if cancelled_minor(book, memory) >= 0:
            tell_money(INT64(0), MONEY_CREDITED, total, told)


# --- accounts of several payments, or of parts -----------------------------------------------------


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
    if authorized == 0 and own_of(book, event.payment, CAPTURED, memory) > 0:
        return REPEATS  # told late
    if authorized > 0 and either(event.amount_minor, -1, authorized):
        return REPEATS
    amount = amount_or(event, max(due_minor(book, memory), 0))
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
def capture(book: Any, event: Any, memory: Any, told: Any) -> int:
    due, captured = due_minor(book, memory), about(book, event, CAPTURED, memory)
    if due <= 0 and captured > 0 and either(event.amount_minor, -1, captured):
        # said twice, by the buyer's browser and by the provider, say
        return REPEATS if about(book, event, REFUNDED, memory) < captured else TRANSITION
    amount = amount_or(event, max(due, 0))
    if amount == 0:
        return NOTHING_DUE
    covered = min(own_of(book, event.payment, AUTHORIZED, memory), amount)
    if covered > 0:
        tell_and_book(book, event.payment, MONEY_AUTHORIZED, -covered, memory, told)
    tell_and_book(book, event.payment, MONEY_CAPTURED, amount, memory, told)
    return NO_REFUSAL


@rule
def fail(book: Any, event: Any, memory: Any, told: Any) -> int:
    if about(book, event, CAPTURED, memory) > 0:
        return TRANSITION
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
        return REPEATS if refunded > 0 and either(event.amount_minor, -1, refunded) else TRANSITION
    amount = amount_or(event, pending if pending else free)
    if exceeds(amount, pending + free, verdict):
        return AMOUNT_TOO_HIGH
    owing, asked = max(-due_minor(book, memory), 0), min(pending, amount)
    open_money(book, memory)
    for number in range(first_payment(book, key, memory), last_payment(book, key, memory)):
        part = min(memory.words[payment_at(book, number, memory) + REFUNDING], asked)
        if part > 0:
            book_on(book, number, key, MONEY_REFUNDING, -part, memory, told)
            book_on(book, number, key, MONEY_REFUNDED, part, memory, told)
            asked -= part
    if amount > pending:
        spread_refund(book, key, MONEY_REFUNDED, amount - pending, memory, told)
    if amount > owing:
        tell_and_book(book, INT64(0), MONEY_CREDITED, amount - owing, memory, told)
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
