"""Ways on: which events an order may take, as far as its state alone tells; its books may still refuse them."""

from __future__ import annotations

import functools

from router.life.event_types import EVENT_TYPES, OrderEvent
from router.life.rules import INSPECT, RULES
from router.life.states import (
    LIVE,
    PARTIAL_STATE,
    STATE_OF_STAGE,
    OrderState,
    PaymentState,
    Stage,
    unpack_state,
)

E, S, P = OrderEvent, OrderState, PaymentState

_ENDED = frozenset({Stage.RETURNED, Stage.LOST, Stage.CANCELLED})
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
    if event in (E.HOLD, E.RELEASE, E.REVIEW_REJECT, E.EXPIRE):
        return bool(stages & _UNTOUCHED) and (event == E.HOLD or order == S.HELD or len(stages) > 1)
    if event == E.CLOSE:
        return not stages & LIVE - {Stage.DELIVERED} or len(stages) > 1
    if event == E.NOTE:
        return True
    classes = {int(stage) for stage in stages} | ({INSPECT} if Stage.RETURNED in stages else set())
    concerned = {number for tier in rule.tiers for number in tier} | set(rule.late)
    return bool(concerned & classes) if concerned else event != E.SCAN or bool(stages - _UNTOUCHED)


def _stages_of(order: OrderState) -> frozenset[Stage]:
    """Where units of an order in this state may lie."""
    for stage, state in STATE_OF_STAGE.items():
        if state == order and state not in PARTIAL_STATE.values():
            return frozenset({stage}) | _ENDED
    for stage, state in PARTIAL_STATE.items():
        if state == order:
            return frozenset(Stage(number) for number in range(stage + 1)) | _ENDED
    return frozenset({Stage.DELIVERED}) | _ENDED if order == S.CLOSED else _ENDED
