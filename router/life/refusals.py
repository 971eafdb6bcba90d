"""Why an event was refused, as people and programs read it: a stable code, and a sentence with the remedy.

Numbers are permanent: they stand in log records. A test holds them against kernels/life/layout.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernels.life import layout


@dataclass(frozen=True)
class Refusal:
    code: str
    detail: str  # over {state}, {allowed}, {line_id}, {wanted}, {found}


REFUSALS: dict[int, Refusal] = {
    layout.TRANSITION: Refusal("transition_not_allowed", "an order in state {state} takes: {allowed}"),
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
    layout.EVENT_UNKNOWN: Refusal("event_unknown", "no event of this event_id was applied to the order"),
    layout.NOT_REVERSIBLE: Refusal(
        "not_reversible", "later facts stand on this event, or it moved nothing; reverse those first"
    ),
    layout.NO_STOCK: Refusal("no_stock", "to_node has {found} of the {wanted} units; move fewer, or to another node"),
    layout.NOT_SHIPPED: Refusal("not_shipped", "nothing of the order was shipped yet; report ship first"),
    layout.WHICH_NODE: Refusal("which_units", "units of several nodes could be meant; name the node"),
    layout.WHICH_PAYMENT: Refusal("which_payment", "several payments could be meant; name the payment_id"),
    layout.BUSY_NOW: Refusal("order_busy", "units are being planned for the order; send the event again in a moment"),
}
