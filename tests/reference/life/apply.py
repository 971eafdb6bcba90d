"""Plain twin of kernels/life/apply.py: what events did to units and money, done again from what was told."""

from __future__ import annotations

from router.life.event_types import OrderEvent
from router.life.rules import RULES
from router.life.states import DETAIL_SHIFT, MoneyAccount, PaymentState, Stage
from tests.reference.life.judge import ENDS_BADLY, PAYS, keep, scan, take
from tests.reference.life.money import WORDS
from tests.reference.life.order import Payment, Shipment
from tests.reference.life.units import free_name

E, U, M = OrderEvent, Stage, MoneyAccount


def apply(orders, events, verdicts, sequence):
    """Change ``orders`` as the verdicts of a batch say."""
    for row, ((at, event), verdict) in enumerate(zip(events, verdicts, strict=True)):
        if verdict.result == "applied":
            _apply(orders[at], event, verdict, (sequence, row))


def _apply(order, event, verdict, place):
    _holds(order, event)
    if event.type == E.SCAN:
        scan(order, event)
    if event.type == E.SHIP and not verdict.moves.units:
        take(order, event, RULES[E.SHIP], U.SHIPPED)
    for move in verdict.moves.units:
        _units(order, event, move)
    if event.type in PAYS:
        _money(order, event, verdict)
    order.closed = order.closed or event.type == E.CLOSE
    keep(order, event, place)


def _holds(order, event):
    if event.type == E.HOLD:
        order.holds.append(event.hold)
    elif event.type == E.RELEASE:
        order.holds = [] if event.hold is None else [key for key in order.holds if key != event.hold]
    elif event.type in ENDS_BADLY:
        order.holds = []


def _units(order, event, move):
    line, sku, node, to_node, before, after, parcel, number, units, value = move
    kind = (line, sku, node, before & 15, before >> DETAIL_SHIFT, parcel)
    heap = next(heap for heap in order.heaps if heap.qty >= units and heap.kind == kind)
    if number > len(order.shipments):
        order.shipments.append(Shipment(event.shipment or free_name(order)))
    if event.type in (E.PICK, E.PACK, E.SHIP) and event.tracking is not None:
        (order.shipments[number - 1] if number else order).tracking = event.tracking
    carried = order.shift(heap, units, to_node, U(after & 15), after >> DETAIL_SHIFT, number)
    assert carried == value
    if after & 15 == U.CANCELLED and not order.sends_from(node):
        order.days.pop(node, None)


def _money(order, event, verdict):
    if order.total == 0 and not order.payments and not any(row[2] for row in verdict.moves.money if row[1] != M.FAILED):
        order.said, order.said_of = PaymentState(verdict.after >> 5), event.payment or order.said_of
        return
    for key, account, amount in verdict.moves.money:
        if account in (M.CREDITED, M.WRITTEN_OFF):
            setattr(order, WORDS[account], getattr(order, WORDS[account]) + amount)
            continue
        payment = _payment(order, key)
        if account == M.FAILED:
            payment.failed = True
        else:
            setattr(payment, WORDS[account], getattr(payment, WORDS[account]) + amount)
            payment.failed = payment.failed and account not in (M.AUTHORIZED, M.CAPTURED)


def _payment(order, key):
    payments = order.payments
    if len(payments) == 1 and payments[0].key is None:
        payments[0].key = key
    found = next((payment for payment in payments if payment.key == key), None)
    if found is None:
        found = Payment(key)
        payments.append(found)
    return found
