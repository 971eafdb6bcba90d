"""How many lifecycle events a second does the router take, durably, of many stored orders in mixed order?

Starts its own router, stores orders by the stream, and sends events of orders drawn from all of them: every order lives
its life stage by stage, amid the events of all others, so each event is applicable and meets books that no cache holds.
Whole orders and parts, as Arrow and as JSON lines, alone and beside a full stream of new orders; single events beside
it; lives from the order to its delivery. All bodies are made before a clock starts. In the end the folder is verified,
and its orders must be in the states that the answers told.

Not measured: a network, several clients of streams, messages to the outside.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.harness import report as _harness
from bench.harness.answers import EventAnswers, WrongAnswers
from bench.harness.arrays import I64
from bench.harness.asking import Load, drive, request_bytes
from bench.harness.beside import OrdersBeside
from bench.harness.event_load import LIFE, PAID, EventLoad, event_pieces, lives
from bench.harness.pieces import make_pieces
from bench.harness.server import Server, ServerFailed
from bench.harness.stored import Stored
from bench.harness.streaming import EVENT_STREAM, NDJSON, ORDER_STREAM, Exchange, Piece, StreamBroken, exchange
from bench.harness.workload import CHUNK_ORDERS, Workload

Run = dict[str, Any]

ROUND_ORDERS = 128 * CHUNK_ORDERS
STREAMS = (("arrow", False), ("ndjson", False), ("arrow", True), ("ndjson", True))  # and whether of parts
BESIDE = STREAMS[::2]
COHORTS = len(STREAMS) + len(BESIDE) + 1  # sets of orders that live; the last one's by single events
SINGLE_LIVES, SINGLE_S = 2_000, 3.0
SLOW_EVERY_S = 0.01  # between two events of the slow stream


@dataclass
class _Bench:
    """A router with orders, and those of them that have a life before them."""

    server: Server
    workload: Workload
    stored: Stored
    events: int  # of a stream
    waiting: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    placed: int = 0  # numbers of orders that are used up
    others: Counter[str] = field(default_factory=Counter)  # orders stored beside, by state

    def cohort(self, count: int) -> I64:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def next_numbers(self, orders: int) -> int:
        first, self.placed = self.placed, self.placed + orders
        return first


def run(orders: int, events: int, shards: int) -> Run:
    orders = _chunks(orders)
    beside_orders, life_orders = (_chunks(part) for part in (events * 3 // 4, events // len(LIFE)))
    conditions = _harness.conditions()
    with _telling_why(Server(shards=shards)) as server:
        bench = _Bench(server, Workload(), Stored(orders + life_orders), events)
        server.load(bench.workload, orders + life_orders + (len(BESIDE) + 2) * beside_orders)
        _store(bench, orders)
        result = {"bench": "events", "orders": orders, **_alone(bench)}
        result["whole_lives"] = _whole_lives(bench, life_orders)
        result |= _all_beside(bench, beside_orders)
        server.stop()
        verdict = server.verify()
    by_state = _check(bench, verdict)
    return {
        **result,
        "orders_by_state": by_state,
        "verify_ok": verdict["ok"],
        "shards": shards,
        "conditions": conditions,
    }


@contextmanager
def _telling_why(server: Server) -> Iterator[Server]:
    """Where a stream breaks the router has said why, in words that go with its folder."""
    with server:
        try:
            yield server
        except StreamBroken as fault:
            raise ServerFailed(f"{fault}\n{server.last_words()}") from fault


def _chunks(orders: int) -> int:
    return -(-orders // CHUNK_ORDERS) * CHUNK_ORDERS


def _store(bench: _Bench, orders: int) -> None:
    first = bench.next_numbers(orders)
    for at in range(first, first + orders, ROUND_ORDERS):
        _place(bench, min(ROUND_ORDERS, first + orders - at), at)
    fit = bench.stored.allocated(bench.workload.unpaid_numbers(orders, first))
    bench.waiting = np.random.default_rng(1).permutation(fit)


def _place(bench: _Bench, orders: int, first: int) -> Exchange:
    pieces = make_pieces(bench.workload, "arrow", orders, first)
    told = exchange(bench.server.address, bench.server.key, ORDER_STREAM["arrow"], pieces)
    bench.stored.placed(told.body)
    return told


# --- streams -------------------------------------------------------------------------------------


def _alone(bench: _Bench) -> Run:
    lives_each = min(bench.events // len(LIFE), len(bench.waiting) // COHORTS)
    found = {}
    for stream_format, parts in STREAMS:
        found[_name(stream_format, parts)] = _stream(bench, stream_format, parts, lives(bench.cohort(lives_each)))
    return found


def _name(stream_format: str, parts: bool) -> str:
    return f"{'parts' if parts else 'whole'}_{stream_format}"


def _stream(
    bench: _Bench,
    stream_format: str,
    parts: bool,
    of_orders: tuple[I64, I64],
    goes_on: Callable[[], bool] = lambda: True,
) -> Run:
    """One stream of events; what was sent of it is answered and applied, or the bench ends."""
    load, way = EventLoad(bench.stored.due, parts=parts), EVENT_STREAM[stream_format]
    pieces = event_pieces(load, stream_format, *of_orders)
    before = bench.server.processor_s()
    told = exchange(bench.server.address, bench.server.key, way, pieces, goes_on)
    used_s = bench.server.processor_s_since(before) | {"client": told.talk.processor_s}
    answers = EventAnswers()
    count = _note(bench, answers, _name(stream_format, parts), told.body, of_orders[0])
    return {
        "events": count,
        "events_per_s": round(count / told.elapsed_s),
        **_of_pieces(told, pieces, count),
        **{f"{part}_us": us for part, us in _harness.processor_us(used_s, count).items()},
        "checksum": answers.checksum,
    }


def _of_pieces(told: Exchange, pieces: list[Piece], answered: int) -> dict[str, float]:
    ends = np.cumsum([piece.rows for piece in pieces])
    return _harness.percentiles_ms(told.latencies_ms(pieces[: int(np.searchsorted(ends, answered, side="right"))]))


def _note(bench: _Bench, answers: EventAnswers, name: str, body: bytes, numbers: I64) -> int:
    """Count and check answers; they are to the first so many of these events."""
    states = answers.add(name.rpartition("_")[2], body)
    if set(answers.by_status) != {"applied"}:
        raise WrongAnswers(f"{name}: events that were sound were answered {dict(answers.by_status)}.")
    bench.stored.told(numbers, states)
    return len(states)


# --- beside orders -------------------------------------------------------------------------------


def _all_beside(bench: _Bench, orders: int) -> Run:
    """Orders alone, single events alone, and events beside orders."""
    single = {"single_events_alone": _one_at_a_time(bench, SINGLE_S, lambda: True)}
    alone = _beside(bench, orders, lambda beside: {})
    found: Run = {**single, "orders_alone_per_s": alone["orders_per_s"]}
    lives_each = max(1, min((len(bench.waiting) - 2 * SINGLE_LIVES) // len(BESIDE), 2 * orders // len(LIFE)))
    for stream_format, parts in BESIDE:
        stream = functools.partial(_stream, bench, stream_format, parts, lives(bench.cohort(lives_each)))
        found[f"{_name(stream_format, parts)}_beside"] = _beside(bench, orders, stream)
    return found | {"single_events_beside": _beside(bench, orders, functools.partial(_singly, bench))}


def _beside(bench: _Bench, orders: int, work: Callable[[Callable[[], bool]], Run]) -> Run:
    """What the work finds while so many orders stream, and how many a second they are; it is told whether they do."""
    given = bench.server.address, bench.server.key, bench.workload, orders, bench.next_numbers(orders)
    with OrdersBeside(*given) as beside:
        found = work(lambda: beside.runs)
        was_cut = beside.runs
    bench.others.update(beside.told.by_status)
    return {"orders_per_s": round(beside.told.orders_per_s), "to_the_end": not was_cut, **found}


def _singly(bench: _Bench, goes_on: Callable[[], bool]) -> Run:
    """One event after the other, each a request, and an event every few milliseconds over one stream."""

    def slowly() -> bool:
        time.sleep(SLOW_EVERY_S)
        return goes_on()

    slow_lives = lives(bench.cohort(SINGLE_LIVES))
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(_slow_stream, bench, slow_lives, slowly)
        found = _one_at_a_time(bench, math.inf, goes_on)
        return found | slow.result()


def _slow_stream(bench: _Bench, of_orders: tuple[I64, I64], goes_on: Callable[[], bool]) -> Run:
    pieces = event_pieces(EventLoad(bench.stored.due), "ndjson", *of_orders, piece_rows=1)
    told = exchange(bench.server.address, bench.server.key, EVENT_STREAM["ndjson"], pieces, goes_on)
    count = _note(bench, EventAnswers(), "slow_ndjson", told.body, of_orders[0])
    return {f"slow_stream_{mark}": ms for mark, ms in _of_pieces(told, pieces, count).items()} | {"slow_stream": count}


class _Replies(Load):
    """Bodies are kept, too."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []

    def note(self, number: int, waited_ms: float, status: int, body: bytes) -> None:
        super().note(number, waited_ms, status, body)
        self.bodies.append(body)


