"""What an event says, what it did, and why it did nothing, as plain objects. None is what was not given."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.life.event_types import OrderEvent
from router.life.states import Disposition


class Refused(Exception):
    """Nothing was changed, for this reason; ``line`` is the place in the event's list of lines that it speaks of."""

    def __init__(self, reason, line=-1, wanted=0, found=0):
        super().__init__(reason)
        self.reason, self.line, self.wanted, self.found = reason, line, wanted, found


class Repeats(Exception):
    """The event says nothing new."""


@dataclass(frozen=True)
class Named:
    """A line as an event names it."""

    key: object  # of its id
    number: int = -1  # its id as a number from 1, where it is one
    qty: int | None = None


@dataclass(frozen=True)
class Event:
    type: OrderEvent | None  # None unknown
    id: object
    says: int = 0  # equal bodies say equal numbers
    payment: object = None
    amount: int | None = None
    currency: int | None = None
    hold: object = None
    shipment: object = None
    tracking: object = None
    lines: tuple = ()
    node: int | None = None
    to_node: int | None = None
    disposition: Disposition | None = None


@dataclass
class Moves:
    """What an event did, row by row; the order of rows says nothing."""

    units: list = field(default_factory=list)  # line, SKU, node, next, stage byte, next, parcel, next, units, value
    money: list = field(default_factory=list)  # payment, account, amount
    cells: list = field(default_factory=list)  # line, SKU, node, next, units, account, next, ship day given back or -1
