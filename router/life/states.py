"""The lifecycle of an order: one literal table for fulfilment, one for payment; all else is derived.

Numbers are permanent: they stand in log records and in the order index (fulfilment in the low five
bits of the state byte, payment in the high three).
"""

from __future__ import annotations

import functools
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from router.log.columns import Status


class OrderState(IntEnum):
    PENDING = 0  # admitted, not decided: never visible from outside
    REJECTED = 1
    HELD = 2
    BACKORDERED = 3
    PARTIALLY_ALLOCATED = 4
    ALLOCATED = 5
    PICKING = 6
    PACKED = 7
    SHIPPED = 8
    DELIVERED = 9
    CANCELLED = 10
    RETURNED = 11
    LOST = 12
    CLOSED = 13


class PaymentState(IntEnum):
    UNPAID = 0
    AUTHORIZED = 1
    PAID = 2
    FAILED = 3
    REFUNDED = 4


class OrderEvent(IntEnum):
    """What the outside may report about an order."""

    RELEASE = 0  # a review ended well: becomes one of the three RELEASED_* below by the order's stock
    REVIEW_REJECT = 1
    EXPIRE = 2  # a hold was not decided in time
    CANCEL = 3
    PICK = 4
    PACK = 5
    SHIP = 6
    DELIVER = 7
    LOSE = 8
    RETURN = 9
    CLOSE = 10
    PAYMENT_AUTHORIZED = 11
    PAYMENT_CAPTURED = 12
    PAYMENT_FAILED = 13
    PAYMENT_REFUNDED = 14
    RELEASED_ALLOCATED = 15
    RELEASED_PARTIALLY = 16
    RELEASED_BACKORDERED = 17


S, E, P = OrderState, OrderEvent, PaymentState

FULFILMENT: dict[tuple[OrderState, OrderEvent], OrderState] = {
    (S.HELD, E.RELEASED_ALLOCATED): S.ALLOCATED,
    (S.HELD, E.RELEASED_PARTIALLY): S.PARTIALLY_ALLOCATED,
    (S.HELD, E.RELEASED_BACKORDERED): S.BACKORDERED,
    (S.HELD, E.REVIEW_REJECT): S.CANCELLED,
    (S.HELD, E.EXPIRE): S.CANCELLED,
    (S.HELD, E.CANCEL): S.CANCELLED,
    (S.BACKORDERED, E.CANCEL): S.CANCELLED,
    (S.PARTIALLY_ALLOCATED, E.CANCEL): S.CANCELLED,
    (S.PARTIALLY_ALLOCATED, E.PICK): S.PICKING,
    (S.PARTIALLY_ALLOCATED, E.SHIP): S.SHIPPED,  # a warehouse without pick and pack messages
    (S.ALLOCATED, E.CANCEL): S.CANCELLED,
    (S.ALLOCATED, E.PICK): S.PICKING,
    (S.ALLOCATED, E.PACK): S.PACKED,
    (S.ALLOCATED, E.SHIP): S.SHIPPED,
    (S.PICKING, E.PICK): S.PICKING,  # a repeated report
    (S.PICKING, E.CANCEL): S.CANCELLED,
    (S.PICKING, E.PACK): S.PACKED,
    (S.PICKING, E.SHIP): S.SHIPPED,
    (S.PACKED, E.PACK): S.PACKED,
    (S.PACKED, E.CANCEL): S.CANCELLED,
    (S.PACKED, E.SHIP): S.SHIPPED,
    (S.SHIPPED, E.SHIP): S.SHIPPED,
    (S.SHIPPED, E.DELIVER): S.DELIVERED,
    (S.SHIPPED, E.LOSE): S.LOST,
    (S.SHIPPED, E.RETURN): S.RETURNED,  # came back undelivered
    (S.DELIVERED, E.DELIVER): S.DELIVERED,
    (S.DELIVERED, E.RETURN): S.RETURNED,
    (S.DELIVERED, E.CLOSE): S.CLOSED,
    (S.LOST, E.DELIVER): S.DELIVERED,  # found after all
    (S.LOST, E.CLOSE): S.CLOSED,
    (S.RETURNED, E.CLOSE): S.CLOSED,
    (S.CANCELLED, E.CANCEL): S.CANCELLED,
    (S.CANCELLED, E.CLOSE): S.CLOSED,
}