def _one_at_a_time(bench: _Bench, seconds: float, goes_on: Callable[[], bool]) -> Run:
    """Requests with one event each, the next when the last is answered."""
    numbers, stages = lives(bench.cohort(SINGLE_LIVES))
    pieces = event_pieces(EventLoad(bench.stored.due), "ndjson", numbers, stages, piece_rows=1)
    given = bench.server.address, bench.server.key
    requests = (request_bytes("POST", "/v1/events", *given, piece.body, NDJSON) for piece in pieces)
    replies = _Replies()
    one_and_more = itertools.chain([next(requests)], itertools.takewhile(lambda _: goes_on(), requests))
    replies.elapsed_s = drive(given[0], one_and_more, 1, replies.note, seconds)
    if set(replies.statuses) != {200}:
        raise WrongAnswers(f"Single events were answered {dict(replies.statuses)}: {replies.first_body[:300]!r}")
    count = _note(bench, EventAnswers(), "single_ndjson", b"".join(replies.bodies), numbers)
    return {"events": count, "events_per_s": round(count / replies.elapsed_s), **replies.percentiles_ms()}


# --- whole lives ---------------------------------------------------------------------------------


def _whole_lives(bench: _Bench, orders: int) -> Run:
    """New orders, then all that happens to those that got their units; what was paid when it was placed is not paid
    again."""
    first = bench.next_numbers(orders)
    placed_s = _place(bench, orders, first).elapsed_s
    new = np.arange(first, first + orders)
    numbers, stages = lives(bench.stored.allocated(new))
    is_due = np.isin(numbers, bench.workload.unpaid_numbers(orders, first))
    of_orders = tuple(column[is_due | (stages != PAID)] for column in (numbers, stages))
    told = _stream(bench, "arrow", False, of_orders)
    lived = int((stages == PAID).sum())
    events_s = told["events"] / told["events_per_s"]
    return {"orders": orders, "lived": lived, "lives_per_s": round(lived / (placed_s + events_s)), **told}


def _check(bench: _Bench, verdict: Run) -> dict[str, int]:
    """Orders by state as the folder has them, which must be as the answers told them."""
    told = bench.stored.by_state() + bench.others
    found: Counter[str] = Counter()
    for shard in verdict["shards"]:
        found.update(shard["states"])
    if not verdict["ok"] or found != told:
        raise WrongAnswers(f"verify: {verdict['findings'][:3]}; the folder has {dict(found)}, told were {dict(told)}.")
    return dict(found)
