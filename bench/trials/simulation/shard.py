"""An order shard as a process of the simulation: the turns of ``actors/owners/order_shard.py``, taken by tasks.

Between any two turns others run, and the process may die. A fault that leaves a handler ends the process, which starts
again and recovers from its log, as in production.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.trials.simulation import goods
from bench.trials.simulation.checkpoints import Checkpoint, Checkpoints
from bench.trials.simulation.ledger import LEDGER
from bench.trials.simulation.log import SimulatedLog, Store
from bench.trials.simulation.network import Unanswered
from bench.trials.simulation.scheduler import Process
from bench.trials.simulation.turns import TaskTurn
from bench.trials.simulation.world import World
from router.log.kinds import Kind
from router.log.records import OUTCOME_PART
from router.pipeline import ShardPath
from router.ports import NOTHING_NUMBERED, Question
from router.shard.engine import ShardEngine
from router.shard.grant_lane import GrantBatch
from router.shard.order_lane import OrderBatch
from router.shard.turns import ShardTurns
from router.wire.event_batch import EventBatch

Message = npt.NDArray[np.uint8]
ANSWER_TIMEOUT_MS = 400
PAUSE_MS = 15
GRANTS_WAIT_MS = 300


class LedgerLink:
    """Satisfies ``router.ports.LedgerPort``: asks over the network until it is answered."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        return self._ask("decide", question, claims)

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch,
        numbering: pa.RecordBatch = NOTHING_NUMBERED,
    ) -> pa.RecordBatch:  # fmt: skip
        return self._ask("move", question, moves, given_back, numbering)

    def amend(self, question: Question, amends: pa.RecordBatch) -> pa.RecordBatch:
        return self._ask("amend", question, amends)

    def grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, pa.RecordBatch]:
        found: tuple[int, pa.RecordBatch] = self._ask("grants", shard, epoch, after, wait_ms)
        return found

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        return self._ask("quote", tables_version, claims, now_ms)

    def _ask(self, method: str, *arguments: object) -> Any:
        while True:
            self._world.step("shard: asks the ledger")
            try:
                return self._world.network.call(self._process, LEDGER, method, ANSWER_TIMEOUT_MS, *arguments)
            except Unanswered:
                self._world.scheduler.sleep(PAUSE_MS)


class Shard:
    """What ``actors/owners/order_shard.py`` does with threads, done with tasks."""

    def __init__(self, world: World, process: Process, number: int, store: Store) -> None:
        self._world = world
        self._store = store
        self.number = number
        self.arena = world.memory.make()
        self._log = SimulatedLog(process, store, world.step)
        self._link = LedgerLink(world, process)
        self.engine = ShardEngine(number, goods.KEY, goods.config_of(process.incarnation), self.arena)
        self.path = ShardPath(self.engine, self._log, self._link, goods.TABLES.__getitem__, goods.policy_of)
        turn = TaskTurn(world.scheduler, lambda: world.step("shard: a turn ends"))
        self._turns = ShardTurns(self.path, turn, Checkpoints(world, store.where))
        world.arenas[number] = self.arena
        self.engine.use_tables(goods.TABLES[world.tables_version])
        self._recover(world.checkpoints.get(store.where))
        process.handlers = {"orders": self.submit, "events": self.submit_events, "tables": self.use_tables}
        process.spawn(lambda: world.or_end(process, self._take_grants))

    def _recover(self, kept: Checkpoint | None) -> None:
        if kept is None:
            self.path.recover(1)
        else:
            self.path.restore(kept.arrays)
            self.path.recover(kept.sequence + 1, kept.chains)

    def submit(self, batch: OrderBatch) -> Message:
        self._world.step("shard: batch arrived")
        acknowledgement = self._turns.submit(Kind.ORDERS, batch)
        self._world.watch.acknowledges(self.number, acknowledgement)
        self._world.watch.shows(self.number, self.path.shown)
        return acknowledgement

    def submit_events(self, batch: EventBatch) -> Message:
        self._world.step("shard: events arrived")
        answers = self._turns.submit(Kind.EVENTS, batch)
        self._world.watch.shows(self.number, self.path.shown)
        self._world.step("shard: events answered")
        return answers

    def _take_grants(self) -> None:
        """As ``actors/owners/grant_pump.py`` does."""
        number = 0
        while True:
            seen = self.path.grants.seen
            record, grants = self._link.grants(self.number, self._log.epoch, seen, GRANTS_WAIT_MS)
            if grants.num_rows:
                number += 1
                now_ms = goods.NOW_MS + self._world.scheduler.now_ms
                self._turns.submit(Kind.GRANTED, GrantBatch(self._log.epoch, number, record, grants, now_ms))

    def use_tables(self, version: int) -> None:
        with self._turns.step():
            if version > self.engine.tables_version:
                self.engine.use_tables(goods.TABLES[version])

    @property
    def idle(self) -> bool:
        """Whether everything that was begun is durable, and applied."""
        return self._turns.is_idle and self.path.last_sequence == self._store.last_sequence(OUTCOME_PART)

    def state_hashes(self) -> list[int]:
        return list(self.engine.state_hash())
