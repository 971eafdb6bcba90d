"""Where an order can stand: stages of its units, accounts of its money, and the states people see, read off both.

    units   every allotment's units lie in stages; an event moves them from stage to stage
    money   an order's accounts; an event adds to one or moves between two
    state   a byte: low five bits what the units say, high three bits what the money says

Numbers are permanent: they stand in log records, in checkpoints and in the order index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

import numpy as np

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
    PARTIALLY_PICKING = 14
    PARTIALLY_PACKED = 15
    PARTIALLY_SHIPPED = 16
    PARTIALLY_DELIVERED = 17


class PaymentState(IntEnum):
    UNPAID = 0
    AUTHORIZED = 1
    PAID = 2
    FAILED = 3
    REFUNDED = 4
    PARTIALLY_PAID = 5
    PARTIALLY_REFUNDED = 6


class Stage(IntEnum):
    """Where units of an order are, from shelf to buyer and back. The stages of a line sum to what was ordered."""

    BACKORDERED = 0
    HELD = 1
    ALLOCATED = 2
    PICKED = 3
    PACKED = 4
    SHIPPED = 5
    DELIVERED = 6
    RETURNED = 7
    LOST = 8
    CANCELLED = 9


class Disposition(IntEnum):
    """What became of units that came back; the detail of Stage.RETURNED."""

    INSPECT = 0  # they await inspection
    RESTOCK = 1
    REFURBISH = 2
    SCRAP = 3
    MISSING = 4
    ELSEWHERE = 5  # what was done with them was not told here (returns from before books were opened)


DISPOSITIONS: dict[str, Disposition] = {
    name.name.lower(): name
    for name in (Disposition.RESTOCK, Disposition.REFURBISH, Disposition.SCRAP, Disposition.MISSING)
}


class CellAccount(IntEnum):
    """Where units lie at a node, as the ledger books them. All but GONE and WAITING sum to what was received."""

    AVAILABLE = 0
    HELD = 1
    ALLOCATED = 2
    SHIPPED = 3
    GONE = 4  # outside: nothing is kept of them
    INSPECTION = 5
    DAMAGED = 6
    BLOCKED = 7
    IN_TRANSIT = 8
    WAITING = 9  # no units at all: a claim that waits for some


class MoneyAccount(IntEnum):
    """Accounts of an order's money; amounts are minor units of its currency."""

    AUTHORIZED = 0
    CAPTURED = 1
    REFUNDING = 2  # asked for, not yet done: reserved out of what was captured
    REFUNDED = 3
    CREDITED = 4
    WRITTEN_OFF = 5
    FAILED = 6  # no amount: 1 = the payment failed, 0 = that was taken back


# A stage byte is the stage and, above it, its detail: for PICKED to LOST the facts that were reported (a later report
# of one that was skipped fills it in), for ALLOCATED what the node said, for RETURNED the disposition.
DETAIL_SHIFT = 4
PICK_SEEN, PACK_SEEN, SHIP_SEEN, LEFT = 1, 2, 4, 8  # LEFT: on-hand of the node has fallen already
SENT, ACCEPTED = 1, 2

S, U = OrderState, Stage

# The state of an order whose live units (not cancelled, returned or lost) all lie in one stage.
STATE_OF_STAGE: Mapping[Stage, OrderState] = {
    U.BACKORDERED: S.BACKORDERED,
    U.HELD: S.HELD,
    U.ALLOCATED: S.ALLOCATED,
    U.PICKED: S.PICKING,
    U.PACKED: S.PACKED,
    U.SHIPPED: S.SHIPPED,
    U.DELIVERED: S.DELIVERED,
}
# The state where they lie in several: by the furthest.
PARTIAL_STATE: Mapping[Stage, OrderState] = {
    U.HELD: S.HELD,  # held and backordered: the review comes first
    U.ALLOCATED: S.PARTIALLY_ALLOCATED,
    U.PICKED: S.PARTIALLY_PICKING,
    U.PACKED: S.PARTIALLY_PACKED,
    U.SHIPPED: S.PARTIALLY_SHIPPED,
    U.DELIVERED: S.PARTIALLY_DELIVERED,
}
# Without live units, the first of these that any unit lies in.
ENDED_STATES: tuple[tuple[Stage, OrderState], ...] = (
    (U.RETURNED, S.RETURNED),
    (U.LOST, S.LOST),
    (U.CANCELLED, S.CANCELLED),
)
LIVE = frozenset(STATE_OF_STAGE)
INITIAL = frozenset({S.REJECTED, S.HELD, S.BACKORDERED, S.PARTIALLY_ALLOCATED, S.ALLOCATED})

