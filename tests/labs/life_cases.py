"""Random orders and events for the books: of all sizes and types, in any order, sensible and not."""

from __future__ import annotations

from router.life.event_types import INTERNAL, OrderEvent
from router.life.states import Disposition, PaymentState
from router.log.columns import Status
from tests.reference.life.events import Event, Named
from tests.reference.life.judge import judge
from tests.reference.life.open import Line, Placed

E = OrderEvent
NODES = 4
BUNDLE = 100  # SKUs from here on are bundles
CURRENCY = 3
PAYMENTS = ("P1", "P2", "P3")
SHIPMENTS = ("1", "2", "A", "B")
TRACKINGS = ("T1", "T2")
HOLDS = ("review", "H1", "H2")
SAYS = 1 << 20
UNIT_TYPES = (E.CANCEL, E.PICK, E.PACK, E.SHIP, E.DELIVER, E.LOSE, E.RETURN)
MARK_TYPES = (E.SEND_TO_NODE, E.ACCEPT)
HOLD_TYPES = (E.HOLD, E.RELEASE, E.REVIEW_REJECT, E.EXPIRE)
MONEY_TYPES = (
    E.PAYMENT_AUTHORIZED, E.PAYMENT_CAPTURED, E.PAYMENT_FAILED, E.PAYMENT_VOIDED, E.PAYMENT_REFUNDED,
    E.REFUND_REQUESTED, E.REFUND_FAILED,
)  # fmt: skip
OTHER_TYPES = (E.WRITE_OFF, E.CREDIT, E.NOTE, E.SCAN)
LAST_TYPES = (E.CLOSE, E.SHORT_PICK, E.REFUSE, E.MOVE, E.REVERSE, None, *sorted(INTERNAL))


# --- orders ----------------------------------------------------------------------------------------


def an_order(rng):
    status = rng.choice([Status.ALLOCATED] * 5 + [Status.PARTIALLY_ALLOCATED] * 3 + [Status.BACKORDERED, Status.HELD])
    if rng.random() < 0.03:
        status = Status.REJECTED
    own_ids = rng.random() < 0.3
    unit_price = rng.choice([0, 1, 7, 250, 999, 3 << 30])
    lines = [_line(rng, number, unit_price, own_ids) for number in range(rng.randint(1, 3))]
    _leave_short(rng, lines, status)
    nodes = sorted({node for line in lines for _, node, _ in line.allocations})
    shipping = rng.choice([0, 0, 499]) if unit_price else 0
    return Placed(
        status, rng.choice(list(PaymentState)[:5]), sum(line.total for line in lines) + shipping, CURRENCY, lines,
        {node: 20_000 + rng.randint(0, 3) for node in nodes if rng.random() < 0.8},
        customer=rng.choice([0, 77]), promoted=rng.random() < 0.3,
    )  # fmt: skip


def _line(rng, number, unit_price, own_ids):
    is_bundle = rng.random() < 0.25
    qty = rng.choice([1, 1, 2, 3, 5])
    total = max(qty * unit_price - rng.choice([0, 0, 1, 2]), 0)
    parts = {2 * number + place: rng.choice([1, 1, 2, 3]) for place in range(rng.randint(1, 2))}
    if not is_bundle:
        parts = {rng.randint(0, 9): 1}
    sku = BUNDLE + number if is_bundle else next(iter(parts))
    allocations = [row for part, each in parts.items() for row in _spread(rng, part, qty * each)]
    key = rng.choice(["2", f"L{number}", None]) if own_ids else None
    return Line(sku, qty, total, allocations, key=key if number or key != "2" else "x")


def _spread(rng, sku, units):
    """Units of one SKU over some nodes."""
    rows = []
    for node in rng.sample(range(NODES), rng.choice([1, 1, 2, 3])):
        qty = rng.randint(1, units) if units else 0
        if qty:
            rows.append((sku, node, qty))
        units -= qty
    if units:
        sku, node, qty = rows[-1]
        rows[-1] = (sku, node, qty + units)
    return rows


def _leave_short(rng, lines, status):
    """Take away what the order has to wait for."""
    if status == Status.BACKORDERED:
        for line in lines:
            line.backordered, line.allocations = line.qty, []
    if status not in (Status.PARTIALLY_ALLOCATED, Status.HELD):
        return
    for line in lines:
        short = rng.choice([0, 0, line.qty, rng.randint(0, line.qty)])
        _shorten(line, short)
    if status == Status.PARTIALLY_ALLOCATED:
        if not any(line.backordered for line in lines):
            _shorten(lines[-1], 1)
        if not any(line.allocations for line in lines):
            lines[0].allocations, lines[0].backordered = [(lines[0].sku % BUNDLE, 0, 1)], lines[0].qty - 1
            if lines[0].qty == 1:
                lines.append(Line(9, 1, 0, [], backordered=1))


