"""What writer and readers of a log share: its sub-databases, its keys and how records are read back.

Values are copied out of the map before they are used: a view into it is only good until its transaction
ends, and a transaction that stays open keeps the writer from using freed pages again.
"""

from __future__ import annotations

import pathlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import lmdb
import xxhash

from router.log.heads import Head, head_of
from router.log.number_runs import Run, run_key, run_of
from router.log.questions import Answered, unpack_answered
from router.log.records import DamagedRecord, Record, chain_of, parse
from router.log.tail import FIRST_SEQUENCE, LogTail

_LOG_KEY = struct.Struct(">QB")
_DOCUMENTS_KEY = struct.Struct(">Q")
_BATCH_KEY = struct.Struct(">HQ")
_EPOCH = struct.Struct("<QQ")  # the epoch and its xxh3-64
DATABASES = (b"log", b"documents", b"by_batch", b"meta")
BY_NUMBER = b"by_number"  # of the ledger, made by its first owner since there are invoices
EPOCH_KEY = b"epoch"
_ITERATE_CHUNK = 16  # records copied out per read transaction

DATABASES_MAX = len(DATABASES) + 1
READERS_MAX = 512  # slots in the lock file: gateways times their threads, with room for dead ones


def log_key(sequence: int, part: int) -> bytes:
    return _LOG_KEY.pack(sequence, part)


def documents_key(sequence: int) -> bytes:
    return _DOCUMENTS_KEY.pack(sequence)


def batch_key(shard: int, sequence: int) -> bytes:
    return _BATCH_KEY.pack(shard, sequence)


def pack_epoch(epoch: int) -> bytes:
    return _EPOCH.pack(epoch, xxhash.xxh3_64_intdigest(epoch.to_bytes(8, "little")))


def unpack_epoch(stored: bytes, where: str) -> int:
    """The epoch of a log's last owner; the first folders kept it without a checksum."""
    epoch = int.from_bytes(stored[:8], "little")
    if stored not in (pack_epoch(epoch), pack_epoch(epoch)[:8]):
        raise DamagedRecord("the checksum does not fit the epoch", where)
    return epoch


class LogStore:
    """The reading half of a log, over an environment that somebody else opens and closes."""

    def __init__(self, environment: lmdb.Environment, part_count: int, where: str, create: bool) -> None:
        self.environment = environment
        self.part_count = part_count
        self.where = where
        self.log, self.documents, self.by_batch, self.meta = (
            environment.open_db(name, create=create) for name in DATABASES
        )
        self.by_number = _opened(environment, BY_NUMBER, create and part_count == 1)

    def read(self, sequence: int, part: int) -> Record | None:
        with self.environment.begin(db=self.log) as reading:
            raw = reading.get(log_key(sequence, part))
        if raw is None:
            return None
        return parse(raw, f"{self.where}, record {sequence} part {part}", place=(sequence, part))

    def head(self, sequence: int, part: int) -> Head | None:
        """The beginning of a record, unchecked, without copying the rest."""
        with self.environment.begin(db=self.log, buffers=True) as reading:
            raw = reading.get(log_key(sequence, part))
            return None if raw is None else head_of(raw)

    def read_documents(self, sequence: int) -> Record | None:
        with self.environment.begin(db=self.documents) as reading:
            raw = reading.get(documents_key(sequence))
        if raw is None:
            return None
        return parse(raw, f"{self.where}, documents {sequence}", place=(sequence, 0))

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        with self.environment.begin(db=self.by_batch) as reading:
            found = reading.get(batch_key(shard, sequence))
        return None if found is None else unpack_answered(found, self.where)

    def find_run(self, seller: str, series: int, number: int) -> Run | None:
        if self.by_number is None:  # it may have come since
            self.by_number = _opened(self.environment, BY_NUMBER, False)
        if self.by_number is None:
            return None
        with self.environment.begin(db=self.by_number) as reading, reading.cursor() as cursor:
            past = cursor.set_range(run_key(seller, series, number + 1))
            there = cursor.prev() if past else cursor.last()
            found = run_of(seller, series, cursor.key(), cursor.value()) if there else None
        return found if found is not None and found.has(number) else None

    def epoch(self) -> int:
        """Of the newest owner; 0 before the first."""
        with self.environment.begin(db=self.meta) as reading:
            stored = reading.get(EPOCH_KEY)
        return 0 if stored is None else unpack_epoch(stored, self.where)

    def last_sequence(self, part: int) -> int:
        return self.tail().last[part]

    def first_sequence(self) -> int:
        with self.environment.begin(db=self.log) as reading, reading.cursor() as cursor:
            return int(_LOG_KEY.unpack(cursor.key())[0]) if cursor.first() else FIRST_SEQUENCE - 1

    def tail(self, at: int | None = None) -> LogTail:
        """Last sequence and chain of every part, counting records up to sequence ``at`` (None: all).

        Part 1 trails part 0 by the batches in flight, so the walk back from the end is short.
        """
        tail = LogTail.empty(self.part_count)
        wanted = set(range(self.part_count))
        with self.environment.begin(db=self.log, buffers=True) as reading, reading.cursor() as cursor:
            past = at is not None and cursor.set_range(log_key(at + 1, 0))
            there = cursor.prev() if past else cursor.last()
            while there and wanted:
                sequence, part = _LOG_KEY.unpack(cursor.key())
                if part in wanted:
                    tail.last[part], tail.chains[part] = sequence, chain_of(cursor.value())
                    wanted.remove(part)
                there = cursor.prev()
        return tail

    def chains_at(self, sequence: int) -> list[int]:
        return self.tail(sequence).chains

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        last = [from_sequence - 1] * self.part_count
        tail = LogTail(last, self.chains_at(from_sequence - 1) if chains is None else chains)
        key = log_key(from_sequence, 0)
        while chunk := self._chunk(key):
            for found, raw in chunk:
                sequence, part = _LOG_KEY.unpack(found)
                yield sequence, part, tail.follow(sequence, part, raw, self.where)
            key = chunk[-1][0] + b"\0"  # the least key after the last one

    def _chunk(self, key: bytes) -> list[tuple[bytes, bytes]]:
        chunk: list[tuple[bytes, bytes]] = []
        with self.environment.begin(db=self.log) as reading, reading.cursor() as cursor:
            there = cursor.set_range(key)
            while there and len(chunk) < _ITERATE_CHUNK:
                chunk.append(cursor.item())
                there = cursor.next()
        return chunk


def _opened(environment: lmdb.Environment, name: bytes, create: bool) -> Any:
    """A sub-database that folders of before have not; None where it is not there yet."""
    try:
        return environment.open_db(name, create=create)
    except lmdb.NotFoundError:
        return None


def log_folder(folder: pathlib.Path) -> pathlib.Path:
    """Where the environment of the owner of ``folder`` lies."""
    return folder / "log"


def refuse_short_file(environment: lmdb.Environment, folder: pathlib.Path) -> None:
    """Raise where a log's file was cut off: touching a mapped page that is not there would end the process."""
    size, pages = (folder / "data.mdb").stat().st_size, environment.info()["last_pgno"] + 1
    expected = pages * environment.stat()["psize"]
    if size < expected:
        raise DamagedRecord(f"data.mdb has {size} bytes of {expected}", str(folder.parent))