PAYMENT: dict[tuple[PaymentState, OrderEvent], PaymentState] = {
    (P.UNPAID, E.PAYMENT_AUTHORIZED): P.AUTHORIZED,
    (P.UNPAID, E.PAYMENT_CAPTURED): P.PAID,
    (P.UNPAID, E.PAYMENT_FAILED): P.FAILED,
    (P.AUTHORIZED, E.PAYMENT_AUTHORIZED): P.AUTHORIZED,
    (P.AUTHORIZED, E.PAYMENT_CAPTURED): P.PAID,
    (P.AUTHORIZED, E.PAYMENT_FAILED): P.FAILED,
    (P.FAILED, E.PAYMENT_AUTHORIZED): P.AUTHORIZED,
    (P.FAILED, E.PAYMENT_CAPTURED): P.PAID,
    (P.FAILED, E.PAYMENT_FAILED): P.FAILED,
    (P.PAID, E.PAYMENT_CAPTURED): P.PAID,
    (P.PAID, E.PAYMENT_REFUNDED): P.REFUNDED,
    (P.REFUNDED, E.PAYMENT_REFUNDED): P.REFUNDED,
}


class Move(IntEnum):
    """What a transition does to the units an order holds; numbers are the ledger's move kinds."""

    NONE = -1
    CONFIRM = 0  # held -> allocated
    RELEASE = 1  # held -> available
    CANCEL = 2  # allocated -> available
    SHIP = 3  # allocated -> shipped


# States whose units lie in the ledger's `held`, and those whose units lie in `allocated`.
HOLDS_RESERVATION = frozenset({S.HELD})
HOLDS_ALLOCATION = frozenset({S.PARTIALLY_ALLOCATED, S.ALLOCATED, S.PICKING, S.PACKED})
INITIAL = frozenset({S.REJECTED, S.HELD, S.BACKORDERED, S.PARTIALLY_ALLOCATED, S.ALLOCATED})
TERMINAL = frozenset({S.REJECTED, S.CLOSED})

STATE_OF_STATUS: dict[int, OrderState] = {
    Status.ALLOCATED: S.ALLOCATED,
    Status.PARTIALLY_ALLOCATED: S.PARTIALLY_ALLOCATED,
    Status.BACKORDERED: S.BACKORDERED,
    Status.HELD: S.HELD,
    Status.REJECTED: S.REJECTED,
}

RELEASED_AS: dict[OrderState, OrderEvent] = {
    S.ALLOCATED: E.RELEASED_ALLOCATED,
    S.PARTIALLY_ALLOCATED: E.RELEASED_PARTIALLY,
    S.BACKORDERED: E.RELEASED_BACKORDERED,
}

# Names users send as an event's `type`; the three RELEASED_* are never sent.
EVENT_TYPES: dict[str, OrderEvent] = {
    event.name.lower(): event for event in OrderEvent if not event.name.startswith("RELEASED_")
}

# What channels write into an order's payment.status; anything else is unpaid.
PAYMENT_WORDS: dict[str, PaymentState] = {
    "authorized": P.AUTHORIZED,
    "authorised": P.AUTHORIZED,
    "paid": P.PAID,
    "captured": P.PAID,
    "settled": P.PAID,
    "failed": P.FAILED,
    "declined": P.FAILED,
    "voided": P.FAILED,
    "cancelled": P.FAILED,
    "canceled": P.FAILED,
    "refunded": P.REFUNDED,
}

NO_STATE = 255


def move_of(before: OrderState, after: OrderState) -> Move:
    """The stock movement a transition asks for, read off the two states alone."""
    if before in HOLDS_RESERVATION:
        return Move.CONFIRM if after in HOLDS_ALLOCATION else Move.RELEASE if after is S.CANCELLED else Move.NONE
    if before in HOLDS_ALLOCATION:
        return Move.SHIP if after is S.SHIPPED else Move.CANCEL if after is S.CANCELLED else Move.NONE
    return Move.NONE


ORDER_BITS = 31  # of the state byte


def pack_state(order: Any, payment: Any) -> Any:
    """State byte of the order index; of two numbers or of two arrays of uint8."""
    return order | payment << 5


def unpack_state(packed: int) -> tuple[OrderState, PaymentState]:
    return OrderState(packed & ORDER_BITS), PaymentState(packed >> 5)


@functools.cache
def transition_matrix() -> npt.NDArray[np.uint8]:
    """uint8[256, events]: packed state after an event, NO_STATE where the table has no row. Read-only.

    A payment event changes only the payment bits, a fulfilment event only the fulfilment bits.
    """
    matrix = np.full((256, len(OrderEvent)), NO_STATE, np.uint8)
    for payment in PaymentState:
        for (state, event), after in FULFILMENT.items():
            matrix[pack_state(state, payment), event] = pack_state(after, payment)
    for order in OrderState:
        if order in (S.PENDING, S.REJECTED):
            continue
        for (paid, event), paid_after in PAYMENT.items():
            matrix[pack_state(order, paid), event] = pack_state(order, paid_after)
    matrix.flags.writeable = False
    return matrix


def allowed_events(packed: int) -> list[str]:
    """Event types an order in this state accepts, for answers that refuse another one."""
    row = transition_matrix()[packed]
    named = [name for name, event in EVENT_TYPES.items() if row[event] != NO_STATE]
    release = ["release"] if OrderState(packed & 31) is S.HELD else []
    return release + named
