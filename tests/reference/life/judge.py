"""Plain twin of kernels/life/judge.py: what every event of a batch does to the order it names, in row order.

An event is tried on a copy of its order; the copy takes the order's place where all of it went well.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from router.life.event_types import OrderEvent
from router.life.rules import RULES
from router.life.states import LIVE, OrderState, Stage, pack_state
from tests.reference.life.events import Moves, Refused, Repeats
from tests.reference.life.money import Paying
from tests.reference.life.order import REVIEW
from tests.reference.life.units import Taking

E, U = OrderEvent, Stage
HOLDS_MAX = 16
EVENTS_MAX, FACTS_MAX = (1 << 16) - 1, 1 << 10
ASKS = {E.SHORT_PICK, E.REFUSE, E.MOVE, E.REVERSE}  # the ledger, or the order's history, has to answer
ENDS_BADLY = {E.REVIEW_REJECT, E.EXPIRE}
PAYS = {
    E.PAYMENT_AUTHORIZED, E.PAYMENT_CAPTURED, E.PAYMENT_FAILED, E.PAYMENT_VOIDED, E.PAYMENT_REFUNDED,
    E.REFUND_REQUESTED, E.REFUND_FAILED, E.WRITE_OFF, E.CREDIT,
}  # fmt: skip
LEFT_HOUSE = {U.SHIPPED, U.DELIVERED, U.LOST, U.RETURNED}


@dataclass
class Verdict:
    result: str  # applied, repeated, refused, unknown, conflict, asked
    order: tuple = ()
    previous: tuple = ()
    before: int = 0  # state byte
    after: int = 0
    version: int = 0
    refusal: str = ""
    line: int = -1
    wanted: int = 0
    found: int = 0
    gives_back: bool = False
    moves: Moves = field(default_factory=Moves)


def judge(orders, events, sequence, falls_at):
    """Verdicts of events [(row of an order or None, Event)]; ``orders`` {row: Order} are changed as they say."""
    return [_judge(orders, at, event, (sequence, row), falls_at) for row, (at, event) in enumerate(events)]


def _judge(orders, at, event, place, falls_at):
    if at is None:
        return Verdict("unknown")
    if orders.get(at) is None:
        return Verdict("refused", refusal="REJECTED")
    order = orders[at]
    state = pack_state(order.state(), order.payment_state())
    verdict = Verdict("applied", order.reference, order.newest, state, state, order.version)
    if event.id in order.events:
        verdict.result = "repeated" if order.events[event.id] == event.says else "conflict"
        return verdict
    tried = order.copy()
    try:
        if event.type not in RULES:
            raise Refused("NO_REFUSAL")
        if order.busy:
            raise Refused("BUSY_NOW")
        verdict.moves = do(tried, event, falls_at)
    except Repeats:
        verdict.result = "repeated"
    except Refused as why:
        verdict.result, verdict.refusal = "refused", why.reason
        verdict.line, verdict.wanted, verdict.found = why.line, why.wanted, why.found
    else:
        orders[at] = tried
        if event.type in ASKS:
            tried.busy, verdict.result = True, "asked"
            return verdict
        keep(tried, event, place)
        verdict.after, verdict.version = pack_state(tried.state(), tried.payment_state()), tried.version
        was_before = order.state() == OrderState.CANCELLED
        verdict.gives_back = tried.state() == OrderState.CANCELLED and not was_before
    return verdict


def keep(order, event, place):
    """It is the order's newest record, its version, and its id is known from now on."""
    order.version += 1
    order.newest = place
    order.events[event.id] = event.says


def do(order, event, falls_at):
    """What one event does to an order; raises where it does nothing."""
    rule = RULES[event.type]
    if order.closed and not rule.when_closed:
        raise Repeats if event.type == E.CLOSE else Refused("TRANSITION")
    if len(order.events) >= events_max(event.type):
        raise Refused("LIMIT")
    if event.type in PAYS:
        return Paying(order, event).run()
    if event.type == E.SCAN:
        return scan(order, event)
    if event.type == E.CLOSE:
        return close(order)
    if event.type in ASKS or event.type == E.NOTE:
        return Moves()
    by_type = {E.HOLD: hold, E.RELEASE: release, **dict.fromkeys(ENDS_BADLY, end_badly)}
    if event.type in by_type:
        return by_type[event.type](order, event, rule, falls_at)
    return take(order, event, rule, falls_at)


