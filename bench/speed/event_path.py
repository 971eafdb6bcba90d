"""Where does the processor time of a lifecycle event go, step by step?

Gateway code, one shard and the ledger in one process on real logs, as ``bench pipeline`` does it for orders, without
HTTP and Ray. Many orders are stored before; then some of them live, stage by stage, amid the events of all others.

    decode ─▶ split ─▶ must_wait ─▶ begin ─▶ ask ─▶ finish ─▶ show ─▶ encode
                                    judge    ledger
                                    log ▪    log ▪  log ▪          ▪ = one write an event; the ledger's where units move

``python -m bench.speed.event_path [arrow|ndjson] [ORDERS] [EVENTS] [parts]``. The figure of a step is the lower
quartile over the batches; the logs' own threads are what the process used beyond this one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from actors.cli.first_start import compile_kernels
from actors.gateway.http.forms import ArrowEvents, EventForm, JsonEvents
from bench.harness import report as _harness
from bench.harness.answers import EventAnswers, WrongAnswers
from bench.harness.event_load import LIFE, EventLoad, event_pieces, lives
from bench.harness.local import KEY, NOW_MS, LocalHome, config_for
from bench.harness.pieces import make_pieces
from bench.harness.stored import Stored
from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.speed.pipeline import Clock, form_of, wire_batches
from router.log.kinds import Kind
from router.shard.split_events import merge_event_answers, split_events
from router.wire.event_answers import refused_events
from router.wire.event_batch import EventBatch
from router.wire.event_wire import EventTerms, EventWire, Names

STEPS = ("decode", "split", "must_wait", "begin", "ask", "finish", "show", "encode")
WARM_UP_PART = 5
SENDER = 7
ROUND_ORDERS = 32 * CHUNK_ORDERS


def run(stream_format: str, orders: int, events: int, parts: bool) -> dict[str, Any]:
    """Microseconds an event by step, and what the logs' own threads use, with a checksum of the answers."""
    workload, conditions = Workload(), _harness.conditions()
    with LocalHome(workload, orders, config_for(orders)) as home:
        stored = _store(home, workload, orders)
        fit = np.random.default_rng(1).permutation(stored.allocated(workload.unpaid_numbers(orders)))
        of_orders = lives(fit[: -(-events // len(LIFE))])
        body = [piece.body for piece in event_pieces(EventLoad(stored.due, parts=parts), stream_format, *of_orders)]
        clock, others_us, answers = _walk(home, stream_format, body)
    if set(answers.by_status) != {"applied"}:
        raise WrongAnswers(f"Events that were sound were answered {dict(answers.by_status)}.")
    steps_us = {step: round(float(np.percentile(clock.steps[step], 25)), 4) for step in STEPS}
    return {
        "bench": f"event_path {stream_format} {'parts' if parts else 'whole'}",
        "orders": orders,
        "events": sum(answers.by_status.values()),
        "processor_us_per_event": steps_us | {"log_threads": round(others_us, 4)},
        "all_us_per_event": round(sum(steps_us.values()) + others_us, 4),
        "checksum": answers.checksum,
        "conditions": conditions,
    }


def _store(home: LocalHome, workload: Workload, orders: int) -> Stored:
    stored, form = Stored(orders), form_of("arrow", home.config.limits)
    for first in range(0, orders, ROUND_ORDERS):
        pieces = make_pieces(workload, "arrow", min(ROUND_ORDERS, orders - first), first)
        said = [
            form.encode(wire, home.router.submit(wire, NOW_MS), home.tables)
            for wire in wire_batches("arrow", home.config.limits, pieces)
        ]
        stored.placed(b"".join([form.begin(), *said, form.end(None)]))
    return stored


def _walk(home: LocalHome, stream_format: str, body: list[bytes]) -> tuple[Clock, float, EventAnswers]:
    form, clock, done, counted = _form(home, stream_format), Clock(), 0, 0
    wires, said, used_s, own_s = _wires(form, body), [form.begin()], time.process_time(), time.thread_time()
    pieces = len(body)
    for number in range(pieces + 1):
        wire = clock.time("decode", lambda: next(wires, None))
        if wire is None:
            break
        said.append(_submit(home, clock, form, wire, number))
        done += wire.count
        if number < pieces // 4 // WARM_UP_PART:
            clock, counted, used_s, own_s = Clock(), 0, time.process_time(), time.thread_time()
        else:
            clock.batch_ends(wire.count)
            counted += wire.count
    others_s = time.process_time() - used_s - (time.thread_time() - own_s)
    answers = EventAnswers()
    answers.add(stream_format, b"".join([*said, form.end(None)]))
    return clock, others_s * 1e6 / counted, answers


def _form(home: LocalHome, stream_format: str) -> EventForm:
    names = Names(home.tables.nodes.ids, home.tables.currencies)
    terms = EventTerms(KEY, home.config.order_id_scope, home.config.limits, lambda again: names, lambda: NOW_MS)
    return JsonEvents(terms) if stream_format == "ndjson" else ArrowEvents(terms)


def _wires(form: EventForm, body: list[bytes]) -> Iterator[EventWire]:
    for piece in body:
        yield from form.feed([piece], False)
    yield from form.finish()


def _submit(home: LocalHome, clock: Clock, form: EventForm, wire: EventWire, number: int) -> bytes:
    shard = home.router.shards[0]
    (parts,) = clock.time("split", lambda: split_events(wire, 1))
    (part,) = parts
    batch = EventBatch((SENDER, number), part.events, part.payload, part.documents, NOW_MS)
    assert not clock.time("must_wait", lambda: shard.must_wait(Kind.EVENTS, batch)), "nothing else is under way"
    begun = clock.time("begin", lambda: shard.begin(Kind.EVENTS, batch))
    clock.time("ask", lambda: shard.ask(begun))
    clock.time("finish", lambda: shard.finish(begun))
    shard.conclude(begun)
    clock.time("show", lambda: shard.show(begun))

    def encoded() -> bytes:
        ack = merge_event_answers(wire, parts, [begun.said])
        return bytes(form.encode(wire, ack, refused_events(wire, ack)))

    return clock.time("encode", encoded)


def main(stream_format: str = "arrow", orders: str = "1000000", events: str = "600000", parts: str = "") -> None:
    compile_kernels()
    print(json.dumps(run(stream_format, int(orders), int(events), parts == "parts"), indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
