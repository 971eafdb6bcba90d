"""Numbers of invoices and credit notes: the last one taken, by seller and series; the next is one more.

Numbers are taken in the record of the event batch that needs them, so whoever asks again is given the same. Which
record took a number is no state: the log has an entry for it, in the same transaction (``router/log/number_runs.py``).
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import numbers, record_batch
from router.log.columns import NUMBERED, NUMBERING
from router.log.kinds import MESSAGES, Kind
from router.log.number_runs import Run
from router.log.records import Record, read_batch


class NumberSeries:
    """The last number of each seller and series."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}

    def last(self, seller: str, series: int) -> int:
        return self._last.get((seller, series), 0)

    def take(self, numbering: pa.RecordBatch) -> pa.RecordBatch:
        """NUMBERED of NUMBERING."""
        first = []
        for seller, series, count in _rows(numbering):
            first.append(self.last(seller, series) + 1)
            self._last[seller, series] = first[-1] + count - 1
        return record_batch(NUMBERED, {"first": np.array(first, np.int64)})

    def take_again(self, numbering: pa.RecordBatch, numbered: pa.RecordBatch) -> None:
        """What a record says was taken."""
        for (seller, series, count), first in zip(_rows(numbering), numbers(numbered, "first").tolist(), strict=True):
            self._last[seller, series] = first + count - 1

    def dump(self) -> dict[str, npt.NDArray[Any]]:
        rows = [[seller, series, last] for (seller, series), last in sorted(self._last.items())]
        return {"number_series": np.frombuffer(msgspec.json.encode(rows), np.uint8)}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Become what was dumped; a checkpoint from before there were numbers has none."""
        rows = msgspec.json.decode(arrays["number_series"].tobytes()) if "number_series" in arrays else []
        self._last = {(seller, series): last for seller, series, last in rows}


def runs_of(shard: int, sequence: int, record: int, numbering: pa.RecordBatch, numbered: pa.RecordBatch) -> list[Run]:
    """The runs that a record of the ledger took for a batch of a shard."""
    first = numbers(numbered, "first").tolist()
    return [
        Run(seller, series, start, count, shard, sequence, record)
        for (seller, series, count), start in zip(_rows(numbering), first, strict=True)
    ]


def runs_in(record: Record) -> list[Run]:
    """The same of a record of the ledger's log."""
    if record.kind is not Kind.MOVES:
        return []
    taken = (read_batch(record, MESSAGES[record.kind].index(schema)) for schema in (NUMBERING, NUMBERED))
    return runs_of(record.batch_number, record.batch_id, record.sequence, *taken)


def _rows(numbering: pa.RecordBatch) -> list[tuple[str, int, int]]:
    columns = (numbering.column(name).to_pylist() for name in ("seller", "series", "count"))
    return list(zip(*columns, strict=True))
