"""SIGSTOP past deadlines, then SIGCONT: a process that was taken for dead goes on where it stopped."""

from __future__ import annotations

import signal
import time
from typing import Any

from bench.harness.processes import runs
from bench.trials.chaos.router import send_signal
from bench.trials.chaos.world import World, say

# Seconds beyond: a gateway's wait for one attempt (10), its patience with an owner (30). For the front there is none.
PAUSES_S = {"shard": 35.0, "ledger": 35.0, "streams": 12.0, "front": 12.0, "raylet": 12.0}
REPLACED_S_MAX = 240.0  # the supervisor takes a minute of silence for an end, then starts all again


def pause(world: World, kind: str, seconds: float) -> float:
    """Stop one process for a while under load; the time from its continuation until orders move again."""
    world.moves()
    victim = world.rng.choice(world.router.pids_of(kind))
    send_signal(victim, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        send_signal(victim, signal.SIGCONT)
    began_s = time.monotonic()
    world.until(world.router.is_ready, f"the router is ready after a pause of a {kind}")
    world.moves()
    return time.monotonic() - began_s


def pauses(world: World, seconds_by_kind: dict[str, float] | None = None) -> dict[str, Any]:
    recovered_s = {}
    for kind, seconds in (seconds_by_kind or PAUSES_S).items():
        recovered_s[kind] = round(pause(world, kind, seconds), 2)
        say(f"{kind} stood still for {seconds:g} s, orders moved {recovered_s[kind]} s later")
    return {"moved_after_s": recovered_s}


def replaced_owner(world: World, kind: str = "shard") -> dict[str, Any]:
    """Stop an owner until another process has its place, then let it go on: it must end, and nothing happens twice."""
    world.moves()
    stale = world.rng.choice(world.router.pids_of(kind))
    others = set(world.router.pids_of(kind)) - {stale}
    send_signal(stale, signal.SIGSTOP)
    began_s = time.monotonic()
    try:
        world.until(
            lambda: len(set(world.router.pids_of(kind)) - {stale} - others) > len(others) and world.router.is_ready(),
            f"a stopped {kind} is replaced",
            REPLACED_S_MAX,
        )
        world.moves()
        replaced_s = time.monotonic() - began_s
    finally:
        send_signal(stale, signal.SIGCONT)
    world.until(lambda: not runs(stale), f"the {kind} that was replaced ends")
    world.moves()
    say(f"a {kind} that stood still was replaced after {replaced_s:.0f} s")
    return {"replaced_after_s": round(replaced_s, 1)}
