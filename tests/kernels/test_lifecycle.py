"""The lifecycle table is whole, its numbers are permanent, and the kernel walks it as the dictionary says."""

from __future__ import annotations

import pathlib
import random
import re

import numpy as np
from kernels.life.advance import advance

from router.life.states import (
    EVENT_TYPES,
    FULFILMENT,
    HOLDS_ALLOCATION,
    HOLDS_RESERVATION,
    INITIAL,
    NO_STATE,
    PAYMENT,
    RELEASED_AS,
    TERMINAL,
    Move,
    OrderEvent,
    OrderState,
    PaymentState,
    allowed_events,
    move_of,
    pack_state,
    transition_matrix,
    unpack_state,
)
from tests.reference.life import advance as twin

S = OrderState


def test_numbers_in_stored_logs_never_change():
    assert {state.name: state.value for state in OrderState} == {
        "PENDING": 0, "REJECTED": 1, "HELD": 2, "BACKORDERED": 3, "PARTIALLY_ALLOCATED": 4, "ALLOCATED": 5,
        "PICKING": 6, "PACKED": 7, "SHIPPED": 8, "DELIVERED": 9, "CANCELLED": 10, "RETURNED": 11, "LOST": 12,
        "CLOSED": 13,
    }  # fmt: skip
    assert [event.name for event in sorted(OrderEvent)] == [
        "RELEASE", "REVIEW_REJECT", "EXPIRE", "CANCEL", "PICK", "PACK", "SHIP", "DELIVER", "LOSE", "RETURN", "CLOSE",
        "PAYMENT_AUTHORIZED", "PAYMENT_CAPTURED", "PAYMENT_FAILED", "PAYMENT_REFUNDED",
        "RELEASED_ALLOCATED", "RELEASED_PARTIALLY", "RELEASED_BACKORDERED",
    ]  # fmt: skip
    assert [state.name for state in sorted(PaymentState)] == ["UNPAID", "AUTHORIZED", "PAID", "FAILED", "REFUNDED"]


def test_every_state_but_pending_is_reachable_from_a_first_decision():
    reached = set(INITIAL)
    while True:
        grown = reached | {after for (before, _), after in FULFILMENT.items() if before in reached}
        if grown == reached:
            break
        reached = grown
    assert reached == set(OrderState) - {S.PENDING}


def test_terminal_states_have_no_way_out_and_every_other_state_can_end():
    assert not [key for key in FULFILMENT if key[0] in TERMINAL]
    ends = set(TERMINAL)
    for _ in OrderState:
        ends |= {before for (before, _), after in FULFILMENT.items() if after in ends}
    assert ends == set(OrderState) - {S.PENDING}


def test_every_transition_out_of_a_state_with_units_moves_them_or_keeps_them():
    for (before, _), after in FULFILMENT.items():
        holds = HOLDS_RESERVATION | HOLDS_ALLOCATION
        if before in holds and after not in holds and after is not S.BACKORDERED:
            assert move_of(before, after) is not Move.NONE, (before, after)
        if before not in holds or before is after:
            assert move_of(before, after) is Move.NONE, (before, after)


def test_the_matrix_is_the_dictionary_on_both_axes():
    matrix = transition_matrix()
    for packed in range(256):
        order, payment = packed & 31, packed >> 5
        for event in OrderEvent:
            expected = NO_STATE
            if order in list(OrderState) and payment in list(PaymentState):
                state, paid = unpack_state(packed)
                if (state, event) in FULFILMENT:
                    expected = pack_state(FULFILMENT[state, event], paid)
                elif (paid, event) in PAYMENT and state not in (S.PENDING, S.REJECTED):
                    expected = pack_state(state, PAYMENT[paid, event])
            assert matrix[packed, event] == expected


def test_advance_equals_its_twin_on_random_histories():
    rng = random.Random(3)
    matrix = transition_matrix()
    transitions = {
        (state, event): int(matrix[state, event])
        for state in range(256)
        for event in range(matrix.shape[1])
        if matrix[state, event] != NO_STATE
    }
    start = [pack_state(order, payment) for order in OrderState for payment in PaymentState]
    for _ in range(2_000):
        states = [rng.choice(start) for _ in range(rng.randint(1, 4))]
        rows = [
            (rng.choice([None, *range(len(states))]), rng.randrange(matrix.shape[1])) for _ in range(rng.randint(0, 12))
        ]
        kept = np.array(states, np.uint8)
        before, after = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint8)
        slots = np.array([-1 if order is None else order for order, _ in rows], np.int64)
        advance(slots, np.array([event for _, event in rows], np.uint8), matrix, kept, before, after)
        plain = dict(enumerate(states))
        expected = twin.advance(rows, transitions, plain)
        assert list(zip(before.tolist(), after.tolist(), strict=True)) == expected
        assert kept.tolist() == [plain[place] for place in range(len(states))]


def test_a_held_order_offers_release_and_a_closed_one_nothing_but_payments():
    assert "release" in allowed_events(pack_state(S.HELD, PaymentState.UNPAID))
    assert allowed_events(pack_state(S.REJECTED, PaymentState.UNPAID)) == []


def test_the_page_for_people_lists_every_event_type_with_its_states():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "http.md").read_text()
    section = page[page.index("## Lifecycle events") : page.index("## Status changes")]
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    said = {kind.strip(" `"): (named(before), named(after)) for kind, before, after in rows}
    assert said == {name: states_around(event) for name, event in EVENT_TYPES.items()}
    assert len(rows) == len(said), "each type once"


def named(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def states_around(event: OrderEvent) -> tuple[set[str], set[str]]:
    """States that an event is taken from, and those it leads to."""
    events = set(RELEASED_AS.values()) if event is OrderEvent.RELEASE else {event}
    table = {**FULFILMENT, **PAYMENT}
    ways = [(before.name.lower(), after.name.lower()) for (before, met), after in table.items() if met in events]
    return {before for before, _ in ways}, {after for _, after in ways}
