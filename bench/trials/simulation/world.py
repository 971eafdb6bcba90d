"""The world of one plan: time, chance, the network, disks, processes that come and go, and what is noted of them.

Whoever takes part holds it. Who that is and what goes wrong is decided above it, in ``run.py``.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.trials.simulation import goods
from bench.trials.simulation.dice import Dice
from bench.trials.simulation.disk import Disk
from bench.trials.simulation.log import Store
from bench.trials.simulation.memory import Arenas, RecycledArena
from bench.trials.simulation.network import Network
from bench.trials.simulation.plan import OWNERS, Plan
from bench.trials.simulation.scheduler import Died, Process, Scheduler, Signal
from bench.trials.simulation.watch import Watch
from router.errors import Damaged
from router.ledger.path import StaleOwner
from router.log.records import LogFenced

STEP_MS_MAX = 3
RESTART_MS = (5, 60)
*_SHARDS, _LEDGER = OWNERS


class World(ABC):
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.dice = Dice(plan.seed)
        self.scheduler = Scheduler()
        self.memory = Arenas()
        self.trace: list[tuple[int, str, str, str]] = []
        self.met: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self.processes: dict[str, Process] = {}  # the newest of each name
        self.others: list[Process] = []  # replaced, and perhaps still running
        self.arenas: dict[int, RecycledArena] = {}
        self.checkpoints: dict[str, Any] = {}  # what an owner keeps of itself, by the name of its store
        self.clock_jumps: Counter[str] = Counter()
        self.tables_version = goods.FIRST_TABLES
        self.kept_cursor: str | None = None
        self.clients_done = 0
        self.news = Signal(self.scheduler)
        self.stores = {name: self._store(name, 2) for name in _SHARDS} | {_LEDGER: self._store(_LEDGER, 1)}
        self.shard_stores: Sequence[Store] = [self.stores[name] for name in _SHARDS]
        self.ledger_store = self.stores[_LEDGER]
        self.network = Network(plan, self.dice, self.scheduler, self.processes, self.ended_by)
        self.watch = Watch(self.scheduler, self.shard_stores, self.ledger_store, self.note)

    def _store(self, name: str, part_count: int) -> Store:
        return Store(Disk(name, self.dice), part_count, self.scheduler, self.news)

    # --- what those above decide -----------------------------------------------------------------------

    @abstractmethod
    def boot(self, process: Process) -> None:
        """Make what lives in this process, in a task of it."""

    @abstractmethod
    def strike(self, process: Process, count: int, label: str) -> None:
        """A process is at a step: what goes wrong there, if anything does."""

    @abstractmethod
    def damage_was_met(self, fault: Damaged) -> None: ...

    # --- processes -----------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        older = self.processes.get(name)
        process = Process(self.scheduler, name, older.incarnation + 1 if older else 1)
        self.processes[name] = process
        process.spawn(lambda: self._boot(process))

    def _boot(self, process: Process) -> None:
        self.or_end(process, lambda: self.boot(process))
        process.ready = True
        self.note(process.label, "ready", "")

    def or_end(self, process: Process, work: Callable[[], None]) -> None:
        """Work of a process that nobody called for: a fault in it ends the process."""
        try:
            work()
        except Exception as fault:
            self.ended_by(process, fault)
            raise Died from None

    def ended_by(self, process: Process, fault: Exception) -> None:
        """A fault left a handler or the start of a process: it ends, and only some faults may do that."""
        self.note(process.label, "ends", type(fault).__name__)
        self.met[f"ended by {type(fault).__name__}"] += 1
        if isinstance(fault, Damaged):
            self.met_damage(fault)
        elif not isinstance(fault, LogFenced | OSError | StaleOwner):
            where = "".join(traceback.format_tb(fault.__traceback__)[-3:])
            self.watch.violation(f"{process.label} ended by {type(fault).__name__}: {fault}\n{where}")
        self.kill(process)

    def met_damage(self, fault: Damaged) -> None:
        self.met["damage met"] += 1
        self.damage_was_met(fault)

    def kill(self, process: Process) -> None:
        """End a process; what watches over it starts it again."""
        if process.alive:
            process.die()
            if self.processes[process.name] is process:
                delay_ms = self.dice.between(*RESTART_MS, "restart", process.label)
                self.scheduler.after(delay_ms, lambda: self._restart(process))

    def _restart(self, dead: Process) -> None:
        if self.processes[dead.name] is dead:
            self.start(dead.name)

    def checkpoint_is_due(self) -> bool:
        name = self.scheduler.current().process.name
        due = self.dice.chance(15, "checkpoint", name, self.steps[name])
        self.met["checkpoint"] += due
        return due

    # --- steps and the trace ---------------------------------------------------------------------------

    def step(self, label: str) -> None:
        """Between two steps of a process others run and faults strike."""
        process = self.scheduler.current().process
        self.steps[process.name] += 1
        count = self.steps[process.name]
        self.note(process.label, label, "")
        self.strike(process, count, label)
        if not process.alive:
            raise Died
        delay_ms = self.dice.between(0, STEP_MS_MAX, "step", process.name, count)
        if delay_ms or process.stopped_until_ms > self.scheduler.now_ms:
            self.scheduler.sleep(delay_ms)

    def note(self, who: str, what: str, detail: str) -> None:
        self.trace.append((self.scheduler.now_ms, who, what, detail))
