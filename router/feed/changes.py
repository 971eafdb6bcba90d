"""The changes of records: a row for every row that left its order in a new version; where it is asked for, what was
refused as well.

Whoever follows the same columns shares what was decoded: the newest records of a shard are wanted by all of its
followers at about the same time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import I64, numbers
from router.arrow.selection import select
from router.feed.columns import RECALLED, read_column, schema_of
from router.feed.origins import Origins
from router.feed.runs import FeedSource, Run, read_runs
from router.log.columns import EventResult
from router.log.cursor import LogPlace
from router.log.kinds import Kind
from router.log.reference import reference, row_of, sequence_of

KEPT_BYTES = 32 << 20
_NOTHING = np.zeros(0, np.int64)
_TOLD = (EventResult.APPLIED, EventResult.REFUSED, EventResult.CONFLICT)


@dataclass(frozen=True)
class Changes:
    """Rows of one or several records of a shard."""

    shard: int
    last_sequence: int  # everything up to it was looked at, and what changed an order is here
    references: I64  # their places, sequence << 16 | row, rising
    batch: pa.RecordBatch  # the columns that were asked for, row for row
    row_bytes: float  # of a row on average; asking Arrow about each part takes longer than the part

    @property
    def count(self) -> int:
        return len(self.references)

    @property
    def nbytes(self) -> int:
        return int(self.count * self.row_bytes)

    @property
    def place_behind(self) -> LogPlace:
        """Behind the last of these rows."""
        last = int(self.references[-1])
        return sequence_of(last), row_of(last) + 1

    def from_place(self, place: LogPlace) -> Changes:
        """Those at a place and behind it."""
        first = int(np.searchsorted(self.references, reference(*place)))
        return self.slice(first, self.count - first)

    def slice(self, first: int, count: int) -> Changes:
        if count >= self.count:
            return self
        batch = self.batch.slice(first, count)
        return replace(self, references=self.references[first : first + count], batch=batch)

    def where(self, mask: npt.NDArray[np.bool_]) -> Changes:
        """Those of a mask."""
        if mask.all():
            return self
        at = np.flatnonzero(mask)
        return replace(self, references=self.references[at], batch=select(self.batch, at))


class ChangeReader:
    """Changes of records, of all shards. For one thread; any number of feeds may share it."""

    def __init__(self, sources: Sequence[FeedSource], columns: Sequence[str], kept_bytes: int = KEPT_BYTES) -> None:
        self.sources = sources
        self.schema = schema_of(columns)
        self._with_refused = "result" in columns
        self._recalled = [name for name in RECALLED if name in columns]
        self._origins = [Origins(source) for source in sources]
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[tuple[int, int], tuple[Changes, int]] = OrderedDict()  # by shard and first sequence
        self._first_of: dict[tuple[int, int], int] = {}  # of the kept ones that a sequence is among
        self._bytes = 0

    def read(self, shard: int, sequence: int, end: int) -> Changes:
        """What a record changed, with neighbours where it is a small one; none is newer than ``end``."""
        first = self._first_of.get((shard, sequence))
        if first is not None:
            self._kept.move_to_end((shard, first))
            return self._kept[shard, first][0]
        runs, last = read_runs(shard, self.sources[shard], sequence, end)
        changes = self._changes(shard, runs, last)
        # Texts are views into the records, which stay with them.
        self._keep(changes, sequence, changes.nbytes + sum(run.nbytes for run in runs))
        return changes

    def _keep(self, changes: Changes, first: int, nbytes: int) -> None:
        self._kept[changes.shard, first] = changes, nbytes
        self._first_of |= {(changes.shard, each): first for each in range(first, changes.last_sequence + 1)}
        self._bytes += nbytes
        while self._bytes > self._kept_bytes and len(self._kept) > 1:
            self._forget(*self._kept.popitem(last=False))

    def _forget(self, key: tuple[int, int], kept: tuple[Changes, int]) -> None:
        (shard, first), (changes, nbytes) = key, kept
        self._bytes -= nbytes
        for sequence in range(first, changes.last_sequence + 1):
            if self._first_of.get((shard, sequence)) == first:
                del self._first_of[shard, sequence]

    def _changes(self, shard: int, runs: Sequence[Run], last_sequence: int) -> Changes:
        parts = [self._of_run(run) for run in runs] or [(_NOTHING, pa.RecordBatch.from_pylist([], self.schema))]
        references, batch = parts[0]
        if len(parts) > 1:
            references = np.concatenate([part[0] for part in parts])
            order = np.argsort(references)
            references, batch = references[order], pa.concat_batches([part[1] for part in parts]).take(pa.array(order))
        row_bytes = batch.nbytes / max(len(references), 1)
        return Changes(shard, last_sequence, references, batch, row_bytes)

    def _of_run(self, run: Run) -> tuple[I64, pa.RecordBatch]:
        """References and columns."""
        recalled = [] if run.kind is Kind.ORDERS else self._recalled
        names = [name for name in self.schema.names if name not in recalled]
        if recalled and "order" not in names:
            names.append("order")
        rows = _changed(run, self._with_refused)
        stored = pa.RecordBatch.from_arrays([read_column(name, run) for name in names], names)
        columns = _cut(stored, rows, run.rows)
        if recalled:
            columns |= self._origins[run.shard].of(columns["order"].to_numpy())
        batch = pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)
        return run.references[rows], batch


def _changed(run: Run, with_refused: bool) -> npt.NDArray[np.intp]:
    """Rows that changed their order: all decisions, and of what was reported what was applied. ``with_refused``: also
    what an order that is known refused."""
    if run.kind is Kind.ORDERS:
        return np.arange(run.rows)
    result = numbers(run.outcome, "result")
    return np.flatnonzero(np.isin(result, _TOLD) if with_refused else result == EventResult.APPLIED)


def _cut(batch: pa.RecordBatch, rows: npt.NDArray[np.intp], of: int) -> dict[str, pa.Array]:
    cut = batch if len(rows) == of else select(batch, rows)
    return dict(zip(cut.schema.names, cut.columns, strict=True))
