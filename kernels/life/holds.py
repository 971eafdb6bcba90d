"""Holds: an order's units go nowhere while anybody holds it, each under a name of his own."""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    HOLD_COUNT,
    HOLD_UNKNOWN,
    HOLDS,
    HOLDS_MAX,
    INT64,
    KIND_HOLD,
    KIND_REJECT,
    KIND_RELEASE,
    LIMIT,
    NO_REFUSAL,
    ON_HOLD,
    ORDER_BITS,
    REPEATS,
    REVIEW_KEY,
    STAGE_ALLOCATED,
    STAGE_BACKORDERED,
    STAGE_HELD,
    STAGE_MASK,
    STATE_CANCELLED,
    TOGETHER,
    TRANSITION,
)
from kernels.life.open import extra_of
from kernels.life.runs import either, take_words
from kernels.life.units import has_units, part, stage_byte_of

GO_ON = -2  # what stands before the units of a hold is right


@inlined_rule
def hold_count(book: Any, memory: Any) -> int:
    return INT64(memory.words[book.extra + HOLD_COUNT]) if book.extra else 0


@rule
def add_hold(book: Any, key: int, memory: Any) -> None:
    extra, count = extra_of(book, memory), hold_count(book, memory)
    if memory.words[extra + HOLDS] == 0:
        memory.words[extra + HOLDS] = take_words(HOLDS_MAX, memory)
    memory.words[memory.words[extra + HOLDS] + count] = key
    memory.words[extra + HOLD_COUNT] = count + 1


@rule
def find_hold(book: Any, key: int, terms: Any, memory: Any) -> int:
    """Number of a hold, from 0; -1 where it is not on. An order that waits for review alone has no list of holds."""
    count = hold_count(book, memory)
    if count == 0:
        return 0 if book.flags & ON_HOLD and key == terms.settings[REVIEW_KEY] else -1
    for number in range(count):
        if memory.words[memory.words[book.extra + HOLDS] + number] == key:
            return number
    return -1


@rule
def part_if_waiting(book: Any, memory: Any) -> None:
    """An order on hold shows as held also where all of it waits: its state does not name the stage any more."""
    if book.flags & TOGETHER and stage_byte_of(book) & STAGE_MASK == STAGE_BACKORDERED:
        part(book, memory)


@rule
def may_hold(book: Any, event: Any, terms: Any, memory: Any) -> int:
    if find_hold(book, event.hold, terms, memory) >= 0:
        return REPEATS
    if hold_count(book, memory) >= HOLDS_MAX:
        return LIMIT
    waiting = 1 << STAGE_BACKORDERED | 1 << STAGE_HELD | 1 << STAGE_ALLOCATED
    return GO_ON if has_units(book, waiting, memory) else TRANSITION


@rule
def take_hold_off(book: Any, event: Any, terms: Any, memory: Any) -> int:
    """Take one hold off, or all; GO_ON with the last one: the units are free to go then."""
    if not book.flags & ON_HOLD:
        return TRANSITION
    count, number = hold_count(book, memory), -1
    if event.hold != 0:
        number = find_hold(book, event.hold, terms, memory)
        if number < 0:
            return HOLD_UNKNOWN
    if number >= 0 and count > 1:
        first = memory.words[book.extra + HOLDS]
        for at in range(first + number, first + count - 1):
            memory.words[at] = memory.words[at + 1]
        memory.words[book.extra + HOLD_COUNT] = count - 1
        return NO_REFUSAL
    free_of_holds(book, memory)
    return GO_ON


@inlined_rule
def free_of_holds(book: Any, memory: Any) -> None:
    if book.extra:
        memory.words[book.extra + HOLD_COUNT] = 0
    book.flags &= ~ON_HOLD & 255


@rule
def begin_hold(book: Any, event: Any, terms: Any, memory: Any) -> None:
    """Put an order on hold; the one that a review put there before has its name from now on."""
    if book.flags & ON_HOLD and hold_count(book, memory) == 0:
        add_hold(book, terms.settings[REVIEW_KEY], memory)
    add_hold(book, event.hold, memory)
    book.flags |= ON_HOLD
    part_if_waiting(book, memory)


@rule
def before_units(book: Any, event: Any, kind: int, terms: Any, memory: Any) -> int:
    """What a hold, its end, or a bad end of it asks before units are moved; GO_ON where they are."""
    if kind == KIND_HOLD:
        return may_hold(book, event, terms, memory)
    if kind == KIND_RELEASE:
        return take_hold_off(book, event, terms, memory)
    if not book.flags & ON_HOLD:
        return REPEATS if book.state & ORDER_BITS == STATE_CANCELLED else TRANSITION
    return HOLD_UNKNOWN if event.hold != 0 and find_hold(book, event.hold, terms, memory) < 0 else GO_ON


@rule
def after_units(book: Any, event: Any, kind: int, refusal: int, terms: Any, memory: Any) -> int:
    """A hold begins or ends also where it moves no unit."""
    if kind == KIND_REJECT:
        if refusal == NO_REFUSAL:
            free_of_holds(book, memory)
        return refusal
    if kind == KIND_HOLD:
        begin_hold(book, event, terms, memory)
    return NO_REFUSAL if either(refusal, TRANSITION, REPEATS) else refusal
