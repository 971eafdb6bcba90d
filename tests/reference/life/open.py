"""Plain twin of kernels/life/open.py: the books of orders that were just decided."""

from __future__ import annotations

from dataclasses import dataclass

from router.life.states import PaymentState, Stage
from router.log.columns import Status
from tests.reference.life.order import REVIEW, Heap, Order, Payment, even, split


@dataclass
class Line:
    sku: int
    qty: int
    total: int  # minor units
    allocations: list  # (SKU, node, qty), a component after the other
    backordered: int = 0
    key: object = None  # of the id it was sent with


@dataclass
class Placed:
    status: int
    payment_state: PaymentState
    total: int
    currency: int
    lines: list
    days: dict  # node -> ship day of its parcel, where one was counted
    customer: int = 0
    promoted: bool = False
    version: int = 1


def open_books(sequence, orders):
    """An Order of each one placed, None where it was rejected: what was refused has no books."""
    return [
        None if placed.status == Status.REJECTED else _open(placed, (sequence, row))
        for row, placed in enumerate(orders)
    ]


def _open(placed, reference):
    heaps, parts = [], {}
    stage = Stage.HELD if placed.status == Status.HELD else Stage.ALLOCATED
    for number, line in enumerate(placed.lines):
        heaps += _heaps_of(number, line, stage, parts)
    keys = [line.key for line in placed.lines]
    order = Order(
        reference, placed.total, placed.currency, placed.customer, placed.promoted, placed.payment_state,
        keys, parts, heaps, dict(placed.days), version=placed.version, newest=reference,
    )  # fmt: skip
    order.holds = [REVIEW] if placed.status == Status.HELD else []
    order.together = len(order.stages()) == 1 and (not order.holds or order.stages() == {Stage.HELD})
    order.payments = _payments_of(placed)
    return order


def _payments_of(placed):
    """What the channel said of the only payment, whose id is not known yet."""
    state, total = placed.payment_state, placed.total
    if total == 0 or state == PaymentState.UNPAID:
        return []
    captured = total if state in (PaymentState.PAID, PaymentState.REFUNDED) else 0
    return [
        Payment(
            None, total if state == PaymentState.AUTHORIZED else 0, captured, 0,
            total if state == PaymentState.REFUNDED else 0, state == PaymentState.FAILED,
        )
    ]  # fmt: skip


def _heaps_of(number, line, stage, parts):
    """What was served at its nodes, then what waits. Of a bundle the first component carries what was served."""
    shares = even(line.total, line.qty)
    served = line.qty - line.backordered
    heaps = []
    left = shares[:served]
    for sku in dict.fromkeys(sku for sku, _, _ in line.allocations):
        rows = [(node, qty) for component, node, qty in line.allocations if component == sku]
        units = sum(qty for _, qty in rows)
        each = 1
        if sku != line.sku:
            each = parts.setdefault(number, {})[sku] = units // served
        carried = even(sum(left), units)
        left = []
        for node, qty in rows:
            own, carried = split(carried, qty, each)
            heaps.append(Heap(number, sku, node, stage, 0, 0, own))
    if line.backordered:
        heaps.append(Heap(number, line.sku, -1, Stage.BACKORDERED, 0, 0, shares[served:]))
    return heaps
