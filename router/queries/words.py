"""What the events of an order said in words: the texts behind the keys that its books keep, and what is only shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from router.life.event_types import OrderEvent
from router.life.states import Stage, stage_of
from router.log.kinds import Kind
from router.log.steps import Step

SHOWN_MAX = 200  # newest notes of an order, and scans of one shipment; the timeline has all
E = OrderEvent

_REMARKS = frozenset({E.NOTE, E.CLOSE, E.HOLD, E.RELEASE, E.REVIEW_REJECT, E.EXPIRE})
_PAYS = frozenset({E.PAYMENT_AUTHORIZED, E.PAYMENT_CAPTURED, E.PAYMENT_FAILED})  # by a method
# Key in EVENTS, field whose text it is a keyed hash of.
_NAMED = (("payment", "payment_id"), ("hold", "hold"), ("shipment", "shipment_id"), ("tracking", "tracking_number"))


class ShipmentMeant(NamedTuple):
    """How an event means a shipment: by the key of its id, or by its number in the order; 0: what has no number."""

    key: int = 0
    number: int = 0


@dataclass
class Said:
    """What was said of one shipment."""

    carrier: str = ""
    service: str = ""
    scans: deque[Step] = field(default_factory=lambda: deque(maxlen=SHOWN_MAX))


class CameBack(NamedTuple):
    """Units that came back, to this node."""

    line: int
    sku: int
    shipment: int
    node: int


class OrderWords:
    """Gathered from the steps of an order in their order."""

    def __init__(self) -> None:
        self.order: Step | None = None  # the record of its decision
        self.texts: dict[str, dict[int, str]] = {key: {} for key, _ in _NAMED}  # by name and value of a key
        self.methods: dict[int, str] = {}  # of payments, by key; 0: of one that was not named
        self.paid_by: dict[int, str] = {}  # source of the first report of payments, by key
        self.said: dict[ShipmentMeant, Said] = {}
        self.remarks: deque[Step] = deque(maxlen=SHOWN_MAX)
        self.sent_from: dict[CameBack, set[int]] = {}  # nodes, where not to the same
        self._tracked: dict[int, ShipmentMeant] = {}
        self._numbered = 0  # shipments so far

    def passing(self, pieces: Iterable[list[Step]]) -> Iterator[list[Step]]:
        """The same pieces, noted as they pass."""
        for piece in pieces:
            for step in piece:
                self.note(step)
            yield piece

    def note(self, step: Step) -> None:
        if step.kind is Kind.ORDERS:
            self.order = step
        if step.kind is not Kind.EVENTS:
            return
        for key, name in _NAMED:
            value = step.given[key]
            if value and value not in self.texts[key]:
                self.texts[key][value] = step.payload[name]
        for move in step.outcome["units"]:
            self._numbered = max(self._numbered, move["shipment"])
        event = step.given["event"]
        if event in _REMARKS:
            self.remarks.append(step)
        elif event in (E.SHIP, E.SCAN):
            self._note_shipment(step, event)
        elif event == E.RETURN:
            self._note_origins(step)
        elif event in _PAYS:
            self._note_payment(step)

    def _note_payment(self, step: Step) -> None:
        payment = step.given["payment"]
        if step.payload["method"]:
            self.methods[payment] = step.payload["method"]
        if step.given["source"]:
            self.paid_by.setdefault(payment, step.given["source"])

    def _note_shipment(self, step: Step, event: int) -> None:
        tracking = step.given["tracking"]
        for shipment in self._meant(step, event):
            said = self.said.setdefault(shipment, Said())
            if event == E.SCAN:
                said.scans.append(step)
            else:
                said.carrier = step.payload["carrier"] or said.carrier
                said.service = step.payload["service"] or said.service
            if tracking:
                self._tracked[tracking] = shipment

    def _meant(self, step: Step, event: int) -> set[ShipmentMeant]:
        if step.given["shipment"]:
            return {ShipmentMeant(key=step.given["shipment"])}
        if event == E.SHIP:
            return {ShipmentMeant(number=move["shipment"]) for move in step.outcome["units"]} or {ShipmentMeant()}
        return {self._tracked.get(step.given["tracking"], ShipmentMeant(number=self._numbered))}

    def _note_origins(self, step: Step) -> None:
        for move in step.outcome["units"]:
            came = CameBack(move["line"], move["sku"], move["shipment"], move["to_node"])
            known = {move["node"]}
            if stage_of(move["from_stage"]) == Stage.RETURNED:
                known = self.sent_from.get(came._replace(node=move["node"]), known)
            self.sent_from[came] = self.sent_from.get(came, set()) | known
