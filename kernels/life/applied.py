"""Applied: what an event that was applied leaves on its order's book, beside what it did to units and money.

version, newest record    for the order index and the next event
state                     as units and money say it
id                        kept until the order is closed, so that an event said twice is known
"""

from __future__ import annotations

from typing import Any

from kernels._jit import inlined_rule, rule
from kernels.life.layout import (
    APPLIED,
    CONFLICT,
    INT64,
    KIND_CLOSE,
    ORDER_BITS,
    REPEATED,
    STATE_CANCELLED,
    STATE_CLOSED,
)
from kernels.life.money import STATE_SHIFT, state_of_money
from kernels.life.runs import either, grown_words
from kernels.life.units import state_of_units

KEY_MASK = ~((1 << 20) - 1)  # of the word that keeps an event's id: 44 bits of its key, 20 of what the event says


@inlined_rule
def id_word(event: Any) -> int:
    return INT64(event.event_key & KEY_MASK | event.fingerprint & ~KEY_MASK)


@rule
def known_id(book: Any, event: Any, memory: Any) -> int:
    """REPEATED or CONFLICT where the id was applied to this order before, else APPLIED."""
    word = id_word(event)
    for at in range(INT64(book.first_event), INT64(book.first_event) + INT64(book.events)):
        if memory.words[at] & KEY_MASK == word & KEY_MASK:
            says = memory.words[at] & ~KEY_MASK
            return REPEATED if either(says, 0, word & ~KEY_MASK) else CONFLICT  # 0: kept before bodies were compared
    return APPLIED


@rule
def keep_id(book: Any, event: Any, memory: Any) -> None:
    first = grown_words(INT64(book.first_event), INT64(book.events), 1, memory)
    memory.words[first + INT64(book.events)] = id_word(event)
    book.first_event, book.events = first, book.events + 1


@inlined_rule
def state_after(book: Any, kind: int, memory: Any) -> int:
    """The state byte as units and money say it now."""
    is_closed = kind == KIND_CLOSE or book.state & ORDER_BITS == STATE_CLOSED
    units = STATE_CLOSED if is_closed else state_of_units(book, memory)
    return INT64(units | state_of_money(book, memory) << STATE_SHIFT)


@inlined_rule
def finish(book: Any, event: Any, verdict: Any, kind: int, sequence: int, row: int, memory: Any) -> None:
    """An event was applied: version, newest record, state and id."""
    book.state = state_after(book, kind, memory)
    book.version += 1
    book.newest_sequence, book.newest_row = sequence, row
    keep_id(book, event, memory)
    verdict.result, verdict.after, verdict.version = APPLIED, book.state, book.version
    was = INT64(verdict.before) & ORDER_BITS  # the book's own went along with units that moved as one
    verdict.gives_back = book.state & ORDER_BITS == STATE_CANCELLED and was != STATE_CANCELLED
