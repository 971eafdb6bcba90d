"""A log on a simulated disk, laid out like LMDB as far as crashes can tell.

    page 0, 1    meta pages, written in turn: transaction, end of the file, epoch, checksum
    page 2 ...   transactions, each from a page boundary on: length, then items (kind, key, length, value)

A commit writes its pages behind everything older, syncs, writes the other meta page, syncs. ``Store`` is the file with
its committed index, which readers share; ``SimulatedLog`` is the owner's side with the commit task, and satisfies
``router.ports.Log``. Record frames, chains and checksums are those of the router.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import xxhash

from bench.trials.simulation.disk import PAGE_BYTES, Disk
from bench.trials.simulation.scheduler import Process, Scheduler, Signal
from router.arrow.arrays import Bytes
from router.log.documents import document_of
from router.log.questions import Answered, AskedBy, pack_answered, unpack_answered
from router.log.records import LogFenced, Record, chain_of, erase_row, frame_documents, parse, read_documents
from router.log.tail import LogTail

_META = struct.Struct("<QQQ")  # transaction, bytes of the file in use, epoch
_ITEM = struct.Struct("<BQQI")
_LENGTH = struct.Struct("<Q")
_U64 = struct.Struct("<Q")
RECORD, DOCUMENTS, BY_BATCH = range(3)
_FIRST_BYTE = 2 * PAGE_BYTES

Key = tuple[int, int, int]  # kind, then sequence and part, sequence and 0, or shard and its sequence
Item = tuple[Key, bytes]
Index = dict[Key, tuple[int, int]]  # place and length of the value
Step = Callable[[str], None]


class Store:
    """The file of one owner and what is committed in it."""

    def __init__(self, disk: Disk, part_count: int, scheduler: Scheduler, news: Signal) -> None:
        """``news`` is told of every commit, as readers are that look at the end of the log."""
        self.disk = disk
        self.part_count = part_count
        self.where = disk.name
        self.index: Index = {}
        self._epoch = 0  # of the owner that opened it last
        self._free = Signal(scheduler)
        self._news = news
        self._writer: Process | None = None
        self._transaction = 0
        self._end = _FIRST_BYTE

    # --- writing ---------------------------------------------------------------------------------

    def commit(self, writer: Process, items: Sequence[Item], epoch: int, step: Step) -> None:
        """One transaction; raises OSError or LogFenced when it did not become durable."""
        with self._writing(writer):
            self._refuse(items, epoch)
            self._write(items, epoch, step)

    def take_over(self, writer: Process, step: Step) -> int:
        """Raise the epoch, so that every earlier owner's next commit fails; returns the new one."""
        with self._writing(writer):
            epoch = self._epoch + 1
            self._refuse([], self._epoch)
            self._write([], epoch, step)
        return epoch

    @contextmanager
    def _writing(self, writer: Process) -> Iterator[None]:
        """One transaction at a time; the lock of a dead writer is free."""
        self._free.wait_for(lambda: self._writer is None or not self._writer.alive)
        self._writer = writer
        try:
            self._refresh()
            yield
        finally:
            if self._writer is writer:
                self._writer = None
            self._free.notify()

    def _refuse(self, items: Sequence[Item], epoch: int) -> None:
        if self.disk.full:
            raise OSError(errno.ENOSPC, f"{self.where}: no space left on the simulated disk")
        if epoch != self._epoch:
            raise LogFenced(f"{self.where}: another process has taken this log over; this one must end")
        for key, _ in items:
            if key in self.index and key[0] != DOCUMENTS:
                raise LogFenced(f"{self.where}: key {key} is already in the log; this process must end")

    def _write(self, items: Sequence[Item], epoch: int, step: Step) -> None:
        body = b"".join(_ITEM.pack(*key, len(value)) + value for key, value in items)
        content = _LENGTH.pack(len(body)) + body
        content += bytes(-len(content) % PAGE_BYTES)
        first = self._end // PAGE_BYTES
        step("log: writing")
        for number in range(len(content) // PAGE_BYTES):
            self.disk.write(first + number, content[number * PAGE_BYTES :][:PAGE_BYTES])
        step("log: written")
        self.disk.sync()
        step("log: pages synced")
        self._write_meta(self._transaction + 1, self._end + len(content), epoch, step)
        self._refresh()
        self._news.notify()

    def _write_meta(self, transaction: int, end: int, epoch: int, step: Step) -> None:
        page = transaction % 2
        older = self.disk.read(page * PAGE_BYTES, PAGE_BYTES)
        fields = _META.pack(transaction, end, epoch)
        content = fields + _U64.pack(xxhash.xxh3_64_intdigest(fields))
        self.disk.overwrite(page, content + bytes(PAGE_BYTES - len(content)))
        try:
            step("log: meta written")
            self.disk.sync()
        except OSError:
            self.disk.overwrite(page, older)  # as LMDB does: the page cache must not show what may not be stable
            raise

    # --- opening ---------------------------------------------------------------------------------

    def cut_power(self) -> None:
        self.disk.cut_power()
        self.index, self._epoch, self._transaction, self._end = {}, 0, 0, _FIRST_BYTE
        self._refresh()

    def _refresh(self) -> None:
        """Follow the newest whole meta page."""
        transaction, end, self._epoch = self._newest_meta(stable=False)
        if transaction != self._transaction:
            begin = self._end if end >= self._end else _FIRST_BYTE
            self.index = (self.index if begin == self._end else {}) | self._items(begin, end, stable=False)
            self._transaction, self._end = transaction, end

    def _newest_meta(self, *, stable: bool) -> tuple[int, int, int]:
        newest = (0, _FIRST_BYTE, 0)
        for page in (0, 1):
            raw = self.disk.read(page * PAGE_BYTES, _META.size + 8, stable=stable)
            fields = raw[: _META.size]
            if _U64.unpack(raw[_META.size :])[0] == xxhash.xxh3_64_intdigest(fields):
                newest = max(newest, _META.unpack(fields))
        return newest

    def _items(self, begin: int, end: int, *, stable: bool) -> Index:
        found: Index = {}
        while begin < end:
            length = _LENGTH.unpack(self.disk.read(begin, 8, stable=stable))[0]
            assert length <= end - begin, f"{self.where}: a transaction is longer than the file"
            body = self.disk.read(begin, 8 + length, stable=stable)
            at = 8
            while at < 8 + length:
                *key, size = _ITEM.unpack_from(body, at)
                found[tuple(key)] = (begin + at + _ITEM.size, size)
                at += _ITEM.size + size
            begin += -(-at // PAGE_BYTES) * PAGE_BYTES
        return found

    def survivors(self) -> Index:
        """What is left for certain if the power goes now."""
        _, end, _ = self._newest_meta(stable=True)
        return self._items(_FIRST_BYTE, end, stable=True)

    # --- reading: what is committed; the reading half of ports.Log and of queries.RecordSource -----

    def value(self, key: Key) -> bytes | None:
        place = self.index.get(key)
        return None if place is None else self.disk.read(*place)

    def read(self, sequence: int, part: int) -> Record | None:
        raw = self.value((RECORD, sequence, part))
        where = f"{self.where}, record {sequence} part {part}"
        return None if raw is None else parse(raw, where, place=(sequence, part))

    def read_documents(self, sequence: int) -> Record | None:
        raw = self.value((DOCUMENTS, sequence, 0))
        return None if raw is None else parse(raw, f"{self.where}, documents {sequence}", place=(sequence, 0))

    def document(self, sequence: int, row: int) -> dict[str, Any] | None:
        record = self.read_documents(sequence)
        return None if record is None else document_of(read_documents(record), row)

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        raw = self.value((BY_BATCH, shard, sequence))
        return None if raw is None else unpack_answered(raw, self.where)

    def last_sequence(self, part: int) -> int:
        return max((key[1] for key in self.index if key[0] == RECORD and key[2] == part), default=0)

    def tail(self, at: int | None = None) -> LogTail:
        tail = LogTail.empty(self.part_count)
        for kind, sequence, part in self.index:
            if kind == RECORD and (at is None or sequence <= at) and sequence > tail.last[part]:
                tail.last[part] = sequence
        for part, sequence in enumerate(tail.last):
            if sequence:
                tail.chains[part] = chain_of(self.value((RECORD, sequence, part)) or b"")
        return tail

    def chains_at(self, sequence: int) -> list[int]:
        return self.tail(sequence).chains

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        last = [from_sequence - 1] * self.part_count
        tail = LogTail(last, self.chains_at(from_sequence - 1) if chains is None else chains)
        keys = sorted(key[1:] for key in self.index if key[0] == RECORD and key[1] >= from_sequence)
        for sequence, part in keys:
            yield sequence, part, tail.follow(sequence, part, self.value((RECORD, sequence, part)) or b"", self.where)


class SimulatedLog:
    """Satisfies ``ports.Log`` for one incarnation of an owner: group commit, and fenced after the first fault."""

    def __init__(self, process: Process, store: Store, step: Step) -> None:
        """Takes the log over; raises OSError when the disk does not let it."""
        self._process = process
        self._store = store
        self._step = step
        self.epoch = store.take_over(process, step)
        self._tail = store.tail()
        for part, sequence in enumerate(self._tail.last):  # read whole, as records to come are chained to them
            store.read(sequence, part)
        self._queue: list[list[Item]] = []
        self._appended = 0
        self._durable = 0
        self._fenced: str | None = None
        self._work = Signal(process.scheduler)
        self._done = Signal(process.scheduler)
        process.spawn(self._run)

    def append(
        self,
        sequence: int,
        part: int,
        record: bytearray,
        documents: Bytes | None = None,
        by_batch: AskedBy | None = None,
    ) -> int:
        self._refuse_when_fenced()
        self._tail.seal(sequence, part, record, self.epoch)
        items: list[Item] = [((RECORD, sequence, part), bytes(record))]
        if documents is not None:
            items.append(((DOCUMENTS, sequence, 0), bytes(frame_documents(sequence, documents))))
        if by_batch is not None:
            entry = pack_answered(sequence, by_batch.digest)
            items.append(((BY_BATCH, by_batch.shard, by_batch.sequence), entry))
        return self._enqueue(items)

    def wait(self, ticket: int) -> None:
        assert 0 < ticket <= self._appended, "this ticket is not from this log"
        self._done.wait_for(lambda: self._durable >= ticket or self._fenced is not None)
        if self._durable < ticket:
            self._refuse_when_fenced()

    def erase_document(self, sequence: int, row: int) -> bool:
        record = self.read_documents(sequence)
        if record is None:
            return False
        self._refuse_when_fenced()
        self.wait(self._enqueue([((DOCUMENTS, sequence, 0), bytes(erase_row(record, row)))]))
        return True

    def read(self, sequence: int, part: int) -> Record | None:
        return self._store.read(sequence, part)

    def read_documents(self, sequence: int) -> Record | None:
        return self._store.read_documents(sequence)

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        return self._store.find_batch(shard, sequence)

    def last_sequence(self, part: int) -> int:
        return self._store.last_sequence(part)

    def chains_at(self, sequence: int) -> list[int]:
        return self._store.chains_at(sequence)

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        return self._store.iterate(from_sequence, chains)

    def _enqueue(self, items: list[Item]) -> int:
        self._queue.append(items)
        self._appended += 1
        self._work.notify()
        return self._appended

    def _run(self) -> None:
        """The commit task: whatever was appended while a commit was under way goes into the next one."""
        while self._fenced is None:
            self._work.wait_for(lambda: bool(self._queue))
            group, self._queue = self._queue, []
            try:
                self._store.commit(self._process, [item for items in group for item in items], self.epoch, self._step)
                self._durable += len(group)
            except (OSError, LogFenced) as fault:
                self._fenced = str(fault)
            self._done.notify()

    def _refuse_when_fenced(self) -> None:
        if self._fenced is not None:
            raise LogFenced(self._fenced)
