"""A shard's log with as many orders as asked for, made at once: what a reader meets that was away for long."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from router.arrow.arrays import record_batch
from router.feed.columns import nothing
from router.log.columns import ADMITTED, OUTCOME
from router.log.kinds import Kind
from router.log.memory import MemoryLog
from router.log.records import INPUT, OUTCOME_PART, frame, serialize

RECORD_ROWS = 1 << 14


def large_log(rows: int, now_ms: int = 1_000, record_rows: int = RECORD_ROWS) -> MemoryLog:
    """Orders ``large-0000000`` and so on, all alike."""
    log = MemoryLog(2)
    for sequence, first in enumerate(range(0, rows, record_rows), start=1):
        count = min(record_rows, rows - first)
        ids = pa.array([f"large-{row:07d}" for row in range(first, first + count)])
        given = {"order_id": ids, "hash_lo": np.arange(first, first + count, dtype=np.uint64)}
        for part, kind, schema, named in (
            (INPUT, Kind.ORDERS, ADMITTED, given),
            (
                OUTCOME_PART,
                Kind.OUTCOMES,
                OUTCOME,
                {"version": np.ones(count, np.int32), "status": np.zeros(count, np.int8)},
            ),
        ):
            empty = {name: nothing(schema.field(name).type, count) for name in schema.names}
            batch = record_batch(schema, empty | named)
            log.append(sequence, part, frame(kind, part, sequence, [serialize(batch)], tables_version=1, now_ms=now_ms))
    return log
