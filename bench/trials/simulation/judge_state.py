"""Owners at the end: what they know is what their logs say, from the first record or from a checkpoint on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.trials.simulation.checkpoints import Checkpoint
from bench.trials.simulation.ledger import Ledger
from bench.trials.simulation.replayed import replayed_ledger, replayed_shard, state_of
from bench.trials.simulation.shard import Shard
from bench.trials.simulation.world import World
from router.ledger.engine import LedgerEngine
from router.life.open_book import OpenBook
from router.life.states import stage_of, state_of_stages, unpack_state
from router.pipeline import ShardPath
from router.queries.balance import books_of, cells_of, differences


def state_faults(world: World, shards: list[Shard], ledger: Ledger) -> Iterator[str]:
    paths = []
    for shard in shards:
        path, replay = replayed_shard(world, shard.number)
        if replay.unfinished:
            yield f"shard {shard.number} has a batch without an outcome"
            return
        paths.append(path)
        yield from _shard_faults(world, shard, path)
    engine = replayed_ledger(world)
    yield from _ledger_faults(world, ledger, engine)
    balance = [books_of(path.engine, path.grants.seen, True) for path in paths]
    yield from differences(cells_of(engine), balance)


def _shard_faults(world: World, shard: Shard, path: ShardPath) -> Iterator[str]:
    if state_of(path) != state_of(shard.path):
        yield f"a replay of shard {shard.number} is not what the shard knows"
    kept: Checkpoint | None = world.checkpoints.get(world.shard_stores[shard.number].where)
    if kept is not None and state_of(replayed_shard(world, shard.number, kept)[0]) != state_of(path):
        yield f"checkpoint {kept.sequence} of shard {shard.number} and the records after it are not what its log says"
    rows = np.arange(path.engine.index.count)
    is_open = path.engine.books.are_open(rows)
    for row in rows[is_open].tolist():
        at = np.array([row])
        shown = int(path.engine.index.state(at)[0])
        book = path.engine.books.look(row)
        if book.state != shown:
            yield f"row {row} of shard {shard.number} is shown in state {shown} and its book says {book.state}"
        yield from (f"the book of row {row} of shard {shard.number} {fault}" for fault in _book_faults(book))


def _book_faults(book: OpenBook) -> Iterator[str]:
    stages = (int(stage_of(stage)) for stage in book.positions["stage"].tolist())
    found = state_of_stages(stages, book.on_hold)
    if found != unpack_state(book.state)[0]:
        yield f"has units of state {found.name} and says {unpack_state(book.state)[0].name}"
    amounts = [book.credited_minor, book.written_off_minor, *book.positions["value_minor"].tolist()]
    for payment in book.payments:
        back = payment.refunding_minor + payment.refunded_minor
        amounts += [payment.authorized_minor, payment.captured_minor, payment.refunding_minor, payment.refunded_minor]
        if back > payment.captured_minor:
            yield f"gives {back} back of {payment.captured_minor} that were captured"
    if min(amounts, default=0) < 0:
        yield f"has an amount below zero: {amounts}"


def _ledger_faults(world: World, ledger: Ledger, engine: LedgerEngine) -> Iterator[str]:
    if [engine.state_hash()] != ledger.state_hashes():
        yield "a replay of the ledger is not what the ledger knows"
    kept: Checkpoint | None = world.checkpoints.get(world.ledger_store.where)
    if kept is not None and replayed_ledger(world, kept).state_hash() != engine.state_hash():
        yield f"checkpoint {kept.sequence} of the ledger and the records after it are not what its log says"
