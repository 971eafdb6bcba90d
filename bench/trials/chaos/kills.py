"""kill -9 under load: a victim dies, the router comes back by itself, and the next one dies as soon as orders move.

One kill in eight strikes while the router recovers from the one before. Seeded: the same seed picks the same victims.
Where processes are in their work at that moment is up to the machine.
"""

from __future__ import annotations

import random
import signal
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.harness.server import ServerFailed
from bench.trials.chaos.router import END_S_MAX, send_signal
from bench.trials.chaos.world import RECOVERY_S_MAX, World, say

# Share of the kills in per mille. A whole router takes ten times as long to come back as one of its processes.
MIX = {
    "shard": 350,
    "ledger": 240,
    "streams": 190,
    "front": 130,
    "tables": 40,
    "raylet": 15,
    "gcs": 15,
    "serve": 5,
    "everything": 10,
    "stop": 5,
}
WHOLE = ("serve", "everything", "stop")  # ``serve`` itself has ended and is started again on the same folder
WITH_RAY = (*WHOLE, "raylet", "gcs")
STRIKE_LATE_S_MAX = 0.05  # after orders move again, so that batches are met at every step
TWICE_SHARE = 0.125
TWICE_WITHIN_S = 1.2
TOLD_EVERY = 25


@dataclass
class Strike:
    kind: str
    at_s: float
    victim: int = 0
    count: int = 0  # processes of its kind that ran, with the victim


class Killings:
    """Kills what is planned and keeps how long each recovery took."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._router = world.router
        self._rng = world.rng
        self.recoveries_s: dict[str, list[float]] = defaultdict(list)
        self.kills: Counter[str] = Counter()

    def run(self, kinds: list[str], deadline_s: float = float("inf")) -> None:
        """Until all are done or the clock (monotonic) reaches the deadline."""
        began_s, left = time.monotonic(), list(reversed(kinds))
        while left and time.monotonic() < deadline_s:
            self._world.moves()
            time.sleep(self._rng.uniform(0, STRIKE_LATE_S_MAX))
            strikes = [self._strike(left.pop())]
            if self._strikes_twice(strikes[0].kind, left):
                time.sleep(self._rng.uniform(0, TWICE_WITHIN_S))
                strikes.append(self._strike(left.pop()))
            took_s = self._recover(strikes)
            self.recoveries_s["two at once" if len(strikes) > 1 else strikes[0].kind].append(took_s)
            done = sum(self.kills.values())
            if done % TOLD_EVERY < len(strikes):
                say(f"{done} kills, {self._world.answered} orders answered, {time.monotonic() - began_s:.0f} s")

    def _strikes_twice(self, kind: str, left: list[str]) -> bool:
        if not left or kind in WITH_RAY or left[-1] in WITH_RAY:
            return False
        return self._rng.random() < TWICE_SHARE

    def _strike(self, kind: str) -> Strike:
        self.kills[kind] += 1
        at_s = time.monotonic()
        if kind == "stop":
            self._router.terminate()
            return Strike(kind, at_s)
        if kind == "everything":
            self._router.kill_everything()
            return Strike(kind, at_s)
        deadline_s = at_s + RECOVERY_S_MAX
        while not (before := self._router.pids_of(kind)):  # it has not come back from the strike before
            if time.monotonic() > deadline_s:
                raise ServerFailed(f"no process of kind {kind} runs")
            time.sleep(0.05)
        victim = self._rng.choice(before)
        send_signal(victim, signal.SIGKILL)
        return Strike(kind, at_s, victim, 0 if kind in WHOLE else len(before))

    def _recover(self, strikes: list[Strike]) -> float:
        """Wait until victims are replaced, the router is ready and orders move; the time since the first strike."""
        if strikes[0].kind in WHOLE:
            self._router.wait(END_S_MAX)
            self._router.start()
        names = " and ".join(strike.kind for strike in strikes)
        self._world.until(lambda: self._is_whole(strikes), f"the router is ready after the end of {names}")
        self._world.moves()
        return time.monotonic() - strikes[0].at_s

    def _is_whole(self, strikes: list[Strike]) -> bool:
        for strike in strikes:
            now = [] if strike.kind in WHOLE else self._router.pids_of(strike.kind)
            if strike.victim in now or len(now) < strike.count:
                return False
        return self._router.is_ready()

    def figures(self) -> dict[str, Any]:
        return {
            "kills": dict(sorted(self.kills.items())),
            "kill_count": sum(self.kills.values()),
            "recovery_s": {
                kind: {
                    "n": len(took),
                    "median": round(statistics.median(took), 2),
                    "p99": round(float(np.percentile(took, 99)), 2),
                    "max": round(max(took), 2),
                }
                for kind, took in sorted(self.recoveries_s.items())
            },
        }


def plan(rng: random.Random, kills: int, shards: int, mix: dict[str, int] | None = None) -> list[str]:
    """Kinds in random order: each once as far as there is room, the rest by their shares."""
    # A single shard has the ledger in its process.
    shares = {kind: share for kind, share in (mix or MIX).items() if kind != "ledger" or shards > 1}
    kinds, total = list(shares), sum(shares.values())
    planned = kinds[:kills]
    for kind, share in shares.items():
        planned += [kind] * ((kills - len(kinds)) * share // total)
    planned += [kinds[0]] * (kills - len(planned))
    rng.shuffle(planned)
    return planned
