"""What a question went by, as its record keeps it: so that a replay knows it without the tables of the time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from router.arrow.arrays import record_batch
from router.log.columns import BASIS
from router.log.kinds import MESSAGES
from router.log.records import Record, read_batch


class Basis(NamedTuple):
    """One row of BASIS."""

    grants_seen: int = 0
    other_channel: int = -1
    granted_by: int = 0
    velocity_window_ms: int = -1
    basket_window_ms: int = -1
    value_orders_min: int = -1
    owed: Sequence[int] = ()

    def batch(self) -> pa.RecordBatch:
        columns = {field.name: pa.array([value], field.type) for field, value in zip(BASIS, self, strict=True)}
        return record_batch(BASIS, columns)


def basis_of(record: Record) -> Basis | None:
    """None of records from before there was any."""
    rows = read_batch(record, MESSAGES[record.kind].index(BASIS)).to_pylist()
    return Basis(**rows[0]) if rows else None
