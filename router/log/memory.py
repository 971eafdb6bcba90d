"""A log in memory, for tests, for `route` and for simulation: same frames and checks, no disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from router.arrow.arrays import Bytes
from router.log.documents import document_of
from router.log.heads import Head, head_of
from router.log.number_runs import Run, run_key, run_of
from router.log.questions import Answered, AskedBy
from router.log.records import Record, chain_of, erase_row, frame_documents, parse, read_documents
from router.log.tail import LogTail

_WHERE = "log in memory"


class MemoryLog:
    """Satisfies ``ports.Log``. What was appended is durable at once, for as long as the object lives."""

    def __init__(self, part_count: int, epoch: int = 1) -> None:
        self.epoch = epoch
        self._part_count = part_count
        self._tail = LogTail.empty(part_count)
        self._records: dict[tuple[int, int], bytes] = {}  # insertion order is append order, not key order
        self._documents: dict[int, bytes] = {}
        self._by_batch: dict[tuple[int, int], Answered] = {}
        self._runs: dict[bytes, bytes] = {}

    def append(
        self,
        sequence: int,
        part: int,
        record: bytearray,
        documents: Bytes | None = None,
        by_batch: AskedBy | None = None,
        runs: Sequence[Run] = (),
    ) -> int:
        self._tail.seal(sequence, part, record, self.epoch)
        self._records[sequence, part] = bytes(record)
        if documents is not None:
            self._documents[sequence] = bytes(frame_documents(sequence, documents))
        if by_batch is not None:
            self._by_batch[by_batch.shard, by_batch.sequence] = Answered(sequence, by_batch.digest)
        self._runs.update((run.key, run.value) for run in runs)
        return len(self._records)

    def wait(self, ticket: int) -> None:
        assert 0 < ticket <= len(self._records), "this ticket is not from this log"

    def read(self, sequence: int, part: int) -> Record | None:
        raw = self._records.get((sequence, part))
        return None if raw is None else parse(raw, _WHERE, place=(sequence, part))

    def head(self, sequence: int, part: int) -> Head | None:
        raw = self._records.get((sequence, part))
        return None if raw is None else head_of(raw)

    def read_documents(self, sequence: int) -> Record | None:
        raw = self._documents.get(sequence)
        return None if raw is None else parse(raw, _WHERE, place=(sequence, 0))

    def document(self, sequence: int, row: int) -> dict[str, Any] | None:
        """What the channel sent for one order, so that queries read this log like any other."""
        record = self.read_documents(sequence)
        return None if record is None else document_of(read_documents(record), row)

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        return self._by_batch.get((shard, sequence))

    def find_run(self, seller: str, series: int, number: int) -> Run | None:
        key = max((key for key in self._runs if key <= run_key(seller, series, number)), default=None)
        found = None if key is None else run_of(seller, series, key, self._runs[key])
        return found if found is not None and found.has(number) else None

    def last_sequence(self, part: int) -> int:
        return self._tail.last[part]

    def chains_at(self, sequence: int) -> list[int]:
        return [self._chain_before(sequence + 1, part) for part in range(self._part_count)]

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        last = [from_sequence - 1] * self._part_count
        tail = LogTail(last, self.chains_at(from_sequence - 1) if chains is None else chains)
        for sequence, part in sorted(key for key in self._records if key[0] >= from_sequence):
            yield sequence, part, tail.follow(sequence, part, self._records[sequence, part], _WHERE)

    def erase_document(self, sequence: int, row: int) -> bool:
        record = self.read_documents(sequence)
        if record is None:
            return False
        self._documents[sequence] = bytes(erase_row(record, row))
        return True

    def _chain_before(self, sequence: int, part: int) -> int:
        """Part 1 may leave sequences out, so walk back to the newest record of the part."""
        for earlier in range(sequence - 1, 0, -1):
            if (earlier, part) in self._records:
                return chain_of(self._records[earlier, part])
        return 0
