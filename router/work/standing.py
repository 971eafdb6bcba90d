"""Where an order stands, as far as work on it goes: sets of its states, and of state bytes as masks.

Every state of an order whose units are still on their way lies in exactly one of HELD, WAITING, UNSENT and
UNDELIVERED, so none can stand still without a kind of work that notices it (a test counts them).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from router.life.states import OrderState, PaymentState, pack_state

Mask = npt.NDArray[np.bool_]  # by state byte
S, P = OrderState, PaymentState

HELD = frozenset({S.HELD})
WAITING = frozenset(
    {
        S.BACKORDERED, S.PARTIALLY_ALLOCATED, S.PARTIALLY_PICKING, S.PARTIALLY_PACKED, S.PARTIALLY_SHIPPED,
        S.PARTIALLY_DELIVERED,
    }
)  # fmt: skip
UNSENT = frozenset({S.ALLOCATED, S.PICKING, S.PACKED})
UNDELIVERED = frozenset({S.SHIPPED})
ON_ITS_WAY = HELD | WAITING | UNSENT | UNDELIVERED
UNPICKED = frozenset({S.ALLOCATED, S.BACKORDERED, S.PARTIALLY_ALLOCATED})
TO_BE_PAID = ON_ITS_WAY | {S.DELIVERED}

PENDING = int(pack_state(S.PENDING, P.UNPAID))  # before it was decided


def mask(orders: Iterable[OrderState] = tuple(S), payments: Iterable[PaymentState] = tuple(P)) -> Mask:
    """State bytes of one of these states, paid in one of these ways."""
    found = np.zeros(256, np.bool_)
    of_payments = list(payments)
    found[[pack_state(order, payment) for order in orders for payment in of_payments]] = True
    return found
