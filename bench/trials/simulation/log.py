"""A log on a simulated disk, laid out like LMDB as far as crashes can tell (``layout.py``).

A commit writes its pages behind everything older, syncs, writes the other meta page, syncs. ``Store`` is the file with
its committed index, which readers share; ``SimulatedLog`` is the owner's side with the commit task, and satisfies
``router.ports.Log``. Record frames, chains and checksums are those of the router.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.trials.simulation.disk import PAGE_BYTES, Disk
from bench.trials.simulation.layout import (
    BY_BATCH,
    BY_NUMBER,
    DOCUMENTS,
    FIRST_BYTE,
    RECORD,
    Index,
    Item,
    Key,
    Meta,
    index_of,
    meta_page,
    newest_meta,
    transaction_pages,
)
from bench.trials.simulation.scheduler import Process, Scheduler, Signal
from router.arrow.arrays import Bytes
from router.log.documents import document_of
from router.log.heads import Head, head_of
from router.log.number_runs import RUN_KEY_BYTES, Run, run_of
from router.log.questions import Answered, AskedBy, pack_answered, unpack_answered
from router.log.records import LogFenced, Record, chain_of, erase_row, frame_documents, parse, read_documents
from router.log.tail import LogTail

Step = Callable[[str], None]


class Store:
    """The file of one owner and what is committed in it."""

    def __init__(self, disk: Disk, part_count: int, scheduler: Scheduler, news: Signal) -> None:
        """``news`` is told of every commit, as readers are that look at the end of the log."""
        self.disk = disk
        self.part_count = part_count
        self.where = disk.name
        self.index: Index = {}
        self._meta = Meta()  # its epoch: of the owner that opened it last
        self._free = Signal(scheduler)
        self._news = news
        self._writer: Process | None = None

    # --- writing ---------------------------------------------------------------------------------

    def commit(self, writer: Process, items: Sequence[Item], epoch: int, step: Step) -> None:
        """One transaction; raises OSError or LogFenced when it did not become durable."""
        with self._writing(writer):
            self._refuse(items, epoch)
            self._write(items, epoch, step)

    def take_over(self, writer: Process, step: Step) -> int:
        """Raise the epoch, so that every earlier owner's next commit fails; returns the new one."""
        with self._writing(writer):
            epoch = self._meta.epoch + 1
            self._refuse([], self._meta.epoch)
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
        if epoch != self._meta.epoch:
            raise LogFenced(f"{self.where}: another process has taken this log over; this one must end")
        for key, _ in items:
            if key in self.index and key[0] != DOCUMENTS:
                raise LogFenced(f"{self.where}: key {key} is already in the log; this process must end")

    def _write(self, items: Sequence[Item], epoch: int, step: Step) -> None:
        pages, begin = list(transaction_pages(items)), self._meta.end
        step("log: writing")
        for number, page in enumerate(pages, begin // PAGE_BYTES):
            self.disk.write(number, page)
        step("log: written")
        self.disk.sync()
        step("log: pages synced")
        self._write_meta(Meta(self._meta.transaction + 1, begin + len(pages) * PAGE_BYTES, epoch), step)
        self._refresh()
        self._news.notify()

    def _write_meta(self, meta: Meta, step: Step) -> None:
        older = self.disk.read(meta.page * PAGE_BYTES, PAGE_BYTES)
        self.disk.overwrite(meta.page, meta_page(meta))
        try:
            step("log: meta written")
            self.disk.sync()
        except OSError:
            self.disk.overwrite(meta.page, older)  # as LMDB does: the page cache must not show what may not be stable
            raise

    # --- opening ---------------------------------------------------------------------------------

    def cut_power(self) -> None:
        self.disk.cut_power()
        self.index, self._meta = {}, Meta()
        self._refresh()

    def _refresh(self) -> None:
        """Follow the newest whole meta page."""
        before, self._meta = self._meta, newest_meta(self.disk, stable=False)
        if self._meta.transaction != before.transaction:
            goes_on = self._meta.end >= before.end
            begin = before.end if goes_on else FIRST_BYTE
            self.index = (self.index if goes_on else {}) | index_of(self.disk, begin, self._meta.end, stable=False)

    def survivors(self) -> Index:
        """What is left for certain if the power goes now."""
        return index_of(self.disk, FIRST_BYTE, newest_meta(self.disk, stable=True).end, stable=True)

    # --- reading: what is committed; ports.ReadableLog, queries.RecordSource and StreamSource

    def value(self, key: Key) -> bytes | None:
        place = self.index.get(key)
        return None if place is None else self.disk.read(*place)

    def read(self, sequence: int, part: int) -> Record | None:
        raw = self.value((RECORD, sequence, part))
        where = f"{self.where}, record {sequence} part {part}"
        return None if raw is None else parse(raw, where, place=(sequence, part))

    def head(self, sequence: int, part: int) -> Head | None:
        raw = self.value((RECORD, sequence, part))
        return None if raw is None else head_of(raw)

    def read_documents(self, sequence: int) -> Record | None:
        raw = self.value((DOCUMENTS, sequence, 0))
        return None if raw is None else parse(raw, f"{self.where}, documents {sequence}", place=(sequence, 0))

    def document(self, sequence: int, row: int) -> dict[str, Any] | None:
        record = self.read_documents(sequence)
        return None if record is None else document_of(read_documents(record), row)

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        raw = self.value((BY_BATCH, shard, sequence))
        return None if raw is None else unpack_answered(raw, self.where)

    def find_run(self, seller: str, series: int, number: int) -> Run | None:
        entries = (self.value(key) or b"" for key in self.index if key[0] == BY_NUMBER)
        runs = (run_of(seller, series, entry[:RUN_KEY_BYTES], entry[RUN_KEY_BYTES:]) for entry in entries)
        return next((run for run in runs if run is not None and run.has(number)), None)

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
        runs: Sequence[Run] = (),
    ) -> int:
        self._refuse_when_fenced()
        self._tail.seal(sequence, part, record, self.epoch)
        items: list[Item] = [((RECORD, sequence, part), bytes(record))]
        if documents is not None:
            items.append(((DOCUMENTS, sequence, 0), bytes(frame_documents(sequence, documents))))
        if by_batch is not None:
            entry = pack_answered(sequence, by_batch.digest)
            items.append(((BY_BATCH, by_batch.shard, by_batch.sequence), entry))
        items += [((BY_NUMBER, run.record, at), run.key + run.value) for at, run in enumerate(runs)]
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

    def find_run(self, seller: str, series: int, number: int) -> Run | None:
        return self._store.find_run(seller, series, number)

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
