"""Judge: what every event of a batch does to the books of the order it names, in row order, each seeing those before.

    for each event:
        unknown order, or one without a book     answered at once (rejected), or its history is asked (closed)
        its id was applied before                repeated; with another body a conflict
        hold, release                            kernels/life/holds.py
        close, remark                            here
        payment                                  kernels/life/pay.py
        units                                    kernels/life/take.py
        what needs the ledger or the history     ASKED: the order is busy until the answer is there

An applied event raises the version by one, is the order's newest record, and its id is kept until the order is closed.
What it did is told row by row; ``apply`` does the same again from what was told, deciding nothing.
"""

from __future__ import annotations

from typing import Any

from kernels._jit import I64, IN_I64, IN_U32, inlined_rule, kernel, rule
from kernels.life.applied import finish, known_id
from kernels.life.holds import GO_ON, after_units, before_units
from kernels.life.layout import (
    APPLIED,
    ASKED,
    BUSY,
    BUSY_NOW,
    EVENTS_MAX,
    FACTS_MAX,
    INT64,
    KIND_ASK,
    KIND_AUTHORIZE,
    KIND_CLOSE,
    KIND_HOLD,
    KIND_NONE,
    KIND_REJECT,
    KIND_REMARK,
    LIMIT,
    LIVE,
    MEMORY,
    NAMES_DIFFER,
    NO_REFUSAL,
    ORDER_BITS,
    REFUSED,
    REJECTED,
    REPEATED,
    REPEATS,
    SENT_EVENTS,
    STAGE_DELIVERED,
    STATE_CLOSED,
    TERMS,
    TOLD,
    TRANSITION,
    UNKNOWN_ORDER,
)
from kernels.life.parcels import learn_tracking, learns_from_ship, names_differ, parcel_scanned
from kernels.life.pay import pay
from kernels.life.room import has_room
from kernels.life.take import take_units
from kernels.life.tell import CELLS, MONEY, UNITS, reference_of
from kernels.life.units import has_units, part

AHEAD = 32  # rows that are fetched together


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
    if names_differ(book, number, event, memory):
        return NAMES_DIFFER
    learn_tracking(book, number, event.tracking, memory)
    return NO_REFUSAL


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
