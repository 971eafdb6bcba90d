"""Event types: what may be reported of an order, and which fields each takes. One row a type; all else is derived.

Numbers are permanent, they stand in log records. Adding a type is a number, a row of ``TAKES`` and its rule in
``router/life/rules.py``; adding a field is a row of ``router/log/event_fields.py``.
"""

from __future__ import annotations

from enum import IntEnum


class OrderEvent(IntEnum):
    """What the outside may report about an order; RELEASED_* are written by no version since books were opened."""

    RELEASE = 0
    REVIEW_REJECT = 1
    EXPIRE = 2
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
    PAYMENT_VOIDED = 18
    REFUND_REQUESTED = 19
    REFUND_FAILED = 20
    HOLD = 21
    SHORT_PICK = 22
    SEND_TO_NODE = 23
    ACCEPT = 24
    REFUSE = 25
    MOVE = 26
    SCAN = 27
    REVERSE = 28
    WRITE_OFF = 29
    CREDIT = 30
    NOTE = 31
    GRANT = 32  # the ledger gave units to an order that waited; never sent from outside


E = OrderEvent
UNKNOWN_TYPE = -1
INTERNAL = frozenset({E.RELEASED_ALLOCATED, E.RELEASED_PARTIALLY, E.RELEASED_BACKORDERED, E.GRANT})

# Names users send as an event's `type`.
EVENT_TYPES: dict[str, OrderEvent] = {event.name.lower(): event for event in OrderEvent if event not in INTERNAL}


_PAYMENT = ("payment_id", "amount", "currency", "method", "reason")
_HOLD = ("hold", "note")
_UNITS = ("lines", "node", "shipment_id", "reason")
_PLACING = ("lines", "node", "to_node", "reason")
_REMARK = ("text", "public")

TAKES: dict[OrderEvent, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            E.PAYMENT_AUTHORIZED, E.PAYMENT_CAPTURED, E.PAYMENT_FAILED, E.PAYMENT_VOIDED, E.PAYMENT_REFUNDED,
            E.REFUND_REQUESTED, E.REFUND_FAILED,
        ),
        _PAYMENT,
    ),
    **dict.fromkeys((E.HOLD, E.RELEASE, E.REVIEW_REJECT, E.EXPIRE), _HOLD),
    **dict.fromkeys((E.CANCEL, E.PICK, E.SHORT_PICK, E.DELIVER, E.LOSE), _UNITS),
    E.PACK: (*_UNITS, "cartons"),
    E.SHIP: (*_UNITS, "carrier", "service", "tracking_number"),
    E.RETURN: (*_UNITS, "disposition"),
    **dict.fromkeys((E.SEND_TO_NODE, E.ACCEPT, E.REFUSE, E.MOVE), _PLACING),
    E.SCAN: ("shipment_id", "tracking_number", "code", "place", "text", "eta"),
    E.REVERSE: ("reversed_event_id",),
    E.WRITE_OFF: ("amount", "reason"),
    E.CREDIT: ("amount", "reason"),
    E.NOTE: _REMARK,
    E.CLOSE: _REMARK,
}  # fmt: skip
# Types that say nothing without these.
NEEDS: dict[OrderEvent, tuple[str, ...]] = {
    E.HOLD: ("hold",),
    E.MOVE: ("to_node",),
    E.REVERSE: ("reversed_event_id",),
    E.CREDIT: ("amount",),
    E.NOTE: ("text",),
}
