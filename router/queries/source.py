"""What queries read from, and how the records of one order are found and taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from router.log.kinds import Kind
from router.log.records import INPUT, OUTCOME_PART, Record, StoredRows, read_batch, rows_of

Found = tuple[int, int, int]  # what the order index says: reference of the newest record, state byte, version
Row = dict[str, Any]


class RecordSource(Protocol):
    """The durable records of one shard; ``LogReader`` and ``MemoryLog`` satisfy it."""

    def read(self, sequence: int, part: int) -> Record | None:
        """The record, checked, or None."""

    def document(self, sequence: int, row: int) -> Row | None:
        """What the channel sent, or None where it was erased."""

    def last_sequence(self, part: int) -> int:
        """Sequence of the newest record of a part, 0 = none."""


@dataclass(frozen=True)
class Step:
    """One row of a shard's log: what came in (part 0) and what became of it (part 1)."""

    reference: int
    kind: Kind  # of part 0
    given: Row
    outcome: Row
    tables_version: int
    now_ms: int

    @property
    def sequence(self) -> int:
        return self.reference >> 16

    @property
    def row(self) -> int:
        return self.reference & 0xFFFF


def batch_of(record: Record) -> pa.RecordBatch:
    """The record's first message, by the schema of its kind."""
    return read_batch(record)


def step_at(source: RecordSource, reference: int) -> Step | None:
    """Both halves of the row a reference names; None while its outcome is not durable."""
    sequence, row = reference >> 16, reference & 0xFFFF
    given, outcome = source.read(sequence, INPUT), source.read(sequence, OUTCOME_PART)
    if given is None or outcome is None:
        return None
    return Step(reference, given.kind, _row(given, row), _row(outcome, row), given.tables_version, given.now_ms)


def order_step(source: RecordSource, newest: int) -> Step | None:
    """The ORDERS row of the order whose newest record is ``newest``."""
    step = step_at(source, newest)
    if step is None or step.kind is Kind.ORDERS:
        return step
    return step_at(source, step.outcome["order"])


class _LazyRow(Row):
    """One row as Python values, each read when it is first asked for: an answer needs few of them."""

    def __init__(self, rows: StoredRows, row: int) -> None:
        super().__init__()
        self._rows = rows
        self._row = row

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._rows.value(name, self._row)
        return value


def _row(record: Record, row: int) -> Row:
    return _LazyRow(rows_of(record), row)
