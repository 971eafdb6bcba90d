"""What is said of events that were not applied: the gateway's refusals and those of an order's books, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from router.arrow.arrays import numbers
from router.life.event_types import OrderEvent
from router.life.refusals import REFUSALS, why_refused
from router.life.states import OrderState, PaymentState, Stage, unpack_state
from router.log.columns import MONEY_SHOWN, EventResult
from router.wire.event_columns import EventRefusal
from router.wire.event_wire import EventWire

ORDER_UNKNOWN = "no order has this order_id; send it first"
CONFLICT = (
    "the event_id was used for this order by an event that said something else; give every event an id of its own"
)
STATUS_OF_RESULT = {EventResult.APPLIED: "applied", EventResult.REPEATED: "duplicate"}
REFUSED = "refused"
_STAGES = [stage.name.lower() for stage in Stage]


def state_words(state: int) -> tuple[str, str] | None:
    """Names of both axes of a state byte; None where no order has such a state."""
    try:
        order, payment = unpack_state(state)
    except ValueError:
        return None
    return order.name.lower(), payment.name.lower()


STATE_WORDS = [state_words(state) for state in range(256)]
assert sum(words is not None for words in STATE_WORDS) == len(OrderState) * len(PaymentState)


@dataclass(frozen=True)
class RefusedEvent:
    """An answer that is no line of the kernel's."""

    position: int  # among the batch's answers, from 0
    event_id: str | None  # None where it could not be read
    order_id: str | None
    reason: str
    detail: str
    line: int | None = None  # of the body, where the gateway refused it
    words: tuple[str, str] | None = None  # state and payment_state of the order, where it is known
    units: dict[str, int] | None = None  # by stage
    money: dict[str, int] | None = None

    def document(self) -> dict[str, Any]:
        """The answer as JSON."""
        told: dict[str, Any] = {"event_id": self.event_id}
        if self.order_id is not None:
            told["order_id"] = self.order_id
        told |= {"status": REFUSED, "reason": self.reason, "detail": self.detail}
        if self.words is not None:
            told["state"], told["payment_state"] = self.words
        if self.units is not None:
            told["units"] = self.units
        if self.money is not None:
            told["money"] = self.money
        if self.line is not None:
            told["line"] = self.line
        return told


def refused_events(wire: EventWire, ack: pa.RecordBatch) -> list[RefusedEvent]:
    """Everything that was refused, in order of position; ACK row i answers events row i."""
    assert ack.num_rows == wire.events.num_rows, "one answer an event"
    found = [_unread(refusal) for refusal in wire.refused]
    result = numbers(ack, "result")
    rows = np.flatnonzero((result != EventResult.APPLIED) & (result != EventResult.REPEATED))
    if len(rows):
        at = pa.array(rows)
        ids = (wire.events.column(name).take(at).to_pylist() for name in ("event_id", "order_id"))
        columns = zip(rows.tolist(), *ids, ack.take(at).to_pylist(), strict=True)
        found += [_refused(wire, *each) for each in columns]
    return sorted(found, key=lambda each: each.position)


def _unread(refusal: EventRefusal) -> RefusedEvent:
    ids = refusal.event_id, refusal.order_id
    return RefusedEvent(refusal.position, *ids, refusal.reason, refusal.detail, refusal.line_number)


def _refused(wire: EventWire, row: int, event_id: str, order_id: str, answer: dict[str, Any]) -> RefusedEvent:
    reason, detail = _why(wire, row, answer)
    known = answer["result"] != EventResult.UNKNOWN_ORDER
    return RefusedEvent(
        position=int(wire.positions[row]),
        event_id=event_id,
        order_id=order_id,
        reason=reason,
        detail=detail,
        words=STATE_WORDS[answer["state"]] if known else None,
        units=dict(zip(_STAGES, answer["units"], strict=True)) if answer["units"] else None,
        money=dict(zip(MONEY_SHOWN, answer["money"], strict=True)) if answer["money"] else None,
    )


def _why(wire: EventWire, row: int, answer: dict[str, Any]) -> tuple[str, str]:
    """Code and sentence."""
    if answer["result"] == EventResult.UNKNOWN_ORDER:
        return "order_unknown", ORDER_UNKNOWN
    if answer["result"] == EventResult.CONFLICT:
        return "id_conflict", CONFLICT
    words, event = STATE_WORDS[answer["state"]], OrderEvent(int(numbers(wire.events, "event")[row]))
    assert words is not None, "a state that no order has"
    line_id = _line_id(wire, row, answer["refused_line"]) if answer["refused_line"] >= 0 else ""
    refusal = REFUSALS[answer["refusal"]]
    return refusal.code, why_refused(refusal, event, words[0], line_id, answer["wanted"], answer["found"])


def _line_id(wire: EventWire, row: int, line: int) -> str:
    """The line that a refusal speaks of, as the sender calls it; by its number where the event names none."""
    names = wire.payload.column("line_ids")[row].as_py()
    return str(names[line]) if names else str(line + 1)
