"""Order shards and the ledger as processes: the router's engines and paths inside shells like those of ``actors/``.

Between any two steps of a path others run, and the process may die. A fault that leaves a handler ends the process,
which starts again and recovers from its log, as in production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.trials.simulation import goods
from bench.trials.simulation.log import SimulatedLog, Store
from bench.trials.simulation.network import Unanswered
from bench.trials.simulation.scheduler import Process, Signal
from bench.trials.simulation.turns import TaskTurn
from router.ledger.engine import LedgerEngine
from router.ledger.path import LedgerPath
from router.ledger.turns import LedgerTurns
from router.life.events import EventDesk, EventRow, Moves
from router.log.index import OrderIndex
from router.log.records import INPUT, OUTCOME_PART
from router.pipeline import OrderBatch, Pending, ShardPath
from router.shard.engine import ShardEngine

if TYPE_CHECKING:
    from bench.trials.simulation.world import World

Message = npt.NDArray[np.uint8]
LEDGER = "ledger"
ANSWER_TIMEOUT_MS = 400
PAUSE_MS = 15


@dataclass(frozen=True)
class Checkpoint:
    """An owner's arrays after a sequence, as ``actors/store/checkpoints.py`` keeps them; durable once it is there."""

    sequence: int
    chains: list[int]
    arrays: Any


