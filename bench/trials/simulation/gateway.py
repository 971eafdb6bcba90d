"""The gateway as a process: batches what arrives within the linger, decodes, splits, asks the owners, merges.

``actors/gateway/`` does the same with asyncio; the lanes to the owners are in ``lanes.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.trials.simulation import goods
from bench.trials.simulation.lanes import BatchId, Lane, Unavailable
from bench.trials.simulation.ledger import LEDGER
from bench.trials.simulation.plan import EventSent, Movement, OrderRow
from bench.trials.simulation.scheduler import Process, Signal
from bench.trials.simulation.world import World
from router.arrow.arrays import numbers
from router.shard.order_lane import OrderBatch
from router.shard.split_batch import Part, merge_answers, split_batch
from router.shard.split_events import EventPart, merge_event_answers, split_events
from router.wire.batch import WireBatch
from router.wire.event_batch import EventBatch
from router.wire.event_ndjson import decode_events
from router.wire.ndjson import decode_bodies

LINGER_MS = 4
BATCH_ROWS_MAX = 8


@dataclass
class Waiting:
    """Orders of one client that wait for their batch."""

    bodies: list[bytes]
    answers: list[Any] = field(default_factory=list)
    failed: bool = False


class Gateway:
    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._changed = Signal(world.scheduler)
        self._waiting: list[Waiting] = []
        shards = [f"shard-{number}" for number in range(goods.SHARDS)]
        self._lanes = {target: Lane(world, process, target, 0) for target in [*shards, LEDGER]}
        self._event_lanes = {target: Lane(world, process, target, 1) for target in shards}
        process.handlers = {"send": self.send}
        process.spawn(self._batch_up)

    def send(self, request: int, rows: Sequence[Any]) -> list[Any] | None:
        """Answers row by row; None where the client has to send them again."""
        self._world.step("gateway: request arrived")
        self._world.watch.arrivals[request] += 1
        try:
            if isinstance(rows[0], OrderRow):
                return self._orders(rows)
            if isinstance(rows[0], EventSent):
                return self._events(rows)
            return self._stock(rows)
        except Unavailable:
            return None

    @property
    def _now_ms(self) -> int:
        return goods.NOW_MS + self._world.scheduler.now_ms + self._world.clock_jumps[self._process.name]

    # --- orders ----------------------------------------------------------------------------------

    def _orders(self, rows: Sequence[OrderRow]) -> list[Any]:
        waiting = Waiting([row.body() for row in rows])
        self._waiting.append(waiting)
        self._changed.notify()
        self._changed.wait_for(lambda: bool(waiting.answers) or waiting.failed)
        if waiting.failed:
            raise Unavailable
        return waiting.answers

    def _batch_up(self) -> None:
        while True:
            self._changed.wait_for(lambda: bool(self._waiting))
            self._world.scheduler.sleep(LINGER_MS)
            taken, rows = 0, 0
            while taken < len(self._waiting) and (rows == 0 or rows < BATCH_ROWS_MAX):
                rows += len(self._waiting[taken].bodies)
                taken += 1
            group, self._waiting = self._waiting[:taken], self._waiting[taken:]
            self._process.spawn(partial(self._send_batch, group))

    def _send_batch(self, group: list[Waiting]) -> None:
        wire = decode_bodies([body for waiting in group for body in waiting.bodies], goods.LIMITS)
        assert not wire.refused, "plans send readable orders"
        try:
            answers = self._decided(wire)
            for waiting in group:
                waiting.answers, answers = answers[: len(waiting.bodies)], answers[len(waiting.bodies) :]
        except Unavailable:
            for waiting in group:
                waiting.failed = True
        self._changed.notify()

    def _decided(self, wire: WireBatch) -> list[tuple[int, int, dict[str, Any]]]:
        """(shard, fingerprint of what was sent, ACK row) of every order."""
        parts = split_batch(wire, goods.KEY, goods.SHARDS)
        answers = self._side_by_side([partial(self._ask_orders, part) for part in parts])
        decided = merge_answers(wire, parts, answers)
        fingerprints = numbers(wire.orders, "fingerprint").tolist()
        return list(zip(decided.shard_of_row.tolist(), fingerprints, decided.ack.to_pylist(), strict=True))

    def _ask_orders(self, part: Part) -> Any:
        def batch(batch_id: BatchId) -> tuple[OrderBatch]:
            return (OrderBatch(batch_id, part.orders, part.skus, part.documents, self._now_ms),)

        return self._lanes[f"shard-{part.shard}"].submit("orders", batch)

    def _side_by_side(self, works: Sequence[Callable[[], Any]]) -> list[Any]:
        """Results of all of them; the first fault of any is raised after all have ended."""
        results: dict[int, Any] = {}
        done = Signal(self._world.scheduler)

        def run(place: int) -> None:
            try:
                results[place] = works[place]()
            except Unavailable as fault:
                results[place] = fault
            done.notify()

        for place in range(len(works)):
            self._process.spawn(partial(run, place))
        done.wait_for(lambda: len(results) == len(works))
        for result in results.values():
            if isinstance(result, Unavailable):
                raise result
        return [results[place] for place in range(len(works))]

    # --- events and stock --------------------------------------------------------------------------

    def _events(self, rows: Sequence[EventSent]) -> list[tuple[int, dict[str, Any]]]:
        """(fingerprint of what was sent, EVENT_ACK row) of every event."""
        terms = goods.event_terms(self._world.tables_version, self._now_ms)
        wire = decode_events(b"\n".join(row.body() for row in rows), terms)
        assert not wire.refused, f"plans send readable events: {wire.refused}"
        parts = split_events(wire, goods.SHARDS)
        answers = self._side_by_side([partial(self._ask_events, of_shard) for of_shard in parts])
        merged = merge_event_answers(wire, [part for of_shard in parts for part in of_shard], sum(answers, []))
        return list(zip(numbers(wire.events, "fingerprint").tolist(), merged.to_pylist(), strict=True))

    def _ask_events(self, parts: Sequence[EventPart]) -> list[Any]:
        """One part after the other, as each may have to wait for the answer to the one before it."""
        return [self._ask_event_part(part) for part in parts]

    def _ask_event_part(self, part: EventPart) -> Any:
        def batch(batch_id: BatchId) -> tuple[EventBatch]:
            return (EventBatch(batch_id, part.events, part.payload, part.documents, self._now_ms),)

        return self._event_lanes[f"shard-{part.shard}"].submit("events", batch)

    def _stock(self, rows: Sequence[Movement]) -> list[int]:
        """A MovementResult each."""
        batch = goods.movements([row.row() for row in rows])
        results = self._lanes[LEDGER].submit("stock", lambda _: (batch, self._now_ms))
        told: list[int] = results.column("result").to_pylist()
        return told
