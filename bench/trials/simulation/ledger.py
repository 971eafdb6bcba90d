"""The ledger as a process of the simulation: the turns of ``actors/owners/ledger_actor.py``, taken by tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.trials.simulation import goods
from bench.trials.simulation.checkpoints import Checkpoint, Checkpoints
from bench.trials.simulation.log import SimulatedLog, Store
from bench.trials.simulation.scheduler import Process
from bench.trials.simulation.turns import TaskTurn
from bench.trials.simulation.world import World
from router.errors import Damaged
from router.ledger.engine import LedgerEngine
from router.ledger.path import ChangedQuestion, LedgerPath, StaleOwner
from router.ledger.turns import LedgerTurns
from router.log.records import INPUT
from router.pipeline import ShardPath

LEDGER = "ledger"
THE_SHARDS = (StaleOwner, ChangedQuestion)  # faults of the shard that asks, raised before anything was changed


class Ledger:
    """Between any two turns others run, and the process may die; then it starts again and recovers from its log."""

    def __init__(self, world: World, process: Process, store: Store) -> None:
        self._world = world
        self._store = store
        log = SimulatedLog(process, store, world.step)
        self.engine = LedgerEngine(goods.config_of(process.incarnation).policy, world.memory.make())
        self.path = LedgerPath(self.engine, log)
        turn = TaskTurn(world.scheduler, lambda: world.step("ledger: a turn ends"))
        checkpoints = Checkpoints(world, store.where)
        self._turns = LedgerTurns(self.path, log, goods.TABLES.__getitem__, turn, checkpoints)
        self.engine.use_tables(goods.TABLES[world.tables_version])
        self._recover(world.checkpoints.get(store.where))
        turns = self._turns
        acts: dict[str, Callable[..., Any]] = {
            "decide": turns.decide, "move": turns.move, "amend": turns.amend, "grants": turns.grants,
            "stock": turns.stock, "pending": turns.pending, "quote": turns.quote, "tables": self.use_tables,
        }  # fmt: skip
        process.handlers = {name: self._answering(name, act) for name, act in acts.items()}
        process.callers_faults = {
            **dict.fromkeys(("decide", "move", "amend"), THE_SHARDS),
            "grants": (StaleOwner, Damaged),
        }

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
        self._turns.keep_up(goods.NOW_MS + self._world.scheduler.now_ms)

    @property
    def idle(self) -> bool:
        return self.path.sequence == self._store.last_sequence(INPUT)

    def owes_nothing_to(self, shard: ShardPath) -> bool:
        """Whether a shard has taken over all that was granted to it."""
        return self.path.granting_record(shard.engine.number, shard.grants.seen) is None

    def state_hashes(self) -> list[int]:
        return [self.engine.state_hash()]
