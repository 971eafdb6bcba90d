"""Ways on: what an order in a state takes, for people who are told so; its books know more, and decide.

An order some of whose units are lost, came back or were cancelled takes what concerns those, too.
"""

from __future__ import annotations

import functools

from router.life.event_types import EVENT_TYPES, OrderEvent
from router.life.rules import INSPECT, RULES
from router.life.states import (
    ENDED_STATES,
    LIVE,
    PARTIAL_STATE,
    STATE_OF_STAGE,
    OrderState,
    PaymentState,
    Stage,
    unpack_state,
)

E, S, P = OrderEvent, OrderState, PaymentState

_SENT = frozenset({Stage.SHIPPED, Stage.DELIVERED, Stage.LOST, Stage.RETURNED})
_UNTOUCHED = frozenset({Stage.BACKORDERED, Stage.HELD, Stage.ALLOCATED})
_NOTHING_IS_DUE = frozenset({P.PAID, P.REFUNDED})
_CAPTURED = frozenset({P.PAID, P.PARTIALLY_PAID, P.PARTIALLY_REFUNDED})
_PAYMENTS: dict[OrderEvent, frozenset[PaymentState]] = {
    E.PAYMENT_AUTHORIZED: frozenset(P),
    E.PAYMENT_CAPTURED: frozenset(P),
    E.PAYMENT_FAILED: frozenset(P) - _NOTHING_IS_DUE,
    E.PAYMENT_VOIDED: frozenset(P) - {P.UNPAID, P.FAILED},
    E.PAYMENT_REFUNDED: _CAPTURED,
    E.REFUND_REQUESTED: _CAPTURED,
    E.REFUND_FAILED: _CAPTURED,
    E.WRITE_OFF: frozenset(P),
    E.CREDIT: frozenset(P),
}


@functools.cache
def allowed_events(state: int) -> list[str]:
    """Types that an order with this state byte may take, in the order of the alphabet."""
    order, payment = unpack_state(state)
    return sorted(name for name, event in EVENT_TYPES.items() if _may_take(event, order, payment))


def _may_take(event: OrderEvent, order: OrderState, payment: PaymentState) -> bool:
    rule = RULES[event]
    if order in (S.REJECTED, S.PENDING) or (order == S.CLOSED and not rule.when_closed):
        return False
    if event in _PAYMENTS:
        return payment in _PAYMENTS[event]
    stages = _stages_of(order)
    if event in (E.RELEASE, E.REVIEW_REJECT, E.EXPIRE):
        return order == S.HELD
    if event == E.HOLD:
        return bool(stages & _UNTOUCHED)
    if event == E.CLOSE:
        return not stages & LIVE - {Stage.DELIVERED}
    if event == E.SCAN:
        return bool(stages & _SENT)
    classes = {int(stage) for stage in stages} | ({INSPECT} if Stage.RETURNED in stages else set())
    concerned = {number for tier in rule.tiers for number in tier}
    return bool(concerned & classes) or not concerned


def _stages_of(order: OrderState) -> frozenset[Stage]:
    """Where units of an order in this state lie; of one whose units parted, where they may."""
    for stage, state in PARTIAL_STATE.items():
        if state == order and state != S.HELD:
            return frozenset(Stage(number) for number in range(stage + 1))
    named = {state: stage for stage, state in (*STATE_OF_STAGE.items(), *ENDED_STATES)}
    return frozenset({named[order]}) if order in named else _SENT - {Stage.SHIPPED}
