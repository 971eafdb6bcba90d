"""How long does an owner's start take, by orders stored?

Orders are stored by one shard and the ledger in one process on real logs, without checkpoints. At each step everything
is closed and started again: every record of both logs is read, checked and applied, as after a crash before the first
checkpoint. Then the same state comes from checkpoints, as after a clean stop. States must have equal hashes each time.
The bare limit is reading and checking the same records and doing nothing with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from actors.store.checkpoints import read_latest, write_checkpoint
from bench.harness import report as _harness
from bench.harness.answers import WrongAnswers
from bench.harness.local import NOW_MS, LocalHome, config_for
from bench.harness.pieces import make_pieces
from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.speed.pipeline import wire_batches

STEPS = 3  # each stores as many orders again


def run(orders: int, steps: int = STEPS) -> dict[str, Any]:
    """``orders`` is rounded up to whole chunks of the workload, a step."""
    workload, conditions = Workload(), _harness.conditions()
    per_step = -(-orders // (steps * CHUNK_ORDERS)) * CHUNK_ORDERS
    told = {}
    with LocalHome(workload, per_step * steps, config_for(per_step)) as home:
        for step in range(steps):
            pieces = make_pieces(workload, "arrow", per_step, step * per_step)
            for wire in wire_batches("arrow", home.config.limits, pieces):
                home.router.submit(wire, NOW_MS)
            told[str((step + 1) * per_step)] = _start_again(home)
    last = told[str(per_step * steps)]
    return {
        "bench": "recovery",
        "orders": per_step * steps,
        **{f"after_{stored}": figures for stored, figures in told.items()},
        "replay_us_per_order": round(last["replay_s"] * 1e6 / (per_step * steps), 3),
        "cost_to_bare_read": round(last["replay_s"] / last["bare_read_s"], 3),
        "conditions": conditions,
    }


def _start_again(home: LocalHome) -> dict[str, float]:
    before = home.router.state_hashes()
    home.stop()
    home.start()
    bare_s = _timed(lambda: _read_all(home))
    replay_s = _timed(lambda: home.router.recover())
    _same(before, home, "a replay of the whole log")
    _write_checkpoints(home)
    home.stop()
    home.start()
    restore_s = _timed(lambda: _restore(home))
    _same(before, home, "a checkpoint")
    return {"bare_read_s": round(bare_s, 3), "replay_s": round(replay_s, 3), "restore_s": round(restore_s, 3)}


def _timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def _read_all(home: LocalHome) -> None:
    for log in home.logs.values():
        for _ in log.iterate(1):
            pass


def _write_checkpoints(home: LocalHome) -> None:
    """As a shard and the ledger write them when they are stopped."""
    shard, ledger = home.router.shards[0], home.router.ledger.path
    for name, sequence, arrays in (
        ("shard-000", shard.committed, shard.dump()),
        ("ledger", ledger.sequence, ledger.engine.snapshot()),
    ):
        write_checkpoint(home.folder / name, sequence, home.logs[name].chains_at(sequence), arrays)


def _restore(home: LocalHome) -> None:
    shard, ledger = home.router.shards[0], home.router.ledger
    kept, _ = read_latest(home.folder / "ledger")
    assert kept is not None, "it was written a moment ago"
    ledger.path.engine.restore(kept.arrays)
    ledger.recover(kept.sequence + 1, kept.chains)
    kept, _ = read_latest(home.folder / "shard-000")
    assert kept is not None
    shard.restore(kept.arrays)
    shard.recover(kept.sequence + 1, kept.chains)


def _same(before: list[int], home: LocalHome, source: str) -> None:
    if home.router.state_hashes() != before:
        raise WrongAnswers(f"The state from {source} differs from the one that was stopped.")
