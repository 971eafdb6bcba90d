"""What queries read from."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa

from router.log.records import Record, read_batch

Indexed = tuple[int, int, int]  # what the order index says: reference of the newest record, state byte, version
Row = dict[str, Any]


class RecordSource(Protocol):
    """The durable records of one shard; ``LogReader`` and ``MemoryLog`` satisfy it."""

    def read(self, sequence: int, part: int) -> Record | None:
        """The record, checked, or None."""

    def document(self, sequence: int, row: int) -> Row | None:
        """What the channel sent, or None where it was erased."""

    def last_sequence(self, part: int) -> int:
        """Sequence of the newest record of a part, 0 = none."""


def batch_of(record: Record) -> pa.RecordBatch:
    """The record's first message, by the schema of its kind."""
    return read_batch(record)
