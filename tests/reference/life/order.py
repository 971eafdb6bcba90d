"""Plain model of one order's books: heaps of units, payments, parcels, holds. What is derived is derived, never stored.

The specification of kernels/life. Ids are whatever the caller uses for ids (texts, say), None where none was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from router.life.rules import INSPECT
from router.life.states import (
    ACCEPTED,
    ENDED_STATES,
    LEFT,
    LIVE,
    PARTIAL_STATE,
    SENT,
    STATE_OF_STAGE,
    CellAccount,
    Disposition,
    OrderState,
    PaymentState,
    Stage,
)

U, A, P = Stage, CellAccount, PaymentState
MARKS = SENT | ACCEPTED
REVIEW = "review"


def even(total, units):
    """What each of so many units carries: differing by one minor unit at most, the dearest first."""
    return [total // units + (place < total % units) for place in range(units)] if units else []


def split(values, units, each=1):
    """What the first units carry, and what the others do. ``each`` of a bundle's first component carry the share of one
    bundle together: whole bundles go before what is less than one, unless just as much is taken."""
    if each == 1:
        return values[:units], values[units:]
    total, loose = sum(values), len(values) % each
    end = int(Fraction(total * loose, len(values)) + Fraction(1, 2)) if values else 0
    bundles = [even(share, each) for share in even(total - end, len(values) // each)]
    wanted = units // each
    if units % each == loose:
        taken = sum(map(sum, bundles[:wanted])) + end
    else:
        taken = sum((sum(bundles, []) + even(end, loose))[:units])
    return even(taken, units), even(total - taken, len(values) - units)


@dataclass
class Heap:
    """Units that are alike: of one line and SKU, at one node, in one stage with one history, in one parcel."""

    line: int
    sku: int
    node: int  # -1 nowhere yet
    stage: Stage
    detail: int
    shipment: int  # number of the order's parcel, 0 none
    values: list  # what each unit carries of the order's total in minor units, the dearest first

    @property
    def kind(self):
        return (self.line, self.sku, self.node, self.stage, self.detail, self.shipment)

    @property
    def qty(self):
        return len(self.values)

    @property
    def group(self):
        """Its stage, or "came back and awaits inspection"."""
        return INSPECT if self.stage == U.RETURNED and self.detail == Disposition.INSPECT else self.stage

    @property
    def account(self):
        """Where the ledger keeps these units."""
        if self.stage in (U.ALLOCATED, U.PICKED, U.PACKED):
            return A.SHIPPED if self.stage != U.ALLOCATED and self.detail & LEFT else A.ALLOCATED
        if self.stage == U.RETURNED:
            return {
                Disposition.INSPECT: A.INSPECTION, Disposition.RESTOCK: A.AVAILABLE, Disposition.REFURBISH: A.DAMAGED,
                Disposition.SCRAP: A.GONE, Disposition.MISSING: A.GONE, Disposition.ELSEWHERE: A.SHIPPED,
            }[self.detail]  # fmt: skip
        return {
            U.BACKORDERED: A.WAITING, U.HELD: A.HELD, U.SHIPPED: A.SHIPPED, U.DELIVERED: A.SHIPPED, U.LOST: A.SHIPPED,
            U.CANCELLED: A.GONE if self.node < 0 else A.AVAILABLE,
        }[self.stage]  # fmt: skip


@dataclass
class Payment:
    """One payment's accounts in minor units; ``key`` None while nobody has said its id."""

    key: object
    authorized: int = 0
    captured: int = 0
    refunding: int = 0
    refunded: int = 0
    failed: bool = False

    @property
    def refundable(self):
        return self.captured - self.refunded - self.refunding

    @property
    def is_empty(self):
        return not (self.authorized or self.captured or self.refunding or self.refunded or self.failed)


@dataclass
class Shipment:
    key: object
    tracking: object = None


