"""Single columns of stored messages in the newest form; what nobody asks for is not decoded."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from router.arrow.packing import PackedBatch
from router.log.kinds import MESSAGES, ROW_FOR_ROW, default_column, widened_column
from router.log.records import Record, stored


class StoredColumns:
    """One message of a record, or of several records of one kind and version as if they were one."""

    def __init__(self, records: Sequence[Record], message: int = 0) -> None:
        self._schema = MESSAGES[records[0].kind][message]
        is_there = message < len(records[0].messages)
        assert is_there or self._schema in ROW_FOR_ROW, "a message that is not there has the rows of the first one"
        batches = [stored(record, message if is_there else 0) for record in records]
        self.counts = [int(batch.num_rows) for batch in batches]  # rows of each record
        self._batch = (batches[0] if len(batches) == 1 else _one_of(batches)) if is_there else None

    def column(self, name: str) -> pa.Array:
        field = self._schema.field(name)
        if self._batch is None:
            return default_column(field, sum(self.counts))
        return widened_column(self._batch, field)


def _one_of(batches: Sequence[pa.RecordBatch | PackedBatch]) -> pa.RecordBatch:
    return pa.concat_batches([batch.whole() if isinstance(batch, PackedBatch) else batch for batch in batches])
