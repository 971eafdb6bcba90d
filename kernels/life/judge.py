"""Judge: what every event of a batch does to the books of the order it names, in row order, each seeing those before.

    for each event:
        unknown order, or one without a book     answered at once (rejected), or its history is asked (closed)
        its id was applied before                repeated; with another body a conflict
        hold, release, close, remark, payment    by their own rules
        units                                    kernels/life/take.py
        what needs the ledger or the history     ASKED: the order is busy until the answer is there

An applied event raises the version by one, is the order's newest record, and its id is kept until the order is closed.
What it did is told row by row; ``apply`` does the same again from what was told, deciding nothing.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import I64, IN_I64, IN_U32, inlined_rule, kernel, rule
from kernels.life.layout import (
    APPLIED,
    ASKED,
    BUSY,
    BUSY_NOW,
    CLASS_INSPECT,
    CONFLICT,
    EVENTS_MAX,
    EXTRA_WORDS,
    FACTS_MAX,
    HOLD_COUNT,
    HOLD_UNKNOWN,
    HOLDS,
    HOLDS_MAX,
    INT64,
    KIND_ASK,
    KIND_AUTHORIZE,
    KIND_CLOSE,
    KIND_HOLD,
    KIND_NONE,
    KIND_REJECT,
    KIND_RELEASE,
    KIND_REMARK,
    LIMIT,
    LIVE,
    MEMORY,
    NO_REFUSAL,
    NOT_SHIPPED,
    ON_HOLD,
    ORDER_BITS,
    PAYMENT_COUNT,
    PAYMENTS_MAX,
    REFUSED,
    REJECTED,
    REPEATED,
    REPEATS,
    REVIEW_KEY,
    SENT_EVENTS,
    SHIPMENT_UNKNOWN,
    STAGE_ALLOCATED,
    STAGE_BACKORDERED,
    STAGE_DELIVERED,
    STAGE_HELD,
    STAGE_LOST,
    STAGE_MASK,
    STAGE_RETURNED,
    STAGE_SHIPPED,
    STATE_CANCELLED,
    STATE_CLOSED,
    TERMS,
    TOGETHER,
    TOLD,
    TRANSITION,
    UNKNOWN_ORDER,
)
from kernels.life.money import STATE_SHIFT, state_of_money
from kernels.life.open import extra_of
from kernels.life.parcels import learn_tracking, learns_from_ship, tracking_of
from kernels.life.pay import pay
from kernels.life.runs import SIZES, either, grown_words, take_words
from kernels.life.select import ANY, class_of, count_units, find_shipment, parts_max, shipment_count
from kernels.life.take import take_units
from kernels.life.tell import CELLS, MONEY, UNITS, reference_of
from kernels.life.units import part, stage_byte_of, state_of_units

GO_ON = -2  # what stands before the units of a hold is right
MONEY_MOVES_MAX = 4 * PAYMENTS_MAX  # more than one event can do
AHEAD = 32  # rows that are fetched together
KEY_MASK = ~((1 << 20) - 1)  # of the word that keeps an event's id: 44 bits of its key, 20 of what the event says


# --- ids of events ---------------------------------------------------------------------------------


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


# --- holds -----------------------------------------------------------------------------------------


@rule
def has_units(book: Any, classes: int, memory: Any) -> bool:
    """Whether any unit of the order is in one of these classes."""
    if book.flags & TOGETHER:
        return bool(classes >> class_of(stage_byte_of(book)) & 1)
    return count_units(book, ANY, ANY, classes, ANY, ANY, memory) > 0


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
        if book.flags & ON_HOLD and hold_count(book, memory) == 0:
            add_hold(book, terms.settings[REVIEW_KEY], memory)
        add_hold(book, event.hold, memory)
        book.flags |= ON_HOLD
        part_if_waiting(book, memory)
    return NO_REFUSAL if either(refusal, TRANSITION, REPEATS) else refusal


# --- the rest --------------------------------------------------------------------------------------


@rule
def close(book: Any, memory: Any) -> int:
    """Nothing is under way any more: every unit was delivered, came back, was lost or cancelled."""
    if has_units(book, LIVE & ~(1 << STAGE_DELIVERED), memory):
        return TRANSITION
    part(book, memory)  # the state names their stage no longer
    return NO_REFUSAL


@rule
def remark(book: Any, event: Any, rule_row: Any, terms: Any, memory: Any) -> int:
    """A note, or a scan of a parcel that the order has."""
    if not rule_row.filters:
        return NO_REFUSAL
    number = parcel_scanned(book, event, terms, memory)
    if number < 0:
        return -number
    learn_tracking(book, number, event.tracking, memory)
    return NO_REFUSAL


@rule
def parcel_scanned(book: Any, event: Any, terms: Any, memory: Any) -> int:
    """Number of the parcel that a scan is of, 0 while no parcel has a number; -1 * a refusal where there is none."""
    count = shipment_count(book, memory)
    if event.shipment != 0:
        number = find_shipment(book, event.shipment, memory)
        is_only = count == 0 and event.shipment == terms.shipment_keys[1] and was_shipped(book, memory)
        return number if number > 0 or is_only else -SHIPMENT_UNKNOWN
    if count == 0 and not was_shipped(book, memory):
        return -NOT_SHIPPED
    for number in range(1, count + 1):
        if event.tracking != 0 and tracking_of(book, number, memory) == event.tracking:
            return number
    if event.tracking != 0 and book.tracking == event.tracking:
        return 0
    is_new = event.tracking == 0 or tracking_of(book, count, memory) == 0
    return count if count <= 1 and is_new else -SHIPMENT_UNKNOWN


@rule
def was_shipped(book: Any, memory: Any) -> bool:
    beyond = 1 << STAGE_SHIPPED | 1 << STAGE_DELIVERED | 1 << STAGE_LOST | 1 << STAGE_RETURNED | 1 << CLASS_INSPECT
    return has_units(book, beyond, memory)


@inlined_rule
def events_max(kind: int) -> int:
    """Ids that are kept before an event of a kind: remarks leave room for facts, and these for the end."""
    if kind == KIND_CLOSE:
        return EVENTS_MAX
    return EVENTS_MAX - 1 - (FACTS_MAX if kind == KIND_REMARK else 0)


@rule
def judge_one(book: Any, event: Any, lines: Any, verdict: Any, terms: Any, memory: Any, told: Any) -> int:
    """Do what one event says; a refusal, REPEATS, NO_REFUSAL, or ASKED."""
    rule_row = terms.rules[event.event]
    kind = rule_row.kind
    if book.state & ORDER_BITS == STATE_CLOSED and not rule_row.when_closed:
        return REPEATS if kind == KIND_CLOSE else TRANSITION
    if book.events >= events_max(kind):
        return LIMIT
    if kind >= KIND_AUTHORIZE:
        return pay(book, event, kind, verdict, memory, told)
    if kind == KIND_REMARK:
        return remark(book, event, rule_row, terms, memory)
    if kind == KIND_CLOSE:
        return close(book, memory)
    if kind == KIND_ASK:
        return ASKED
    is_hold = KIND_HOLD <= kind <= KIND_REJECT
    refusal = before_units(book, event, kind, terms, memory) if is_hold else GO_ON
    if refusal == GO_ON:
        refusal = take_units(book, event, lines, rule_row, verdict, terms, memory, told)
        if refusal == REPEATS and learns_from_ship(book, event, rule_row, terms, memory):
            refusal = NO_REFUSAL
        if is_hold:
            refusal = after_units(book, event, kind, refusal, terms, memory)
    return refusal


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


@rule
def judge_row(
    book: Any, event: Any, lines: Any, verdict: Any, sequence: int, row: int, terms: Any, memory: Any, told: Any
) -> None:  # fmt: skip
    verdict.order = reference_of(book.order_sequence, book.order_row)
    verdict.previous = reference_of(book.newest_sequence, book.newest_row)
    verdict.before = verdict.after = book.state
    verdict.version = book.version
    verdict.result = known_id(book, event, memory)
    if verdict.result != APPLIED:
        return
    if event.event < 0 or terms.rules[event.event].kind == KIND_NONE:
        verdict.result = REFUSED
        return
    refusal = BUSY_NOW if book.flags & BUSY else judge_one(book, event, lines, verdict, terms, memory, told)
    if refusal == NO_REFUSAL:
        finish(book, event, verdict, terms.rules[event.event].kind, sequence, row, memory)
    elif refusal == REPEATS:
        verdict.result = REPEATED
    elif refusal == ASKED:
        book.flags |= BUSY
        verdict.result = ASKED
    else:
        verdict.result, verdict.refusal = REFUSED, refusal


@rule
def needs_words(book: Any, memory: Any) -> int:
    """More words than one event can take for this book."""
    extra = 0
    if book.extra:
        for count in range(PAYMENT_COUNT, EXTRA_WORDS, 2):
            extra += memory.words[book.extra + count]
    return INT64(128 + 2 * book.events + 16 * extra)


@rule
def moves_max(book: Any, event: Any, memory: Any) -> int:
    """More moves of units than one event can do: every position as a whole, and a part of one for all that it names."""
    named = INT64(event.line_last) - INT64(event.line_first)
    return INT64(book.positions) + 8 + (named * (parts_max(book, memory) + 1) if named > 0 else 0)


@rule
def has_memory(book: Any, moves: int, memory: Any) -> bool:
    """Whether the arenas have room for what so many moves may take; a run that grows leaves its old ones behind."""
    positions = memory.positions.shape[0] - memory.free_positions[SIZES]
    words = memory.words.shape[0] - memory.free_words[SIZES]
    return bool(positions >= 6 * (INT64(book.positions) + moves) and words >= needs_words(book, memory))


@rule
def has_room(book: Any, event: Any, memory: Any, told: Any) -> bool:
    moves = moves_max(book, event, memory)
    rows = min(told.units.shape[0] - told.ends[UNITS], told.cells.shape[0] - told.ends[CELLS])
    return bool(
        rows >= moves and told.money.shape[0] - told.ends[MONEY] >= MONEY_MOVES_MAX and has_memory(book, moves, memory)
    )


@rule
def fetch(start: int, stop: int, rows: Any, book_of_row: Any, memory: Any, told: Any) -> None:
    """Look at what these rows will need, so that their cache misses overlap. Until it is judged, a verdict's ``order``
    is the number of its book; what else is noted there only keeps the reads from being optimised away."""
    for row in range(start, stop):
        told.verdicts[row].order = INT64(0) if rows[row] < 0 else INT64(book_of_row[rows[row]])
    for row in range(start, stop):
        verdict = told.verdicts[row]
        book = memory.books[verdict.order]
        verdict.wanted, verdict.found = INT64(book.first_event), INT64(book.first_position)
    for row in range(start, stop):
        verdict = told.verdicts[row]
        verdict.previous = memory.words[verdict.wanted] + memory.positions[verdict.found].value_minor


@kernel(I64, I64, I64, SENT_EVENTS, IN_I64, IN_U32, TERMS, MEMORY, TOLD)
def judge(
    start: int, sequence: int, sent: Any, rows: Any, book_of_row: Any, terms: Any, memory: Any, told: Any
) -> int:  # fmt: skip
    """Judge the events of a batch from row ``start`` on; returns the first row that was not judged for lack of room.

    sequence      of the batch's record
    sent          Sent      the batch                                                                     IN
    rows          (n) i64   of the orders in the order index, -1 unknown                                  IN
    book_of_row   u32       0 = the order has no book: rejected                                           IN
    terms         Terms     rules by number of the event                                                  IN
    memory        Memory    books                                                                         INOUT
    told          Told      verdicts by row; moves from its ends on                                       OUT

    A refused row changes nothing that can be seen. Afterwards the stages of every line sum to what was ordered, and
    the state bytes are what units and money say. Cost: some cache misses an event, and its order's positions.
    """
    fetched = start
    for row in range(start, rows.shape[0]):
        if row == fetched:
            fetched = min(row + AHEAD, rows.shape[0])
            fetch(row, fetched, rows, book_of_row, memory, told)
        event, verdict = sent.events[row], told.verdicts[row]
        number = verdict.order
        book = memory.books[number]
        if not has_room(book, event, memory, told):
            return row
        verdict.row, verdict.order, verdict.previous, verdict.whole, verdict.gives_back = rows[row], -1, -1, 0, 0
        verdict.refusal, verdict.refused_line, verdict.wanted, verdict.found = NO_REFUSAL, -1, 0, 0
        if number == 0:
            verdict.result = UNKNOWN_ORDER if rows[row] < 0 else REFUSED
            verdict.refusal = REJECTED
        else:
            judge_row(book, event, sent.lines, verdict, sequence, row, terms, memory, told)
        verdict.unit_last, verdict.money_last = told.ends[UNITS], told.ends[MONEY]
        verdict.move_last = told.ends[CELLS]
    return INT64(rows.shape[0])