def take(order, event, rule, falls_at):
    """Units go where the event says; a ship that moves nothing may still tell a tracking number."""
    together = order.together
    try:
        return Taking(order, event, rule, falls_at).run()
    except Repeats:
        order.together = together
        parcels = [one for one in order.shipments if event.shipment in (None, one.key)]
        if not order.shipments and event.shipment in (None, "1"):
            parcels = [order]
        if event.type == E.SHIP and len(parcels) == 1 and learn(parcels[0], event):
            return Moves()
        raise


def events_max(event):
    """Remarks leave room for facts, and these for the close."""
    if event == E.CLOSE:
        return EVENTS_MAX
    return EVENTS_MAX - 1 - (FACTS_MAX if event in (E.NOTE, E.SCAN) else 0)


def close(order):
    """Nothing is under way any more: every unit was delivered, came back, was lost or cancelled."""
    if order.stages() & (LIVE - {U.DELIVERED}):
        raise Refused("TRANSITION")
    order.closed, order.together = True, False
    return Moves()


# --- holds -----------------------------------------------------------------------------------------


def units_of_hold(order, event, rule, falls_at):
    """A hold begins and ends also where it moves no unit."""
    try:
        return Taking(order, event, rule, falls_at).run()
    except (Refused, Repeats):
        return Moves()


def hold(order, event, rule, falls_at):
    if event.hold in order.holds:
        raise Repeats
    if len(order.holds) >= HOLDS_MAX:
        raise Refused("LIMIT")
    if not order.stages() & {U.BACKORDERED, U.HELD, U.ALLOCATED}:
        raise Refused("TRANSITION")
    moves = units_of_hold(order, event, rule, falls_at)
    order.holds.append(event.hold)
    if order.stages() == {U.BACKORDERED}:
        order.together = False  # what waits is held now, though it is in no other stage
    return moves


def check_hold(order, event):
    if event.hold is not None and event.hold not in order.holds:
        raise Refused("HOLD_UNKNOWN")


def release(order, event, rule, falls_at):
    if not order.holds:
        raise Refused("TRANSITION")
    check_hold(order, event)
    order.holds = [] if event.hold is None else [key for key in order.holds if key != event.hold]
    return Moves() if order.holds else units_of_hold(order, event, rule, falls_at)


def end_badly(order, event, rule, falls_at):
    if not order.holds:
        raise Repeats if order.state() == OrderState.CANCELLED else Refused("TRANSITION")
    check_hold(order, event)
    moves = Taking(order, event, rule, falls_at).run()
    order.holds = []
    return moves


# --- scans -----------------------------------------------------------------------------------------


def scan(order, event):
    """A carrier's scan of a parcel that the order has; a tracking number that nobody told before is learnt from it."""
    has_left = bool(order.stages() & LEFT_HOUSE)
    shipments = order.shipments
    if event.shipment is not None:
        found = next((shipment for shipment in shipments if shipment.key == event.shipment), None)
        if found is None and not (not shipments and event.shipment == "1" and has_left):
            raise Refused("SHIPMENT_UNKNOWN")
        parcel = found or order
        if event.tracking not in (None, parcel.tracking) and event.tracking in [one.tracking for one in shipments]:
            raise Refused("NAMES_DIFFER")
        learn(parcel, event)
    elif event.tracking is not None and event.tracking in [order.tracking, *(one.tracking for one in shipments)]:
        pass
    elif shipments:
        if len(shipments) > 1 and event.tracking is None:
            raise Refused("WHICH_PARCEL")
        if len(shipments) > 1 or (event.tracking is not None and shipments[0].tracking is not None):
            raise Refused("SHIPMENT_UNKNOWN")
        learn(shipments[0], event)
    elif not has_left:
        raise Refused("NOT_SHIPPED")
    elif event.tracking is not None and order.tracking is not None:
        raise Refused("SHIPMENT_UNKNOWN")
    else:
        learn(order, event)
    return Moves()


def learn(parcel, event):
    """A parcel's tracking number is kept where nobody told it before; whether it was."""
    if event.tracking is None or parcel.tracking is not None:
        return False
    parcel.tracking = event.tracking
    return True


__all__ = ["REVIEW", "Verdict", "do", "judge", "keep"]
