"""Replay: records of a log applied to an engine, deciding nothing again.

The same records always give the same state; what live processes hold, what a restart rebuilds and what ``verify``
recomputes are the same calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from router.life.events import EventDesk
from router.log.kinds import Kind
from router.log.records import INPUT, Record, Records, read_batch
from router.shard.engine import ShardEngine


@dataclass
class Replayed:
    batches: int
    unfinished: list[int]  # sequences whose outcome was not written, in order


def decoded(given: Record, outcome: Record) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Both parts of a shard's sequence as batches."""
    if given.kind is Kind.ORDERS:
        return read_batch(given), read_batch(outcome)
    return read_batch(given), read_batch(outcome)


def replay_shard(
    engine: ShardEngine,
    desk: EventDesk,
    records: Records,
    remember: Callable[[tuple[int, int], int], None],
) -> Replayed:
    """Apply a shard's records. Order inputs take their ids when they are read, an event batch acts with its
    outcome. Both parts of a sequence lie beside each other, so memory stays at one batch."""
    given: dict[int, Record] = {}
    batches = 0
    for sequence, part, record in records:
        if part == INPUT:
            batches += 1
            remember((record.batch_id, record.batch_number), sequence)
            given[sequence] = record
            if record.kind is Kind.ORDERS:
                engine.replay_admitted(sequence, read_batch(record))
        else:
            asked = given.pop(sequence)
            if asked.kind is Kind.ORDERS:
                engine.apply_outcome(sequence, read_batch(record))
            else:
                desk.apply(sequence, *decoded(asked, record))
    return Replayed(batches, sorted(given))
