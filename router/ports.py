"""What the engines need from the outside world, as protocols. ``actors/`` satisfies them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt
import pyarrow as pa

from router.arrow.arrays import Bytes
from router.log.columns import NUMBERED, NUMBERING
from router.log.number_runs import Run
from router.log.questions import Answered, AskedBy
from router.log.records import Record

NOTHING_NUMBERED = pa.RecordBatch.from_pylist([], schema=NUMBERING)  # no numbers are wanted, or were given
NO_NUMBERS = pa.RecordBatch.from_pylist([], schema=NUMBERED)


class ReadableLog(Protocol):
    """A durable, ordered store of framed records (``router/log/records.py``), one or two parts a sequence.

    Sequences begin at 1. Part 0 is written without gaps; part 1 in the same order, gaps allowed.
    """

    def read(self, sequence: int, part: int) -> Record | None:
        """The durable record, checked, or None."""

    def read_documents(self, sequence: int) -> Record | None:
        """The documents that came with part 0 of this sequence, checked, or None."""

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        """Where the record lies that was appended with this ``by_batch``, or None."""

    def find_run(self, seller: str, series: int, number: int) -> Run | None:
        """The ``runs`` entry that has a number of a seller's series, or None."""

    def last_sequence(self, part: int) -> int:
        """Sequence of the newest durable record of a part, 0 = none."""

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        """Durable records (sequence, part, record) in key order, each checked to follow the one before it.

        ``chains`` are the chain values after ``from_sequence - 1`` as a checkpoint kept them; without them the
        log's own are taken.
        """


class Log(ReadableLog, Protocol):
    """The same as its one owner has it, who may write."""

    epoch: int  # raised by every owner at its start; stands in every record

    def append(
        self,
        sequence: int,
        part: int,
        record: bytearray,
        documents: Bytes | None = None,
        by_batch: AskedBy | None = None,
        runs: Sequence[Run] = (),
    ) -> int:
        """Seal and queue one frame; returns a ticket for :meth:`wait`. Never blocks on the disk.

        ``documents`` (an Arrow IPC stream), ``by_batch``, the question that it answers, and the ``runs`` of numbers
        that it took become durable with it.
        Raises ``LogFenced`` when nothing can be written any more.
        """

    def wait(self, ticket: int) -> None:
        """Return when the record of the ticket is on disk; raise ``LogFenced`` when it never will be."""

    def chains_at(self, sequence: int) -> list[int]:
        """Chain value of every part after ``sequence``, for a checkpoint and for :meth:`iterate`."""

    def erase_document(self, sequence: int, row: int) -> bool:
        """Empty one row of the documents, durably; False when there are none."""


class Turn(Protocol):
    """Whose turn it is among those who share the state of an owner: a ``threading.Condition``, or its like among the
    tasks of the simulation."""

    def __enter__(self) -> Any:
        """Wait for the turn."""

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """Let others have it."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Let others have the turn until ``predicate`` holds or ``timeout`` seconds are over; whether it holds."""

    def notify_all(self) -> None:
        """Whoever waits looks again."""


class Checkpoints(Protocol):
    """Keeps an owner's state now and then, so that a start need not read the whole log."""

    def due(self) -> bool:
        """Whether it is time for the next one."""

    def keep(self, sequence: int, chains: list[int], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep the state after a durable sequence, as it is at this moment: arrays may change afterwards."""


class Question(NamedTuple):
    """Who asks the ledger, about what, and what it went by: the same (shard, sequence) always gets the same answer."""

    shard: int
    sequence: int
    epoch: int  # of the shard's owner: one that was replaced is refused
    tables_version: int
    now_ms: int
    grants_seen: int  # the newest record of the ledger whose grants the shard had taken over when it asked


class LedgerPort(Protocol):
    """The ledger as a shard sees it: in this process, or behind a call that is retried until answered."""

    def decide(self, question: Question, claims: pa.RecordBatch) -> pa.RecordBatch:
        """DECISION of CLAIMS, durable."""

    def move(
        self, question: Question, moves: pa.RecordBatch, given_back: pa.RecordBatch,
        numbering: pa.RecordBatch = NOTHING_NUMBERED,
    ) -> pa.RecordBatch:  # fmt: skip
        """Apply the MOVES and GIVEN_BACK of an event batch, durable; NUMBERED of its NUMBERING. A repeat changes
        nothing and is given the same numbers."""

    def amend(self, question: Question, amends: pa.RecordBatch) -> pa.RecordBatch:
        """AMENDED of AMENDS, durable: each releases and takes in one step."""

    def grants(self, shard: int, epoch: int, after: int, wait_ms: int) -> tuple[int, pa.RecordBatch]:
        """Grants to a shard, whose log is in this epoch, in the first durable record of the ledger after ``after`` that
        has any: its sequence and GRANTS; (``after``, no rows) when none came within ``wait_ms``."""

    def quote(self, tables_version: int, claims: pa.RecordBatch, now_ms: int) -> pa.RecordBatch:
        """What ``decide`` would answer now; takes nothing."""
