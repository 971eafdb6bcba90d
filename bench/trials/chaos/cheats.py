"""What the machine tells a process is not true: syncs that fail, a wall clock that jumps by hours."""

from __future__ import annotations

import time
from typing import Any

from bench.harness.processes import title_of
from bench.trials.chaos.shim import Shim
from bench.trials.chaos.world import World, say

HOUR_S = 3_600
JUMPS_S = (3 * HOUR_S, -3 * HOUR_S, 26 * HOUR_S, 0)
OUTAGE_S = 8.0
QUIET_S, SETTLED_WITHIN_S = 0.6, 6.0  # no answer for so long; all that is granted for it
VICTIMS = ("ray::OrderShard", "ray::Ledger")


def failing_syncs(world: World, shim: Shim, times: int = 5) -> dict[str, Any]:
    """One sync fails: its process must end without another try; what it had not acknowledged is decided once."""
    recoveries_s = []
    for _ in range(times):
        world.moves()
        already = shim["failed_count"]
        shim["syncs_to_fail"] = 1
        world.until(lambda: shim["failed_count"] > already, "a sync fails")  # noqa: B023  (called in this round)
        recoveries_s.append(round(_ended_and_back(world, shim), 2))
    say(f"{times} failed syncs, back after {recoveries_s} s")
    return {"failed_syncs": times, "recovery_s": recoveries_s}


def _ended_and_back(world: World, shim: Shim) -> float:
    victim, began_s = shim["failed_pid"], time.monotonic()
    world.until(lambda: not _is_owner(victim), "the process whose sync failed ends")
    if shim["syncs_after_failure"]:
        world.promises.violated(f"process {victim} synced again after a sync had failed")
    world.until(world.router.is_ready, "the router is ready after a failed sync")
    world.moves()
    return time.monotonic() - began_s


def _is_owner(number: int) -> bool:
    title = title_of(number)
    return any(name in title for name in VICTIMS)


def broken_disk(world: World, shim: Shim, seconds: float = OUTAGE_S) -> dict[str, Any]:
    """No sync succeeds for a while: nothing is acknowledged meanwhile, everything comes back afterwards."""
    world.moves()
    shim["syncs_to_fail"] = 1 << 40
    sent = [feed.sending.sent for feed in world.feeds]  # what is sent from now on has no sync for sure
    try:
        answered = _settled(world, SETTLED_WITHIN_S)
        time.sleep(seconds)
        later = sum(max(feed.answered - had, 0) for feed, had in zip(world.feeds, sent, strict=True))
        if without_sync := max(later, world.answered - answered):
            world.promises.violated(f"{without_sync} orders were acknowledged while no sync succeeded")
    finally:
        shim["syncs_to_fail"] = 0
    began_s = time.monotonic()
    world.until(world.router.is_ready, "the router is ready after syncs had failed for a while")
    world.moves()
    say(f"no sync succeeded for {seconds:g} s, orders moved {time.monotonic() - began_s:.1f} s later")
    return {"outage_s": seconds, "recovery_s": round(time.monotonic() - began_s, 2)}


def _settled(world: World, within_s: float) -> int:
    """Orders answered once what had its sync before is answered too: how long that takes is the machine's business.
    Who acknowledges without a sync has no end, or goes beyond what was sent before."""
    until_s, before = time.monotonic() + within_s, -1
    while (now := world.answered) > before and time.monotonic() < until_s:
        before = now
        time.sleep(QUIET_S)
    return now


def clock_jumps(world: World, shim: Shim, jumps_s: tuple[int, ...] = JUMPS_S) -> dict[str, Any]:
    """The wall clock of all processes jumps while orders stream; deadlines and leases may not notice."""
    stalled_s, refused = [], sum(len(feed.refusals) for feed in world.feeds)
    for ahead_s in jumps_s:
        shim["clock_ahead_s"] = ahead_s
        stalled_s.append(round(world.moves(), 2))
        world.moves()
    if sum(len(feed.refusals) for feed in world.feeds) > refused:
        world.promises.violated(f"a stream was ended when the clock jumped: {world.feeds[0].refusals[-1:]}")
    say(f"the clock jumped by {jumps_s} s, orders moved within {stalled_s} s")
    return {"jumps_s": list(jumps_s), "moved_within_s": stalled_s}
