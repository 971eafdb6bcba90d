"""What the engines need from the outside world, as protocols. ``actors/`` satisfies them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from router.records import Record

Bytes = bytes | bytearray | memoryview


class Log(Protocol):
    """A durable, ordered store of framed records (``router/records.py``), one or two parts a sequence.

    Sequences begin at 1. Part 0 is written without gaps; part 1 in the same order, gaps allowed.
    """

    epoch: int  # raised by every owner at its start; stands in every record

    def append(
        self,
        sequence: int,
        part: int,
        record: bytearray,
        documents: Bytes | None = None,
        by_batch: tuple[int, int] | None = None,
    ) -> int:
        """Seal and queue one frame; returns a ticket for :meth:`wait`. Never blocks on the disk.

        ``documents`` (an Arrow IPC stream) and ``by_batch`` (shard, shard sequence) become durable with it.
        Raises ``LogFenced`` when nothing can be written any more.
        """

    def wait(self, ticket: int) -> None:
        """Return when the record of the ticket is on disk; raise ``LogFenced`` when it never will be."""

    def read(self, sequence: int, part: int) -> Record | None:
        """The durable record, checked, or None."""

    def read_documents(self, sequence: int) -> Record | None:
        """The documents that came with part 0 of this sequence, checked, or None."""

    def find_batch(self, shard: int, sequence: int) -> int | None:
        """Sequence of the record that was appended with this ``by_batch``, or None."""

    def last_sequence(self, part: int) -> int:
        """Sequence of the newest durable record of a part, 0 = none."""

    def chains_at(self, sequence: int) -> list[int]:
        """Chain value of every part after ``sequence``, for a checkpoint and for :meth:`iterate`."""

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        """Durable records (sequence, part, record) in key order, each checked to follow the one before it.

        ``chains`` are the chain values after ``from_sequence - 1`` as a checkpoint kept them; without them the
        log's own are taken.
        """

    def erase_document(self, sequence: int, row: int) -> bool:
        """Empty one row of the documents, durably; False when there are none."""


class Arena(Protocol):
    """Growable zeroed memory that other processes on this machine may map read-only."""

    def allocate(self, name: str, nbytes: int) -> npt.NDArray[np.uint8]:
        """A zeroed, 64-byte aligned block, published under ``name``; a second call with the same name
        replaces it (readers that mapped the old block keep it until they look again)."""

    def extend(self, name: str, nbytes: int) -> npt.NDArray[np.uint8]:
        """The block made longer: what it held is kept, the rest is zero. Forget every array taken before."""


class ArenaReader(Protocol):
    """The blocks of an arena as somebody else reads them, read-only."""

    def version(self) -> int:
        """A number that changes when a block came, went or grew; then every view must be taken again."""

    def view(self, name: str) -> npt.NDArray[np.uint8] | None:
        """The block, possibly longer than what was asked for; None while the owner has none of this name."""
