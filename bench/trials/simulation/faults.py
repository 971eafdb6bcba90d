"""The faults of a plan at work: which strikes when, and what it does. What each kind means stands at ``plan.Fault``."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

from bench.trials.simulation.judge import damage_is_found
from bench.trials.simulation.layout import BY_BATCH, DOCUMENTS, RECORD
from bench.trials.simulation.log import Store
from bench.trials.simulation.plan import Fault
from bench.trials.simulation.scheduler import Process
from bench.trials.simulation.world import World

_BY_STEP = ("crash", "blackout", "replaced", "stopped")
_REPAIR_MS = 40  # until somebody has put a damaged file right from a copy
FLIPPED = (RECORD, DOCUMENTS, BY_BATCH)


class Faults:
    def __init__(self, world: World, faults: tuple[Fault, ...]) -> None:
        self._world = world
        self._faults = faults
        self._by_step: dict[tuple[str, int], list[Fault]] = defaultdict(list)
        self._flips: dict[str, tuple[Store, int, int]] = {}  # by target: store, byte, bit
        self._repairing = False
        self._over = False
        self.last_ms = max(
            (fault.at + max(fault.span, 0) for fault in faults if fault.kind in ("full", "cut")), default=0
        )

    def begin(self) -> None:
        for fault in self._faults:
            if fault.kind in _BY_STEP:
                self._by_step[fault.target, fault.at].append(fault)
            elif fault.kind == "eio":
                self._world.stores[fault.target].disk.failing_syncs.add(fault.at)
            else:
                self._world.scheduler.after(fault.at, partial(self._strike, fault))

    def end(self) -> None:
        """From here on nothing goes wrong; what is damaged and was not met yet must be found by reading."""
        self._over = True
        for store in self._world.stores.values():
            store.disk.failing_syncs.clear()
        for target, (store, _, _) in self._flips.items():
            if not damage_is_found(store):
                self._world.watch.violation(f"a flipped bit in the log of {target} is not found by reading it")
        self._repair()

    # --- by step -----------------------------------------------------------------------------------

    def at_step(self, process: Process, count: int, label: str) -> None:
        """Called by a task of the process itself."""
        for fault in self._by_step.get((process.name, count), ()):
            if not self._over:
                self._world.note(process.label, f"fault: {fault.kind} {fault.flavour}".strip(), label)
                self._world.met[f"{fault.kind} {fault.flavour}".strip()] += 1
                self._world.met[f"at {label}"] += 1
                self._hit(fault, process)

    def _hit(self, fault: Fault, process: Process) -> None:
        world = self._world
        if fault.kind == "crash":
            if fault.flavour == "power" and process.name in world.stores:
                self._cut_power([process.name])
            else:
                world.kill(process)
        elif fault.kind == "blackout":
            self._cut_power(list(world.processes))
        else:
            process.stopped_until_ms = world.scheduler.now_ms + fault.span
            if fault.kind == "replaced" and world.processes[process.name] is process:
                world.others.append(process)
                world.start(process.name)

    def _cut_power(self, names: list[str]) -> None:
        world = self._world
        for process in [*world.others, *(world.processes[name] for name in names if name != "outside")]:
            if process.name in names:
                world.kill(process)
        for name in names:
            if name in world.stores:
                world.stores[name].cut_power()
            if name.startswith("shard"):
                world.arenas.pop(int(name[-1]), None)

    # --- by time -----------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> None:
        world = self._world
        if self._over:
            return
        world.note(fault.target, f"fault: {fault.kind}", "")
        world.met[fault.kind] += 1
        if fault.kind == "full":
            self._fill(world.stores[fault.target], fault.span)
        elif fault.kind == "cut":
            world.network.cut(fault.target, fault.flavour)
            world.scheduler.after(fault.span, lambda: world.network.join(fault.target, fault.flavour))
        elif fault.kind == "clock":
            world.clock_jumps[fault.target] += fault.span
        else:
            assert fault.kind == "flip"
            self._flip(fault)

    def _fill(self, store: Store, span_ms: int) -> None:
        store.disk.full = True

        def make_room() -> None:
            store.disk.full = False

        self._world.scheduler.after(span_ms, make_room)

    def _flip(self, fault: Fault) -> None:
        store = self._world.stores[fault.target]
        values = sorted(place for key, place in store.index.items() if key[0] in FLIPPED)
        if not values or fault.target in self._flips:
            return
        number = int(fault.flavour)
        place, length = values[number % len(values)]
        bit = self._world.dice.below(8 * length, "flip", fault.flavour)
        self._flips[fault.target] = (store, place + bit // 8, bit % 8)
        store.disk.flip(place + bit // 8, bit % 8)

    def damage_was_met(self, fault: Exception) -> None:
        if not self._flips:
            self._world.watch.violation(f"damage that nobody made: {fault}")
        elif not self._repairing:
            self._repairing = True
            self._world.scheduler.after(_REPAIR_MS, self._repair)

    def _repair(self) -> None:
        """The operator puts the damaged files right from copies."""
        for store, byte, bit in self._flips.values():
            store.disk.flip(byte, bit)
        self._flips.clear()
        self._repairing = False
