"""Events as JSON into a router in this process, and its answers as documents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from router.config import Limits
from router.local import LocalRouter
from router.tables.compiled import Tables
from router.wire.event_answer_json import encode_event_json
from router.wire.event_answers import refused_events
from router.wire.event_ndjson import decode_events
from router.wire.event_wire import EventTerms, EventWire, Names

Row = dict[str, Any]


def event_terms(tables: Tables, key: npt.NDArray[np.uint64], now_ms: int) -> EventTerms:
    names = Names(tables.nodes.ids, tables.currencies)
    return EventTerms(key, "global", Limits(), lambda again: names, lambda: now_ms)


def decoded(events: Iterable[Row], terms: EventTerms) -> EventWire:
    return decode_events(b"\n".join(json.dumps(event).encode() for event in events), terms)


def told(wire: EventWire, ack: Any) -> list[Row]:
    """Answers as a client reads them."""
    return [json.loads(line) for line in bytes(encode_event_json(wire, ack, refused_events(wire, ack))).splitlines()]


def tell(local: LocalRouter, terms: EventTerms, events: Iterable[Row]) -> list[Row]:
    """Send events, and take over what became free; the answers in order."""
    wire = decoded(events, terms)
    return told(wire, local.submit_events(wire, terms.now_ms()))
