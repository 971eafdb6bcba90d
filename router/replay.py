"""Replay: records of a shard's log applied to its lanes, deciding nothing again.

The same records always give the same state; what live processes hold, what a restart rebuilds and what ``verify``
recomputes are the same calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from router.arrow.arrays import Bytes
from router.log.kinds import Kind
from router.log.number_runs import Run
from router.log.questions import AskedBy
from router.log.records import INPUT, Record, Records
from router.ports import NOTHING_NUMBERED, Question, ReadableLog
from router.shard.lanes import Lane


class NoLedger:
    """Satisfies ``router.ports.LedgerPort`` for whoever only replays: nothing is asked then."""

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        raise AssertionError(_NOBODY)

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch,
        numbering: pa.RecordBatch = NOTHING_NUMBERED,
    ) -> pa.RecordBatch:  # fmt: skip
        raise AssertionError(_NOBODY)

    def amend(self, question: Question, amends: pa.RecordBatch) -> pa.RecordBatch:
        raise AssertionError(_NOBODY)

    def grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, pa.RecordBatch]:
        raise AssertionError(_NOBODY)

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        raise AssertionError(_NOBODY)


class ReplayedLog:
    """Satisfies ``router.ports.Log`` likewise: what a reader finds, and nothing is written."""

    epoch = 0  # nobody owns it

    def __init__(self, reader: ReadableLog) -> None:
        self.read = reader.read
        self.read_documents = reader.read_documents
        self.find_batch = reader.find_batch
        self.find_run = reader.find_run
        self.last_sequence = reader.last_sequence
        self.iterate = reader.iterate

    def append(
        self,
        sequence: int,
        part: int,
        record: bytearray,
        documents: Bytes | None = None,
        by_batch: AskedBy | None = None,
        runs: Sequence[Run] = (),
    ) -> int:
        raise AssertionError(_NOBODY)

    def wait(self, ticket: int) -> None:
        raise AssertionError(_NOBODY)

    def chains_at(self, sequence: int) -> list[int]:
        raise AssertionError(_NOBODY)

    def erase_document(self, sequence: int, row: int) -> bool:
        raise AssertionError(_NOBODY)


_NOBODY = "a replay decides nothing, and writes nothing"


class Replay:
    """One pass over the records of a shard in key order; both halves of a batch lie beside each other."""

    def __init__(self, lanes: Mapping[Kind, Lane], remember: Callable[[tuple[int, int], int], None]) -> None:
        self._lanes = lanes
        self._remember = remember
        self._given: dict[int, Record] = {}
        self.batches = 0
        self.before_books = 0  # records of events that do not say what they moved

    def run(self, records: Records) -> None:
        for sequence, part, record in records:
            if part == INPUT:
                self.batches += 1
                self._remember((record.batch_id, record.batch_number), sequence)
                self._given[sequence] = record
                self._lanes[record.kind].replay_input(record)
            else:
                given = self._given.pop(sequence)
                self.before_books += record.kind is Kind.EVENT_OUTCOMES and record.version == 0
                self._lanes[given.kind].replay(given, record)

    @property
    def unfinished(self) -> list[Record]:
        """Inputs whose outcome was not written, in order."""
        return [record for _, record in sorted(self._given.items())]
