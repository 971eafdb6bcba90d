"""What must hold at the end: all that was said, compared with what the disks keep for certain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from actors.care.reading.log_check import entry_faults, read_records
from bench.trials.simulation.judge_events import events_faults
from bench.trials.simulation.judge_money import money_faults
from bench.trials.simulation.judge_numbers import numbers_faults
from bench.trials.simulation.judge_orders import orders_faults
from bench.trials.simulation.judge_state import state_faults
from bench.trials.simulation.judge_units import units_faults
from bench.trials.simulation.layout import BY_BATCH
from bench.trials.simulation.ledger import Ledger
from bench.trials.simulation.log import Store
from bench.trials.simulation.shard import Shard
from bench.trials.simulation.world import World
from router.errors import Damaged
from router.queries import stream

_ALL = 1 << 20


def judged(world: World, shards: list[Shard], ledger: Ledger) -> Iterator[str]:
    """A sentence for each promise that was broken."""
    of_shards = [[record for _, _, record in store.iterate(1)] for store in world.shard_stores]
    of_ledger = [record for _, _, record in world.ledger_store.iterate(1)]
    yield from units_faults(world, of_shards, of_ledger, ledger)
    yield from orders_faults(world, of_shards, of_ledger)
    yield from events_faults(world, of_shards, of_ledger)
    yield from money_faults(shards, of_shards)
    yield from state_faults(world, shards, ledger)
    yield from numbers_faults(world, shards, of_shards, of_ledger)
    yield from _stream_is_whole(world)
    yield from _cursors_are_durable(world)


def _stream_is_whole(world: World) -> Iterator[str]:
    """The follower of the stream acted on every version of every order, and on nothing that is not stored."""
    rows, _ = stream(None, world.shard_stores, _ALL)
    expected: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["version"] != len(expected[row["order_id"]]) + 1:
            yield f"the stream goes to version {row['version']} of {row['order_id']} with a gap"
        expected[row["order_id"]].append({name: value for name, value in row.items() if name != "cursor"})
    if world.watch.acted != expected:
        yield "the follower of the stream did not act on exactly what is stored"


def _cursors_are_durable(world: World) -> Iterator[str]:
    for shard, entry in enumerate((world.kept_cursor or "").split(",") if world.kept_cursor else []):
        sequence = int(entry.partition(":")[2].partition(".")[0])
        if sequence > world.shard_stores[shard].last_sequence(1) + 1:
            yield f"the reader's cursor {entry} is ahead of the log"


def damage_is_found(store: Store) -> bool:
    """Whether reading the whole log, documents and the entries of answered batches included, stops at damage."""
    try:
        read_records(store)
        return any(entry_faults(store, store.part_count, sum(key[0] == BY_BATCH for key in store.index)))
    except Damaged:
        return True
