"""Why an event was refused, as people and programs read it: a stable code, and a sentence with the remedy.

Numbers are permanent: they stand in log records. A test holds them against kernels/life/layout.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernels.life import layout
from router.life.event_types import OrderEvent
from router.life.rules import RULES
from router.life.states import Stage


@dataclass(frozen=True)
class Refusal:
    code: str
    detail: str  # over {state}, {event}, {needs}, {line_id}, {wanted}, {found}


REFUSALS: dict[int, Refusal] = {
    layout.TRANSITION: Refusal(
        "transition_not_allowed",
        "the order is {state}, and {event} {needs}; next_events of the order names what it takes",
    ),
    layout.NOT_ENOUGH: Refusal(
        "not_enough_units",
        "line {line_id} has {found} units that this can concern, {wanted} were named; name no more than there are",
    ),
    layout.LINE_UNKNOWN: Refusal(
        "line_unknown", "the order has no line {line_id}; name a line_id as the order was sent with it"
    ),
    layout.SHIPMENT_UNKNOWN: Refusal(
        "shipment_unknown",
        "the order has no such shipment; name a shipment_id or tracking_number that it was shipped with",
    ),
    layout.PAYMENT_UNKNOWN: Refusal("payment_unknown", "the order has no payment of this payment_id; name one it has"),
    layout.AMOUNT_TOO_HIGH: Refusal(
        "amount_too_high",
        "amount is {wanted}, there are {found}; name no more, leave it out for all, or first report what is missing",
    ),
    layout.NOTHING_DUE: Refusal(
        "nothing_due",
        "amount is 0, or no money is left that this could be about; name an amount above 0, or first report its money",
    ),
    layout.CURRENCY: Refusal(
        "currency_differs", "currency is not that of the order; send the amount in the order's own"
    ),
    layout.HOLD_UNKNOWN: Refusal(
        "hold_unknown", "the order is not held under this name; leave hold out to release all"
    ),
    layout.LIMIT: Refusal(
        "limit_reached", "the order has as many events, shipments, payments or holds as one may have; close it"
    ),
    layout.REJECTED: Refusal("transition_not_allowed", "an order in state {state} takes: no event"),
    layout.EVENT_UNKNOWN: Refusal(
        "event_unknown", "no event of this event_id was applied to the order; name one that its timeline shows"
    ),
    layout.NOT_REVERSIBLE: Refusal(
        "not_reversible",
        "later facts stand on this event: reverse those first; or it is of a kind that has another way back (hold: "
        "release; short_pick, refuse: move; cancel: a new order), moved nothing, or was taken back already",
    ),
    layout.NO_STOCK: Refusal("no_stock", "to_node has {found} of the {wanted} units; move fewer, or to another node"),
    layout.NOT_SHIPPED: Refusal("not_shipped", "nothing of the order was shipped yet; report ship first"),
    layout.WHICH_NODE: Refusal("which_units", "units of several nodes could be meant; name the node"),
    layout.ON_HOLD_NOW: Refusal(
        "units_held", "{found} units that this would concern are on hold; send release first, or name other lines"
    ),
    layout.NAMES_DIFFER: Refusal(
        "shipment_differs",
        "tracking_number is that of another shipment than shipment_id; name one of them, or both of the same shipment",
    ),
    layout.WHICH_PARCEL: Refusal(
        "which_shipment", "the order has several shipments; name shipment_id or tracking_number"
    ),
    layout.WHICH_PAYMENT: Refusal("which_payment", "several payments could be meant; name the payment_id"),
    layout.BUSY_NOW: Refusal("order_busy", "units are being planned for the order; send the event again in a moment"),
}


def why_refused(refusal: Refusal, event: OrderEvent, state: str, line_id: str, wanted: int, found: int) -> str:
    """The sentence; ``wanted`` is negative where an event asked for all."""
    return refusal.detail.format(
        line_id=line_id,
        wanted=wanted if wanted >= 0 else "all",
        found=found,
        state=state,
        event=event.name.lower(),
        needs=needs_of(event),
    )


def needs_of(event: OrderEvent) -> str:
    """What an event is about, which an order has not got that refuses it."""
    classes = {number for tier in RULES[event].tiers for number in tier}
    stages = [stage.name.lower() for stage in Stage if stage in classes]
    return f"is about units in the stages {', '.join(stages)}" if stages else "is not what comes next"
