"""One plan, run: processes that come and go, faults that strike at their step or time, and the verdict."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import xxhash

from bench.trials.simulation import goods
from bench.trials.simulation.dice import Dice
from bench.trials.simulation.disk import Disk
from bench.trials.simulation.faults import Faults
from bench.trials.simulation.gateway import Gateway
from bench.trials.simulation.judge import judged
from bench.trials.simulation.log import Store
from bench.trials.simulation.memory import Arenas, RecycledArena
from bench.trials.simulation.network import Network, Unanswered
from bench.trials.simulation.outside import OrderReader, StreamReader, make_clients
from bench.trials.simulation.owners import LEDGER, Checkpoint, Ledger, Shard
from bench.trials.simulation.plan import CLIENTS, CRASHABLE, OWNERS, Plan
from bench.trials.simulation.scheduler import Died, Process, Scheduler, Signal
from bench.trials.simulation.watch import Watch
from router.errors import Damaged, RouterError
from router.ledger.path import StaleOwner
from router.log.records import LogFenced
from router.queries import end_cursor

STEP_MS_MAX = 3
RESTART_MS = (5, 60)
QUIET_MS_MAX = 60_000  # after the last fault everything must have been answered


@dataclass
class Verdict:
    plan: Plan
    violations: list[str]
    trace_hash: int
    trace: list[tuple[int, str, str, str]]
    met: Counter[str] = field(default_factory=Counter)  # what the schedule came across, for the summary

    @property
    def ok(self) -> bool:
        return not self.violations


class World:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.dice = Dice(plan.seed)
        self.scheduler = Scheduler()
        self.network = Network(self)
        self.memory = Arenas()
        self.watch = Watch(self)
        self.trace: list[tuple[int, str, str, str]] = []
        self.met: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self.processes: dict[str, Process] = {}  # the newest of each name
        self.others: list[Process] = []  # replaced, and perhaps still running
        self.owners: dict[str, Shard | Ledger] = {}
        self.arenas: dict[int, RecycledArena] = {}
        self.checkpoints: dict[str, Checkpoint] = {}
        self.clock_jumps: Counter[str] = Counter()
        self.tables_version = goods.FIRST_TABLES
        self.kept_cursor: str | None = None
        self.clients_done = 0
        self.news = Signal(self.scheduler)
        self.stores = {name: self._store(name) for name in OWNERS}
        self.shard_stores: Sequence[Store] = [self.stores[f"shard-{number}"] for number in range(goods.SHARDS)]
        self.ledger_store = self.stores[LEDGER]
        self.order_reader = OrderReader(self)
        self.faults = Faults(self, plan.faults)

    def _store(self, name: str) -> Store:
        return Store(Disk(name, self.dice), 1 if name == LEDGER else 2, self.scheduler, self.news)

    @property
    def shards(self) -> list[Shard]:
        found = [self.owners[f"shard-{number}"] for number in range(goods.SHARDS)]
        return [owner for owner in found if isinstance(owner, Shard)]

    @property
    def ledger(self) -> Ledger:
        owner = self.owners[LEDGER]
        assert isinstance(owner, Ledger)
        return owner

    # --- the run -----------------------------------------------------------------------------------

    def run(self) -> Verdict:
        self._begin()
        ended = self.scheduler.run(self._stop_when(self._calm), self.faults.last_ms + QUIET_MS_MAX)
        self.faults.end()
        if ended:
            ended = self.scheduler.run(self._stop_when(self._quiet), self.scheduler.now_ms + QUIET_MS_MAX)
        if not ended and not self.watch.violations:
            self.watch.violation(f"not everything was answered {QUIET_MS_MAX} ms after the last fault")
        if not self.watch.violations:
            self._judge()
        self._end()
        verdict = Verdict(self.plan, self.watch.violations, self._trace_hash(), self.trace, self.met)
        self.memory.recycle()
        return verdict

    def _begin(self) -> None:
        for name in CRASHABLE:
            self.start(name)
        outside = Process(self.scheduler, "outside", 1)
        self.processes["outside"] = outside
        outside.spawn(lambda: self._open(outside))
        self.faults.begin()

    def _open(self, outside: Process) -> None:
        """Stock first, as an operator would; then orders."""
        self._until_answered(outside, LEDGER, "stock", goods.first_stock(), goods.NOW_MS)
        make_clients(self, outside)
        self.order_reader.watch(outside)
        if self.plan.new_tables_at_ms:
            self.scheduler.sleep(self.plan.new_tables_at_ms)
            self.tables_version = goods.SECOND_TABLES
            for name in (LEDGER, *OWNERS[: goods.SHARDS]):  # the ledger first, as actors/owners/tables_actor.py does
                self._until_answered(outside, name, "tables", self.tables_version)

    def _until_answered(self, process: Process, target: str, method: str, *arguments: Any) -> None:
        while True:
            try:
                self.network.call(process, target, method, 500, *arguments)
                return
            except Unanswered:
                self.scheduler.sleep(20)

    def _stop_when(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: bool(self.watch.violations) or condition()

    def _calm(self) -> bool:
        return self.clients_done == CLIENTS and self.scheduler.now_ms >= self.faults.last_ms

    def _quiet(self) -> bool:
        """All owners there with nothing under way, and the follower of the stream at its end."""
        return all(self.processes[name].ready and self.owners[name].idle for name in OWNERS) and (
            self.kept_cursor == end_cursor(self.shard_stores)
        )

    def _judge(self) -> None:
        for store in self.stores.values():
            store.cut_power()
        try:
            for sentence in judged(self):
                self.watch.violation(sentence)
        except (RouterError, AssertionError, LookupError) as fault:
            self.watch.violation(f"the logs cannot be read at the end: {type(fault).__name__}: {fault}")

    def _end(self) -> None:
        for process in [*self.processes.values(), *self.others]:
            process.die()
        self.scheduler.run(lambda: False, self.scheduler.now_ms)

    # --- processes -----------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        older = self.processes.get(name)
        process = Process(self.scheduler, name, older.incarnation + 1 if older else 1)
        self.processes[name] = process
        process.spawn(lambda: self._boot(process))

    def _boot(self, process: Process) -> None:
        name = process.name
        try:
            if name.startswith("shard"):
                self.owners[name] = Shard(self, process, int(name[-1]), self.stores[name])
            elif name == LEDGER:
                self.owners[name] = Ledger(self, process, self.stores[name])
            elif name.startswith("gateway"):
                Gateway(self, process)
            else:
                StreamReader(self, process)
        except Exception as fault:
            self.ended_by(process, fault)
            raise Died from None
        process.ready = True
        self.note(process.label, "ready", "")

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
        self.faults.damage_was_met(fault)

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
        self.faults.at_step(process, count, label)
        if not process.alive:
            raise Died
        delay_ms = self.dice.between(0, STEP_MS_MAX, "step", process.name, count)
        if delay_ms or process.stopped_until_ms > self.scheduler.now_ms:
            self.scheduler.sleep(delay_ms)

    def note(self, who: str, what: str, detail: str) -> None:
        self.trace.append((self.scheduler.now_ms, who, what, detail))

    def _trace_hash(self) -> int:
        digest = xxhash.xxh3_64(repr(self.trace).encode())
        for owner in self.owners.values():
            digest.update(repr(owner.state_hashes()).encode())
        return digest.intdigest()


def run(plan: Plan) -> Verdict:
    return World(plan).run()
