"""Calls between processes over a network that is late, loses, doubles and is cut in two.

A message takes its own time, so messages overtake one another. A call is answered once, never (the caller gives up
after its own while), or refused where nobody is at home; the work may have been done in each case, and more than once.
A fault that is the caller's own comes back to it; any other ends the process that was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.trials.simulation.dice import Dice
from bench.trials.simulation.plan import Plan
from bench.trials.simulation.scheduler import Died, Process, Scheduler, Signal

DELAY_MS_MAX = 12
LATE_MS_MAX = 1_500  # of the few messages that are very late


class Unanswered(Exception):
    """No answer came; whether the work was done is not known."""


class Network:
    """``processes`` by name; ``ended_by`` is told of a handler that a fault has left."""

    def __init__(
        self,
        plan: Plan,
        dice: Dice,
        scheduler: Scheduler,
        processes: Mapping[str, Process],
        ended_by: Callable[[Process, Exception], None],
    ) -> None:
        self._plan = plan
        self._dice = dice
        self._scheduler = scheduler
        self._processes = processes
        self._ended_by = ended_by
        self._cuts: list[tuple[str, str]] = []  # pairs that cannot hear each other

    def cut(self, one: str, other: str) -> None:
        self._cuts.append((one, other))

    def join(self, one: str, other: str) -> None:
        self._cuts.remove((one, other))

    def call(self, caller: Process, target: str, method: str, timeout_ms: int, *arguments: Any) -> Any:
        caller.calls += 1
        name = (caller.label, target, caller.calls)
        answered = Signal(self._scheduler)
        answers: list[tuple[bool, Any]] = []

        def answer(done: bool, value: Any) -> None:
            answers.append((done, value))
            answered.notify()

        def reply(done: bool, value: Any) -> None:
            self._send(target, caller.name, ("answer", *name), lambda: answer(done, value))

        self._send(caller.name, target, ("call", *name), lambda: self._arrive(target, method, arguments, reply))
        if not answered.wait_for(lambda: bool(answers), timeout_ms) or not answers[0][0]:
            raise Unanswered(f"{target} did not answer {method}")
        if isinstance(answers[0][1], Exception):
            raise answers[0][1]
        return answers[0][1]

    def _arrive(self, target: str, method: str, arguments: Any, reply: Callable[[bool, Any], None]) -> None:
        process = self._processes.get(target)
        if process is None or not process.ready:
            reply(False, None)
            return
        process.spawn(lambda: self._serve(process, method, arguments, reply))

    def _serve(self, process: Process, method: str, arguments: Any, reply: Callable[[bool, Any], None]) -> None:
        try:
            value = process.handlers[method](*arguments)
        except process.callers_faults.get(method, ()) as fault:
            value = fault
        except Exception as fault:  # whatever it is: the process ends and recovers, as actors/process/fatal.py has it
            self._ended_by(process, fault)
            raise Died from None
        reply(True, value)

    def _send(self, source: str, target: str, name: tuple[object, ...], deliver: Callable[[], None]) -> None:
        dice, plan = self._dice, self._plan
        if dice.chance(plan.lost_percent, "lost", name):
            return
        for copy in range(2 if dice.chance(plan.doubled_percent, "doubled", name) else 1):
            late = dice.chance(plan.late_percent, "late", name, copy)
            delay_ms = dice.between(1, LATE_MS_MAX if late else DELAY_MS_MAX, "delay", name, copy)
            self._scheduler.after(delay_ms, lambda: self._deliver(source, target, deliver))

    def _deliver(self, source: str, target: str, deliver: Callable[[], None]) -> None:
        if not any({source, target} == set(pair) for pair in self._cuts):
            deliver()
