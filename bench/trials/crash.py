"""``order-router bench crash``: does every promise hold when processes are killed while orders stream in?

The kills of ``bench/trials/chaos`` alone, as many of one kind as of another: a shard, the ledger, a gateway, Ray's
raylet or control store, ``serve`` itself, or all of it at once; ``stop`` is SIGTERM in the middle of a stream.
"""

from __future__ import annotations

from typing import Any

from bench.harness import report as _harness
from bench.trials.chaos.kills import MIX, Killings, plan
from bench.trials.chaos.router import ChaosRouter
from bench.trials.chaos.world import World


def run(kills: int, orders: int, shards: int, seed: int = 1) -> dict[str, Any]:
    """``violations`` is empty when every promise held; at least ``orders`` orders are streamed."""
    conditions = _harness.conditions()
    with World(ChaosRouter(shards), orders, seed) as world:
        killings = Killings(world)
        killings.run(plan(world.rng, kills, shards, dict.fromkeys(MIX, 1)))
        world.until(lambda: world.answered >= orders, f"{orders} orders are answered")
        verdict = world.verdict()
    return {
        "bench": "crash",
        **killings.figures(),
        **verdict,
        "shards": shards,
        "seed": seed,
        "conditions": conditions,
    }
