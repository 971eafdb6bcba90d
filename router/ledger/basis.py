"""What a question went by, as its record keeps it: so that a replay knows it without the tables of the time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
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

    def batch(self) -> pa.RecordBatch:
        return record_batch(
            BASIS,
            {
                "grants_seen": np.array([self.grants_seen], np.int64),
                "other_channel": np.array([self.other_channel], np.int16),
                "granted_by": np.array([self.granted_by], np.int64),
            },
        )


def basis_of(record: Record) -> Basis | None:
    """None of records from before there was any."""
    rows = read_batch(record, MESSAGES[record.kind].index(BASIS)).to_pylist()
    return Basis(**rows[0]) if rows else None
