"""The gateway as a process: batches what arrives within the linger, decodes, splits, keeps lanes to the owners, merges.

``actors/gateway/`` does the same with asyncio. A lane holds a bounded number of batches under way and sends each with
the same id until it is answered or the deadline is over; then the client is told to send the rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from bench.trials.simulation import goods
from bench.trials.simulation.ledger import LEDGER
from bench.trials.simulation.network import Unanswered
from bench.trials.simulation.plan import EventSent, Movement, OrderRow
from bench.trials.simulation.scheduler import Process, Signal
from bench.trials.simulation.world import World
from router.arrow.arrays import numbers
from router.ids import hash_strings
from router.life.events import EventRow
from router.pipeline import OrderBatch
from router.shard.partition import shard_of
from router.shard.split_batch import merge_answers, split_batch
from router.wire.batch import WireBatch
from router.wire.ndjson import decode_bodies

LINGER_MS = 4
BATCH_ROWS_MAX = 8
WINDOW = 2  # batches under way to one owner
ATTEMPT_TIMEOUT_MS = 600
RETRY_DEADLINE_MS = 4_000
PAUSE_MS = 20

BatchId = tuple[int, int]


class Unavailable(Exception):
    """An owner did not answer before the deadline; the client sends the rows again."""


class Lane:
    """Batches of one gateway to one owner."""

    def __init__(self, world: World, process: Process, target: str, numbers: Callable[[], int]) -> None:
        self._world = world
        self._process = process
        self._target = target
        self._numbers = numbers
        self._under_way = 0
        self._room = Signal(world.scheduler)

    def submit(self, method: str, arguments_of: Callable[[BatchId], tuple[Any, ...]]) -> Any:
        self._room.wait_for(lambda: self._under_way < WINDOW)
        self._under_way += 1
        try:
            return self._persist(method, arguments_of(self._batch_id()))
        finally:
            self._under_way -= 1
            self._room.notify()

    def _batch_id(self) -> BatchId:
        place = 1 + int(self._process.name[-1])
        return (place << 32 | self._process.incarnation, self._numbers())

    def _persist(self, method: str, arguments: tuple[Any, ...]) -> Any:
        scheduler = self._world.scheduler
        deadline_ms = scheduler.now_ms + RETRY_DEADLINE_MS
        while True:
            self._world.step(f"gateway: sends {method}")
            try:
                return self._world.network.call(self._process, self._target, method, ATTEMPT_TIMEOUT_MS, *arguments)
            except Unanswered:
                if scheduler.now_ms + PAUSE_MS >= deadline_ms:
                    raise Unavailable(self._target) from None
                scheduler.sleep(PAUSE_MS)


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
        self._batches = 0
        self._changed = Signal(world.scheduler)
        self._waiting: list[Waiting] = []
        targets = [f"shard-{number}" for number in range(goods.SHARDS)] + [LEDGER]
        self._lanes = {target: Lane(world, process, target, self._next_batch) for target in targets}
        process.handlers = {"send": self.send}
        process.spawn(self._batch_up)

    def send(self, rows: Sequence[Any]) -> list[Any] | None:
        """Answers row by row; None where the client has to send them again."""
        self._world.step("gateway: request arrived")
        try:
            if isinstance(rows[0], OrderRow):
                return self._orders(rows)
            if isinstance(rows[0], EventSent):
                return self._events(rows)
            return self._stock(rows)
        except Unavailable:
            return None

    def _next_batch(self) -> int:
        self._batches += 1
        return self._batches

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
        wire = decode_bodies([body for waiting in group for body in waiting.bodies], goods.CONFIG.limits)
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
        parts, now_ms = split_batch(wire, goods.KEY, goods.SHARDS), self._now_ms

        def send(place: int) -> Any:
            part = parts[place]
            return self._lanes[f"shard-{part.shard}"].submit(
                "orders", lambda batch_id: (OrderBatch(batch_id, part.orders, part.skus, part.documents, now_ms),)
            )

        decided = merge_answers(wire, parts, self._side_by_side(send, len(parts)))
        fingerprints = numbers(wire.orders, "fingerprint").tolist()
        return list(zip(decided.shard_of_row.tolist(), fingerprints, decided.ack.to_pylist(), strict=True))

    def _side_by_side(self, work: Callable[[int], Any], count: int) -> list[Any]:
        """Results of ``work(0)`` ... at the same time; raises Unavailable when one of them did."""
        results: dict[int, Any] = {}
        done = Signal(self._world.scheduler)

        def run(place: int) -> None:
            try:
                results[place] = work(place)
            except Unavailable as fault:
                results[place] = fault
            done.notify()

        for place in range(count):
            self._process.spawn(partial(run, place))
        done.wait_for(lambda: len(results) == count)
        for result in results.values():
            if isinstance(result, Unavailable):
                raise result
        return [results[place] for place in range(count)]

    # --- events and stock --------------------------------------------------------------------------

    def _events(self, rows: Sequence[EventSent]) -> list[Any]:
        ids = pa.array([goods.order_id(row.order) for row in rows], pa.string())
        shards = shard_of(hash_strings(goods.KEY, ids)[1], goods.SHARDS)
        chosen = [np.flatnonzero(shards == shard).tolist() for shard in np.unique(shards).tolist()]
        now_ms = self._now_ms

        def send(place: int) -> Any:
            events = [
                EventRow(f"e-{rows[at].event}", goods.order_id(rows[at].order), rows[at].type) for at in chosen[place]
            ]
            lane = self._lanes[f"shard-{shards[chosen[place][0]]}"]
            return lane.submit("events", lambda batch_id: (batch_id, events, now_ms))

        answers: dict[int, Any] = {}
        for places, told in zip(chosen, self._side_by_side(send, len(chosen)), strict=True):
            answers |= zip(places, told, strict=True)
        return [answers[at] for at in range(len(rows))]

    def _stock(self, rows: Sequence[Movement]) -> list[Any]:
        given = []
        for row in rows:
            movement = {"movement_id": f"m-{row.movement}", "kind": row.kind, "sku": row.sku, "node": row.node}
            given.append(movement | {"qty": row.qty} | ({"to_node": row.to_node} if row.to_node else {}))
        batch, now_ms = goods.movements(given), self._now_ms
        results = self._lanes[LEDGER].submit("stock", lambda _: (batch, now_ms))
        told: list[Any] = results.column("result").to_pylist()
        return told