class LedgerLink:
    """Satisfies ``pipeline.LedgerPort``: asks over the network until it is answered."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    def decide(
        self, shard: int, sequence: int, epoch: int, tables_version: int, claims: pa.RecordBatch, now_ms: int
    ) -> pa.RecordBatch:
        answer: pa.RecordBatch = self._ask("decide", shard, sequence, epoch, tables_version, claims, now_ms)
        return answer

    def move(self, shard: int, sequence: int, epoch: int, moves: Moves, now_ms: int) -> None:
        self._ask("move", shard, sequence, epoch, moves, now_ms)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        answer: pa.RecordBatch = self._ask("quote", tables_version, claims, now_ms)
        return answer

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
        self.engine = ShardEngine(number, goods.KEY, goods.CONFIG, self.arena)
        self.desk = EventDesk(goods.KEY, self.engine.index, OrderIndex(world.memory.make()))
        self.path = ShardPath(self.engine, self.desk, self._log, LedgerLink(world, process), goods.KEY)
        self._turn = Signal(world.scheduler)
        self._under_way = 0
        self._closed = False
        self._last_ticket = 0
        world.arenas[number] = self.arena
        self.engine.use_tables(goods.TABLES[world.tables_version])
        self._recover(world.checkpoints.get(store.where))
        process.handlers = {"orders": self.submit, "events": self.submit_events, "tables": self.use_tables}

    def _recover(self, kept: Checkpoint | None) -> None:
        start, chains = 1, None
        if kept is not None:
            self.engine.index.restore(kept.arrays[0])
            self.desk.seen.restore(kept.arrays[1])
            start, chains = kept.sequence + 1, kept.chains
        self.path.recover(start, goods.TABLES.__getitem__, chains)

    def submit(self, batch: OrderBatch) -> Message:
        self._world.step("shard: batch arrived")
        self._turn.wait_for(lambda: not self._closed)
        pending = self.path.begin(batch)
        self._under_way += 1
        self._world.step("shard: input queued")
        self.path.decide(pending)
        self._world.step("shard: decided")
        self._turn.wait_for(lambda: self._may_finish(pending))
        acknowledgement, ticket = self.path.finish(pending)
        self._under_way -= 1
        self._last_ticket = ticket or self._last_ticket
        self._turn.notify()
        if ticket is None:
            self._turn.wait_for(lambda: self._may_repeat(pending))
        else:
            self._world.step("shard: outcome queued")
            self._log.wait(ticket)
            self._world.step("shard: outcome durable")
            self.path.published(pending.admitted.sequence)
            self._turn.notify()
            self._checkpoint_when_due()
        self._world.step("shard: published")
        self._world.watch.acknowledges(self.number, acknowledgement)
        return acknowledgement

    def _may_finish(self, pending: Pending) -> bool:
        if pending.ticket is None:
            return self.path.committed >= pending.waits_for
        return self.path.committed == pending.admitted.sequence - 1

    def _may_repeat(self, pending: Pending) -> bool:
        """Whoever is answered finds the order when asking for it next."""
        return self.engine.index.committed_sequence >= pending.waits_for

    def submit_events(self, batch_id: tuple[int, int], rows: list[EventRow], now_ms: int) -> list[dict[str, Any]]:
        self._world.step("shard: events arrived")
        with self._alone():
            answers = self.path.submit_events(batch_id, rows, now_ms)
        self._checkpoint_when_due()
        self._world.step("shard: events answered")
        return answers

    def use_tables(self, version: int) -> None:
        if version > self.engine.tables_version:
            self.engine.use_tables(goods.TABLES[version])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._turn.wait_for(lambda: not self._closed)
        self._closed = True
        self._turn.wait_for(lambda: self._under_way == 0)
        try:
            yield
        finally:
            self._closed = False
            self._turn.notify()

    def _checkpoint_when_due(self) -> None:
        """Keep the state, with no batch under way and nothing of it only in memory."""
        if not self._world.checkpoint_is_due():
            return
        with self._alone():
            if self._last_ticket:
                self._log.wait(self._last_ticket)
            sequence = self.path.committed
            arrays = ([column.copy() for column in index.dump()] for index in (self.engine.index, self.desk.seen))
            kept = Checkpoint(sequence, self._log.chains_at(sequence), list(arrays))
            self._world.checkpoints[self._store.where] = kept

    @property
    def idle(self) -> bool:
        """Whether everything that was begun is durable, and applied."""
        nothing_open = self._under_way == 0 and not self._closed
        return nothing_open and self.path.last_sequence == self._store.last_sequence(OUTCOME_PART)

    def state_hashes(self) -> list[int]:
        return [self.engine.state_hash(), self.desk.state_hash()]


class Checkpoints:
    """Satisfies ``router.ledger.turns.Checkpoints``: kept when the dice say so."""

    def __init__(self, world: World, where: str) -> None:
        self._world = world
        self._where = where

    def due(self) -> bool:
        return self._world.checkpoint_is_due()

    def keep(self, sequence: int, chains: list[int], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._world.checkpoints[self._where] = Checkpoint(sequence, chains, dict(arrays))


class Ledger:
    """What ``actors/owners/ledger_actor.py`` does: the same turns, taken by tasks."""

    def __init__(self, world: World, process: Process, store: Store) -> None:
        self._world = world
        self._store = store
        log = SimulatedLog(process, store, world.step)
        self.engine = LedgerEngine(goods.CONFIG.policy, world.memory.make())
        self.path = LedgerPath(self.engine, log)
        turn = TaskTurn(world.scheduler, lambda: world.step("ledger: a turn ends"))
        checkpoints = Checkpoints(world, store.where)
        self._turns = LedgerTurns(self.path, log, goods.TABLES.__getitem__, turn, checkpoints)
        self.engine.use_tables(goods.TABLES[world.tables_version])
        self._recover(world.checkpoints.get(store.where))
        turns = self._turns
        acts = {
            "decide": turns.decide, "move": turns.move, "amend": turns.amend, "grants": turns.grants,
            "stock": turns.stock, "pending": turns.pending, "quote": turns.quote, "tables": self.use_tables,
        }  # fmt: skip
        process.handlers = {name: self._answering(name, act) for name, act in acts.items()}

    def _recover(self, kept: Checkpoint | None) -> None:
        if kept is None:
            self._turns.recover(1)
        else:
            self.engine.restore(kept.arrays)
            self._turns.recover(kept.sequence + 1, kept.chains)

    def _answering(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def handle(*asked: Any) -> Any:
            self._world.step(f"ledger: {name} arrived")
            answered = act(*asked)
            self._world.watch.ledger_is_balanced(self.engine)
            self._world.step("ledger: answers")
            return answered

        return handle

    def use_tables(self, version: int) -> None:
        self._turns.use_tables(goods.TABLES[version])

    @property
    def idle(self) -> bool:
        return self.path.sequence == self._store.last_sequence(INPUT)

    def state_hashes(self) -> list[int]:
        return [self.engine.state_hash()]
