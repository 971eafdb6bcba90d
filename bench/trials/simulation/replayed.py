"""Owners as their logs tell them: replayed from the first record, or from a checkpoint and the records after it."""

from __future__ import annotations

from bench.trials.simulation import goods
from bench.trials.simulation.checkpoints import Checkpoint
from bench.trials.simulation.world import World
from router.ledger.engine import LedgerEngine
from router.ledger.replay import replay_ledger
from router.log.tail import FIRST_SEQUENCE
from router.pipeline import ShardPath
from router.replay import NoLedger, Replay, ReplayedLog
from router.shard.engine import ShardEngine


def replayed_shard(world: World, number: int, kept: Checkpoint | None = None) -> tuple[ShardPath, Replay]:
    store = world.shard_stores[number]
    engine = ShardEngine(number, goods.KEY, goods.config_of(0), world.memory.make())
    path = ShardPath(engine, ReplayedLog(store), NoLedger(), goods.TABLES.__getitem__, goods.policy_of)
    replay = Replay(path.lanes, lambda batch_id, sequence: None)
    if kept is None:
        replay.run(store.iterate(FIRST_SEQUENCE))
    else:
        path.restore(kept.arrays)
        replay.run(store.iterate(kept.sequence + 1, kept.chains))
    return path, replay


def replayed_ledger(world: World, kept: Checkpoint | None = None) -> LedgerEngine:
    store = world.ledger_store
    engine = LedgerEngine(goods.config_of(0).policy, world.memory.make())
    engine.use_tables(goods.TABLES[goods.FIRST_TABLES])
    if kept is None:
        replay_ledger(engine, store.iterate(FIRST_SEQUENCE), goods.TABLES.__getitem__)
    else:
        engine.restore(kept.arrays)
        replay_ledger(engine, store.iterate(kept.sequence + 1, kept.chains), goods.TABLES.__getitem__)
    return engine


def state_of(path: ShardPath) -> list[object]:
    """What a shard knows, in a form in which equal knowledge is equal."""
    givers = {name: array.tolist() for name, array in path.events.dump().items()}
    return [*path.engine.state_hash(), path.grants.seen, givers]
