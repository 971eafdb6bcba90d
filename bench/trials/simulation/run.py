"""One plan, run to its end and judged: who lives in the world, what goes wrong in it, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import xxhash

from bench.trials.simulation import goods
from bench.trials.simulation.faults import Faults
from bench.trials.simulation.gateway import Gateway
from bench.trials.simulation.judge import judged
from bench.trials.simulation.ledger import LEDGER, Ledger
from bench.trials.simulation.network import Unanswered
from bench.trials.simulation.outside import OrderReader, StreamReader, make_clients
from bench.trials.simulation.plan import CLIENTS, CRASHABLE, OWNERS, Plan
from bench.trials.simulation.scheduler import Process
from bench.trials.simulation.shard import Shard
from bench.trials.simulation.world import World
from router.errors import Damaged
from router.queries import end_cursor

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


def run(plan: Plan) -> Verdict:
    return Run(plan).run()


class Run(World):
    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._shards: dict[int, Shard] = {}  # the newest of each number
        self._ledger: Ledger | None = None
        self._order_reader = OrderReader(self)
        self._faults = Faults(self, plan.faults)

    def run(self) -> Verdict:
        self._begin()
        ended = self.scheduler.run(self._stop_when(self._calm), self._faults.last_ms + QUIET_MS_MAX)
        self._faults.end()
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
        self._faults.begin()

    def _open(self, outside: Process) -> None:
        """Stock first, as an operator would; then orders."""
        self._until_answered(outside, LEDGER, "stock", goods.first_stock(), goods.NOW_MS)
        make_clients(self, outside, self._order_reader)
        self._order_reader.watch(outside)
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

    # --- what the world asks for ------------------------------------------------------------------------

    def boot(self, process: Process) -> None:
        name = process.name
        if name.startswith("shard"):
            number = int(name[-1])
            self._shards[number] = Shard(self, process, number, self.stores[name])
        elif name == LEDGER:
            self._ledger = Ledger(self, process, self.stores[name])
        elif name.startswith("gateway"):
            Gateway(self, process)
        else:
            StreamReader(self, process)

    def strike(self, process: Process, count: int, label: str) -> None:
        self._faults.at_step(process, count, label)

    def damage_was_met(self, fault: Damaged) -> None:
        self._faults.damage_was_met(fault)

    # --- the end -----------------------------------------------------------------------------------------

    def _owners(self) -> tuple[list[Shard], Ledger]:
        assert self._ledger is not None, "it is ready"
        return [self._shards[number] for number in range(goods.SHARDS)], self._ledger

    def _stop_when(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: bool(self.watch.violations) or condition()

    def _calm(self) -> bool:
        return self.clients_done == CLIENTS and self.scheduler.now_ms >= self._faults.last_ms

    def _quiet(self) -> bool:
        """All owners there with nothing under way and every grant taken over, and the follower of the stream at its
        end."""
        if not all(self.processes[name].ready for name in OWNERS):
            return False
        shards, ledger = self._owners()
        is_idle = ledger.idle and all(shard.idle and ledger.owes_nothing_to(shard.path) for shard in shards)
        return is_idle and self.kept_cursor == end_cursor(self.shard_stores)

    def _judge(self) -> None:
        for store in self.stores.values():
            store.cut_power()
        try:
            for sentence in judged(self, *self._owners()):
                self.watch.violation(sentence)
        except Exception as fault:  # whatever it is: the seed has to be told
            self.watch.violation(f"the logs cannot be read at the end: {type(fault).__name__}: {fault}")

    def _end(self) -> None:
        for process in [*self.processes.values(), *self.others]:
            process.die()
        self.scheduler.run(lambda: False, self.scheduler.now_ms)

    def _trace_hash(self) -> int:
        digest = xxhash.xxh3_64(repr(self.trace).encode())
        owners: list[Shard | Ledger] = [*self._shards.values(), *([self._ledger] if self._ledger else [])]
        for owner in owners:
            digest.update(repr(owner.state_hashes()).encode())
        return digest.intdigest()
