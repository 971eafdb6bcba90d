"""How the money of an order stands, told again from its records: now, or as it was after one of its changes.

For whoever decides about an order's money outside its shard. It reads the records of one order and nothing else, some
tenths of a millisecond of a short history.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from router.life.scratch import ROW, Scratch
from router.life.states import OrderState, PaymentState, unpack_state
from router.log.columns import MONEY_SHOWN, Status
from router.log.steps import OrderHistory
from router.queries.order import sent_method
from router.queries.source import RecordSource
from router.queries.words import OrderWords


class MoneyStanding(NamedTuple):
    """Amounts are minor units of the order's currency."""

    reference: int  # of the order's own record
    order_id: str
    channel: str
    seller: str
    version: int
    order: OrderState
    payment: PaymentState
    currency: int  # a number of the tables in ``tables_version``
    tables_version: int
    method: str  # how it was to be paid when it came; "" = not said, or erased
    total_minor: int
    captured_minor: int
    due_minor: int  # what the buyer still has to pay; below zero: has to get back


def money_standing(source: RecordSource, newest: int, scratch: Scratch) -> MoneyStanding | None:
    """After the change whose record ``newest`` is; None while that is not durable, and of an order that was rejected.

    ``scratch``: for one thread.
    """
    words = OrderWords()
    with scratch.told(words.passing(OrderHistory(source, newest).pieces())) as books:
        step = words.order
        if step is None or step.outcome["status"] == Status.REJECTED:
            return None
        book, amounts = books.look(ROW), books.sums(np.array([ROW]))[1]
        money = dict(zip(MONEY_SHOWN, amounts[0].tolist(), strict=True))
        order, payment = unpack_state(book.state)
        return MoneyStanding(
            reference=step.reference,
            order_id=step.given["order_id"],
            channel=step.given["channel"],
            seller=step.given["seller"],
            version=book.version,
            order=order,
            payment=payment,
            currency=step.given["currency"],
            tables_version=step.tables_version,
            method=sent_method(source.document(step.sequence, step.row)) or "",
            total_minor=money["total"],
            captured_minor=money["captured"],
            due_minor=money["due"],
        )