STATE_OF_STATUS: dict[int, OrderState] = {
    Status.ALLOCATED: S.ALLOCATED,
    Status.PARTIALLY_ALLOCATED: S.PARTIALLY_ALLOCATED,
    Status.BACKORDERED: S.BACKORDERED,
    Status.HELD: S.HELD,
    Status.REJECTED: S.REJECTED,
}
STATE_NUMBERS = np.array([STATE_OF_STATUS[status] for status in sorted(STATE_OF_STATUS)], np.uint8)  # by Status

ORDER_BITS = 31  # of the state byte


def pack_state(order: Any, payment: Any) -> Any:
    """State byte of two numbers or of two arrays of uint8."""
    return order | payment << 5


def unpack_state(packed: int) -> tuple[OrderState, PaymentState]:
    return OrderState(packed & ORDER_BITS), PaymentState(packed >> 5)


def stage_byte(stage: int, detail: int = 0) -> int:
    return stage | detail << DETAIL_SHIFT


def stage_of(byte: int) -> Stage:
    return Stage(byte & (1 << DETAIL_SHIFT) - 1)


def account_of(byte: int) -> CellAccount:
    """Where the ledger keeps units in a stage; what a kernel does in kernels/life/units.py, said for people."""
    stage, detail = stage_of(byte), byte >> DETAIL_SHIFT
    if stage in (U.PICKED, U.PACKED):
        return CellAccount.SHIPPED if detail & LEFT else CellAccount.ALLOCATED
    return _ACCOUNT_OF_RETURNED[Disposition(detail)] if stage == U.RETURNED else _ACCOUNT_OF_STAGE[stage]


_ACCOUNT_OF_STAGE: Mapping[Stage, CellAccount] = {
    U.BACKORDERED: CellAccount.WAITING,
    U.HELD: CellAccount.HELD,
    U.ALLOCATED: CellAccount.ALLOCATED,
    U.SHIPPED: CellAccount.SHIPPED,
    U.DELIVERED: CellAccount.SHIPPED,
    U.LOST: CellAccount.SHIPPED,
    U.CANCELLED: CellAccount.AVAILABLE,
}
_ACCOUNT_OF_RETURNED: Mapping[Disposition, CellAccount] = {
    Disposition.INSPECT: CellAccount.INSPECTION,
    Disposition.RESTOCK: CellAccount.AVAILABLE,
    Disposition.REFURBISH: CellAccount.DAMAGED,
    Disposition.SCRAP: CellAccount.GONE,
    Disposition.MISSING: CellAccount.GONE,
    Disposition.ELSEWHERE: CellAccount.SHIPPED,
}


def state_of_stages(stages: Iterable[int], on_hold: bool) -> OrderState:
    """The state of an order whose units lie in these stages."""
    found = {Stage(stage) for stage in stages}
    live = found & LIVE
    if not live:
        return next((state for stage, state in ENDED_STATES if stage in found), S.CANCELLED)
    furthest = max(live)
    if on_hold and furthest <= U.ALLOCATED:
        return S.HELD
    return STATE_OF_STAGE[furthest] if len(live) == 1 else PARTIAL_STATE[furthest]