@dataclass
class Order:
    reference: tuple  # sequence and row of its own record
    total: int
    currency: int
    customer: int
    promoted: bool
    said: PaymentState  # what was last said of the payment of an order that costs nothing
    line_keys: list  # the ids its lines were sent with, None where a line has none
    parts: dict  # bundle's line -> {component: units in one bundle}
    heaps: list
    days: dict  # node -> ship day of its parcel, while that can still be given back
    payments: list = field(default_factory=list)
    credited: int = 0
    written_off: int = 0
    shipments: list = field(default_factory=list)
    said_of: object = None  # and of which payment
    tracking: object = None  # of the only parcel, while no parcel has a number
    holds: list = field(default_factory=list)
    together: bool = True  # every event so far was about all units at once
    closed: bool = False
    busy: bool = False
    version: int = 1
    newest: tuple = ()
    events: dict = field(default_factory=dict)  # event id -> what it says

    def copy(self):
        return replace(
            self,
            heaps=[Heap(*heap.kind, list(heap.values)) for heap in self.heaps],
            payments=[replace(payment) for payment in self.payments],
            shipments=[replace(shipment) for shipment in self.shipments],
            days=dict(self.days), holds=list(self.holds), events=dict(self.events),
        )  # fmt: skip

    # --- units -----------------------------------------------------------------------------------

    def stages(self):
        """Stages that any unit lies in."""
        return {heap.stage for heap in self.heaps if heap.qty}

    def state(self):
        if self.closed:
            return OrderState.CLOSED
        stages = self.stages()
        live = stages & LIVE
        if not live:
            return next(state for stage, state in ENDED_STATES if stage in stages)
        furthest = max(live)
        if self.holds and furthest <= U.ALLOCATED:
            return OrderState.HELD
        return STATE_OF_STAGE[furthest] if len(live) == 1 else PARTIAL_STATE[furthest]

    def shift(self, heap, units, node, stage, detail, shipment):
        """Move so many units of a heap, the dearest first; what they carried. Like lies with like."""
        taken, heap.values = split(heap.values, units, self.parts.get(heap.line, {}).get(heap.sku, 1))
        kind, from_node = (heap.line, heap.sku, node, stage, detail, shipment), heap.node
        like = next((other for other in self.heaps if other is not heap and other.qty and other.kind == kind), None)
        if like is not None:
            like.values = even(sum(like.values + taken), like.qty + units)
        elif not heap.values:  # all of it: the heap itself goes
            heap.node, heap.stage, heap.detail, heap.shipment, heap.values = node, stage, detail, shipment, taken
        else:
            new = Heap(*kind, taken)
            empty = next((at for at, other in enumerate(self.heaps) if not other.qty), len(self.heaps))
            self.heaps[empty : empty + 1] = [new]
        if U.SHIPPED <= stage < U.CANCELLED:
            self.days.pop(from_node, None)  # its parcel has left
        return sum(taken)

    def sends_from(self, node):
        """Whether anything of the order came, or is to come, from a node; what came back there did not."""
        unsent = (U.HELD, U.ALLOCATED, U.PICKED, U.PACKED)
        return any(heap.qty and heap.node == node and heap.stage in unsent for heap in self.heaps)

    # --- money -----------------------------------------------------------------------------------

    def sum(self, account):
        return sum(getattr(payment, account) for payment in self.payments)

    def owed(self):
        """What the buyer owes altogether, whatever was paid; nothing once every unit is cancelled."""
        if self.stages() == {U.CANCELLED}:
            return 0
        cancelled = sum(sum(heap.values) for heap in self.heaps if heap.stage == U.CANCELLED)
        return max(self.total - cancelled - self.credited, 0)

    def due(self):
        """What the buyer still has to pay; below zero, what they have to get back."""
        left = self.owed() - self.sum("captured")
        return max(left - self.written_off, 0) if left > 0 else min(left + self.sum("refunded"), 0)

    def payment_state(self):
        if self.total == 0 and not self.payments:
            return self.said
        captured, refunded = self.sum("captured"), self.sum("refunded")
        if captured:
            if refunded:
                return P.REFUNDED if refunded >= captured else P.PARTIALLY_REFUNDED
            return P.PAID if self.due() <= 0 else P.PARTIALLY_PAID
        if self.sum("authorized"):
            return P.AUTHORIZED
        return P.FAILED if self.payments and self.payments[-1].failed else P.UNPAID
