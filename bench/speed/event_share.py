"""What is the gateway's share of an event: from a body's bytes to batches for the shards, and from answers to bytes?

    body ─▶ decode ─▶ split ─▶ (shards: every event is applied) ─▶ encode ─▶ answers

No HTTP, no Ray, no shard: one thread, timed by its own processor clock, over events of many stored orders in no order.
The figure of a step is the lower quartile over the batches. ``python -m bench.speed.event_share`` prints all of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from actors.gateway.http.forms import ArrowEvents, EventForm, JsonEvents
from bench.harness import report as _harness
from bench.harness.event_load import Due, EventLoad, event_pieces, mixed
from bench.harness.workload import PLACED_FROM
from router.arrow.arrays import Bytes, record_batch
from router.arrow.string_table import StringTable
from router.config import Limits
from router.ids import hash_key
from router.life.states import OrderState, PaymentState, pack_state
from router.log.columns import EVENT_ACK, EventResult
from router.shard.split_events import split_events
from router.wire.event_answers import refused_events
from router.wire.event_wire import EventTerms, EventWire, Names

KEY = hash_key(bytes(16))
NOW_MS = int(PLACED_FROM.timestamp() * 1000)
STORED = 5_000_000
CHUNK_BYTES = 1 << 20  # as a client's body arrives
T = TypeVar("T")

STEPS = ("decode", "split", "encode")
GOALS_US = {"arrow": 1.0, "ndjson": 4.0}  # so that router and client together reach the budgets of events


def run(stream_format: str, events: int, parts: bool, shards: int = 1) -> dict[str, Any]:
    """Microseconds an event by step, with a checksum of the answers."""
    load, conditions = EventLoad(Due.all_alike(STORED), parts=parts), _harness.conditions()
    body = b"".join(piece.body for piece in event_pieces(load, stream_format, *mixed(STORED, events)))
    steps, checksum = _walk(_form(stream_format), body, shards)
    share_us = {step: round(float(np.percentile(steps[step], 25)), 4) for step in STEPS}
    return {
        "bench": f"event_share {stream_format} {'parts' if parts else 'whole'}",
        "events": events,
        "bytes_per_event": round(len(body) / events, 1),
        "processor_us_per_event": share_us,
        "all_us_per_event": round(sum(share_us.values()), 4),
        "goal_us": GOALS_US[stream_format],
        "shards": shards,
        "checksum": checksum,
        "conditions": conditions,
    }


def _form(stream_format: str) -> EventForm:
    names = Names(StringTable(["BER", "LEJ"]), StringTable(["EUR", "GBP", "USD"]))
    terms = EventTerms(KEY, "global", Limits(), lambda again: names, lambda: NOW_MS)
    return JsonEvents(terms) if stream_format == "ndjson" else ArrowEvents(terms)


def _walk(form: EventForm, body: bytes, shards: int) -> tuple[dict[str, list[float]], str]:
    steps: dict[str, list[float]] = {step: [] for step in STEPS}
    digest, wires = hashlib.sha256(form.begin()), _wires(form, body)
    while True:
        wire, decode_us = _timed(next, wires, None)
        if wire is None:
            return steps, digest.hexdigest()[:16]
        _, split_us = _timed(split_events, wire, shards)
        answers, encode_us = _timed(_answered, form, wire, _applied(wire))
        digest.update(answers)
        for step, used_us in zip(STEPS, (decode_us, split_us, encode_us), strict=True):
            steps[step].append(used_us / wire.count)


def _timed(work: Callable[..., T], *arguments: Any) -> tuple[T, float]:
    """What the work gives, and the microseconds of this thread that it took."""
    began = time.thread_time()
    return work(*arguments), (time.thread_time() - began) * 1e6


def _answered(form: EventForm, wire: EventWire, ack: pa.RecordBatch) -> Bytes:
    return form.encode(wire, ack, refused_events(wire, ack))


def _wires(form: EventForm, body: bytes) -> Iterator[EventWire]:
    for at in range(0, len(body), CHUNK_BYTES):
        yield from form.feed([body[at : at + CHUNK_BYTES]], False)
    yield from form.finish()


def _applied(wire: EventWire) -> pa.RecordBatch:
    """What shards say when every event is applied."""
    assert not wire.refused, "the load holds sound events only"
    count = wire.events.num_rows
    nothing, empty = np.zeros(count, np.int64), pa.array([[]] * count, EVENT_ACK.field("units").type)
    return record_batch(
        EVENT_ACK,
        {
            "result": np.full(count, EventResult.APPLIED, np.int8),
            "refusal": nothing.astype(np.uint8),
            "refused_line": np.full(count, -1, np.int32),
            "wanted": nothing,
            "found": nothing,
            "state": np.full(count, pack_state(OrderState.SHIPPED, PaymentState.PAID), np.uint8),
            "version": np.full(count, 4, np.int32),
            "units": empty,
            "money": empty,
        },
    )


def main(events: int) -> None:
    for stream_format in ("arrow", "ndjson"):
        for parts in (False, True):
            result = run(stream_format, events, parts)
            print(json.dumps({name: value for name, value in result.items() if name != "conditions"}))
    print(json.dumps(result["conditions"]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 524_288)
