"""What clients were told of events, and what broke a promise: an applied one stays applied, and is applied once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

import msgspec

TYPES = ("ship", "note")


class EventTold(msgspec.Struct):
    event_id: str | None = None
    order_id: str | None = None
    status: str = ""
    reason: str | None = None
    detail: str | None = None


def events_of(order_ids: Sequence[str]) -> list[bytes]:
    """Each order leaves, and somebody writes so; the same ids whenever they are asked for."""
    return [
        json.dumps({"event_id": f"{type}-{order_id}", "order_id": order_id, "type": type, **_FIELDS[type]}).encode()
        + b"\n"
        for order_id in order_ids
        for type in TYPES
    ]


_FIELDS: dict[str, dict[str, str]] = {"ship": {}, "note": {"text": "it left"}}


class EventPromises:
    """``violated`` is told of every broken one."""

    def __init__(self, violated: Callable[[str], None]) -> None:
        self._violated = violated
        self.applied: set[str] = set()  # ids of events that somebody was told were applied
        self.refused = 0

    def take(self, answers: Iterable[EventTold]) -> None:
        for answer in answers:
            self._take(answer)

    def _take(self, answer: EventTold) -> None:
        event = f"{answer.event_id} of {answer.order_id}"
        if answer.status in ("applied", "duplicate"):
            if answer.status == "applied" and answer.event_id in self.applied:
                self._violated(f"{event} was applied a second time")
            self.applied.add(str(answer.event_id))
            return
        self.refused += 1
        if answer.event_id in self.applied:
            self._violated(f"{event} was applied, and then answered as {answer.status} ({answer.reason})")
        elif answer.status != "refused" or answer.reason == "order_unknown":
            self._violated(f"{event} was answered as {answer.status} ({answer.reason}), its order was acknowledged")
