"""What can still be read of a damaged log: over whole pages, without LMDB, each record checked."""

from __future__ import annotations

import contextlib
import os
import pathlib

from actors.care.reading.page_format import Extent
from actors.care.reading.pages import whole_pages
from actors.store.log_store import log_folder
from router.errors import Damaged
from router.log.kinds import QUESTIONS, Kind
from router.log.questions import AskedBy, kept_digest
from router.log.records import INPUT, OUTCOME_PART, Record, parse
from router.log.tail import FIRST_SEQUENCE, LogTail


class WholeRecords:
    """What can be read of one log, over whole pages and without LMDB."""

    def __init__(self, owner: pathlib.Path, part_count: int) -> None:
        self.where = str(owner)
        self.faults: list[str] = []
        self._file = log_folder(owner) / "data.mdb"
        found = whole_pages(self._file, self.faults).values if self._file.exists() else {}
        self.places = {
            (int.from_bytes(key[:8], "big"), key[8]): place for key, place in found.get(b"log", []) if len(key) == 9
        }
        self.documents = {int.from_bytes(key, "big"): place for key, place in found.get(b"documents", [])}
        self.tail = LogTail.empty(part_count)
        self.answered: list[AskedBy | None] = []  # ledger: the question of each record, None = nobody asked
        self.kinds: dict[int, Kind] = {}  # shard: of each whole outcome
        self.epoch = 0
        for part in range(part_count):
            self._follow(part)

    def _follow(self, part: int) -> None:
        """The records of a part as far as each is whole and follows the one before it."""
        for sequence in sorted(sequence for sequence, its_part in self.places if its_part == part):
            try:
                record = self.tail.follow(sequence, part, self.raw(sequence, part), self.where)
            except Damaged as fault:
                self.faults.append(str(fault))
                return
            self.epoch = max(self.epoch, record.epoch)
            if part == OUTCOME_PART:
                self.kinds[sequence] = record.kind
            else:
                asked = record.kind in QUESTIONS
                question = (record.batch_number, record.batch_id)
                self.answered.append(AskedBy(*question, kept_digest(record)) if asked else None)

    @property
    def newest(self) -> int:
        """The highest sequence that left a trace."""
        return max([*(sequence for sequence, _ in self.places), *self.documents], default=FIRST_SEQUENCE - 1)

    def raw(self, sequence: int, part: int) -> bytes:
        return self._bytes(self.places[sequence, part])

    def record(self, sequence: int, part: int) -> Record | None:
        """A record that is whole by itself, wherever the chain ends."""
        with contextlib.suppress(KeyError, Damaged):
            return parse(self.raw(sequence, part), self.where, place=(sequence, part))
        return None

    def raw_documents(self, sequence: int) -> bytes | None:
        with contextlib.suppress(KeyError, Damaged):
            raw = self._bytes(self.documents[sequence])
            parse(raw, self.where, place=(sequence, INPUT))
            return raw
        return None

    def _bytes(self, place: Extent) -> bytes:
        with open(self._file, "rb") as file:
            return os.pread(file.fileno(), place[1], place[0])