def _shorten(line, short):
    """Let so many units of a line wait; of a bundle whole ones."""
    served = line.qty - line.backordered
    short = min(short, served)
    if not short:
        return
    units = {}
    for sku, _, qty in line.allocations:
        units[sku] = units.get(sku, 0) + qty
    away = {sku: count // served * short for sku, count in units.items()}
    kept = []
    for sku, node, qty in reversed(line.allocations):
        gone = min(qty, away[sku])
        away[sku] -= gone
        if qty > gone:
            kept.append((sku, node, qty - gone))
    line.allocations = kept[::-1]
    line.backordered += short


# --- events ----------------------------------------------------------------------------------------


def a_batch(rng, orders, count, number, falls_at, is_late=False):
    """``count`` events [(row, Event)] in any order, numbered from ``number``; most of them say something new.

    ``orders`` {row: Order} are the twin's and stay as they are; ``is_late`` brings closing and questions, too.
    """
    tried, rows, events = dict(orders), list(orders), []
    for more in range(count):
        row = rng.choice(rows) if rows and rng.random() < 0.99 else None
        event = an_event(rng, number + more, tried.get(row), is_late)
        for _ in range(rng.choice([0, 1, 4, 8])):
            if judge(tried | {}, [(row, event)], 0, falls_at)[0].result == "applied":
                break
            event = an_event(rng, number + more, tried.get(row), is_late)
        judge(tried, [(row, event)], 0, falls_at)
        events.append((row, event))
    return events


def an_event(rng, number, order, is_late=False):
    """An event that ``order`` (its twin's, or None) might get, sensible or not."""
    groups = [UNIT_TYPES] * 8 + [MONEY_TYPES] * 5 + [HOLD_TYPES, MARK_TYPES, OTHER_TYPES]
    event = rng.choice(rng.choice([*groups, LAST_TYPES] if is_late else groups))
    event_id = f"e{rng.randint(0, number)}" if rng.random() < 0.05 else f"e{number}"
    says = rng.randint(1, SAYS - 1)
    if order is not None and event_id in order.events and rng.random() < 0.5:
        says = order.events[event_id]
    return Event(event, event_id, says, **_fields(rng, event, order))


def _fields(rng, event, order):
    is_whole = rng.random() < 0.35
    if event in MONEY_TYPES or event in (E.WRITE_OFF, E.CREDIT):
        return _money_fields(rng, event, order, is_whole)
    if event in HOLD_TYPES:
        name = rng.choice(HOLDS[1:]) if event == E.HOLD else rng.choice([None, *HOLDS])
        return {"hold": name}
    if event == E.SCAN:
        shipment, tracking = rng.choice([None, *SHIPMENTS]), rng.choice([None, *TRACKINGS])
        return {"shipment": shipment, "tracking": rng.choice([tracking, None]) if shipment else tracking}
    if event not in (*UNIT_TYPES, *MARK_TYPES, E.SHORT_PICK, E.REFUSE, E.MOVE):
        return {}
    fields = {}
    if event == E.SHIP:
        fields["tracking"] = rng.choice([None, *TRACKINGS])
    if event == E.RETURN:
        fields["disposition"] = rng.choice([None, *list(Disposition)[1:5]])
    if is_whole:
        return fields
    if rng.random() < 0.7:
        fields["lines"] = _named_lines(rng, order)
    if rng.random() < 0.25:
        fields["node"] = rng.randint(0, NODES - 1)
    if event not in (*MARK_TYPES, E.REFUSE, E.MOVE) and rng.random() < 0.35:
        fields["shipment"] = rng.choice(SHIPMENTS)
    return fields


def _named_lines(rng, order):
    count = len(order.line_keys) if order else 2
    keys = order.line_keys if order else []
    named = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        place = rng.randint(1, count + (rng.random() < 0.05))
        key = keys[place - 1] if place <= len(keys) and rng.random() < 0.9 else None
        number = int(key) if key and key.isdigit() else -1 if key else place
        named.append(Named(key or str(place), number, rng.choice([None, 1, 1, 2, 3])))
    return tuple(named)


def _money_fields(rng, event, order, is_whole):
    amount = None
    total = order.total if order else 100
    if not is_whole:
        amount = rng.choice(
            [None, total, total, total // 2, total // 3, 1, max(abs(order.due()) if order else 5, 0), 0]
        )
    if event == E.CREDIT and amount is None:
        amount = total // 3
    fields = {"amount": amount}
    if event not in (E.WRITE_OFF, E.CREDIT):
        fields["payment"] = rng.choice([None, PAYMENTS[0], rng.choice(PAYMENTS)])
        fields["currency"] = CURRENCY + 1 if rng.random() < 0.02 else rng.choice([None, CURRENCY])
    return fields
