"""Who uses the router: clients that send until they are answered, a follower of changes, a reader of orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.trials.simulation import goods
from bench.trials.simulation.network import Unanswered
from bench.trials.simulation.plan import CLIENTS, EventSent, OrderRow, Request, Row
from bench.trials.simulation.scheduler import Process
from bench.trials.simulation.watch import EventAnswer, OrderAnswer
from bench.trials.simulation.world import World
from router.arrow.arena import BlockBusy
from router.errors import Damaged
from router.ids import hash_text
from router.log.index import OrderIndexReader
from router.log.steps import order_step
from router.queries import end_cursor, stream
from router.shard.partition import shard_of

ANSWER_TIMEOUT_MS = 2_500
PAUSE_MS = 25
PIECE_ROWS = 3


class Client:
    """Sends its requests one after the other, each with the same rows until it is answered."""

    def __init__(self, world: World, process: Process, number: int, reader: OrderReader) -> None:
        self._world = world
        self._process = process
        self._number = number
        self._reader = reader
        process.spawn(self._run)

    def _run(self) -> None:
        for place, request in enumerate(self._world.plan.requests):
            if request.client == self._number:
                self._world.scheduler.sleep(self._world.dice.between(0, 40, "think", place))
                self._answered(place, request)
        self._world.clients_done += 1

    def _answered(self, place: int, request: Request) -> None:
        attempt = 0
        while True:
            attempt += 1
            gateway = f"gateway-{self._world.dice.below(2, 'gateway', place, attempt)}"
            try:
                answers = self._ask(gateway, place, request.rows)
            except Unanswered:
                answers = None
            if answers is not None:
                break
            self._world.scheduler.sleep(PAUSE_MS)
        self._world.note(f"client-{self._number}", "answered", str(place))
        for row, answer in zip(request.rows, answers, strict=True):
            if isinstance(row, OrderRow):
                self._world.watch.told_order(OrderAnswer(row, *answer))
                self._look_at(row)
            elif isinstance(row, EventSent):
                self._world.watch.told_events.append(EventAnswer(row, place, *answer))
            else:
                self._world.watch.told_movements.append((row, answer))

    def _ask(self, gateway: str, place: int, rows: tuple[Row, ...]) -> list[Any] | None:
        """None where the gateway says that they have to be sent again."""
        network = self._world.network
        answers: list[Any] | None = network.call(self._process, gateway, "send", ANSWER_TIMEOUT_MS, place, rows)
        return answers

    def _look_at(self, row: OrderRow) -> None:
        """Now and then the client asks for its order at once."""
        order_id = goods.order_id(row.number)
        if order_id in self._world.watch.promised and self._world.dice.chance(30, "look", row, len(self._world.trace)):
            self._reader.look(order_id)


class StreamReader:
    """Follows changes like a dispatcher: its work first, then its cursor, both durable outside the router."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        process.spawn(self._run)

    def _run(self) -> None:
        world = self._world
        while True:
            world.news.wait_for(lambda: world.kept_cursor != end_cursor(world.shard_stores))
            try:
                rows, cursor = stream(world.kept_cursor, world.shard_stores, PIECE_ROWS)
            except Damaged as fault:
                world.met_damage(fault)
                world.scheduler.sleep(PAUSE_MS)
                continue
            world.step("stream: read")
            self.act(rows, cursor)
            world.step("stream: acted")

    def act(self, rows: list[dict[str, Any]], cursor: str) -> None:
        self._world.watch.acted_on(rows)
        self._world.step("stream: cursor not moved yet")
        self._world.kept_cursor = cursor


class OrderReader:
    """Asks for orders that were acknowledged, as a gateway reads them: from the mapped index and the log."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._looks = 0
        self._looked_ms = 0

    def watch(self, process: Process) -> None:
        process.spawn(self._run)

    def _run(self) -> None:
        """An old order now and then."""
        while True:
            self._world.news.wait_for(self._is_later)
            self._looked_ms = self._world.scheduler.now_ms
            self._looks += 1
            known = sorted(self._world.watch.promised)
            if known and self._looks % 3 == 0:
                self.look(self._world.dice.one_of(known, "look", self._looks))

    def _is_later(self) -> bool:
        return self._world.scheduler.now_ms > self._looked_ms

    def look(self, order_id: str) -> None:
        hi, lo = hash_text(goods.KEY, order_id)
        shard = int(shard_of(np.array([lo], np.uint64), goods.SHARDS)[0])
        arena = self._world.arenas.get(shard)
        if arena is None:
            return
        try:
            found = OrderIndexReader(arena).find(hi, lo)
            step = found and order_step(self._world.shard_stores[shard], found[0])
        except BlockBusy:
            return
        except Damaged as fault:
            self._world.met_damage(fault)
            return
        self._world.watch.saw(order_id, found, step or None)


def make_clients(world: World, process: Process, reader: OrderReader) -> None:
    for number in range(CLIENTS):
        Client(world, process, number, reader)
