"""The durable log of one owner: appended by its engine, committed in groups by a thread of its own.

Whatever has been appended while a commit was under way goes into the next one, in one transaction and one
sync, so the cost of the disk is shared by all batches in flight. LMDB runs without ``writemap``: with it a
full disk would end the process by a signal instead of an error.

A process that owns a log should call ``sys.setswitchinterval`` with a fraction of a millisecond: the commit
thread needs the interpreter back three times a commit, and the default makes it wait 5 ms each time that
another thread is computing in Python.
"""

from __future__ import annotations

import os
import pathlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import lmdb

from actors.process.heap import keep_freed_memory
from actors.store.bell import Bell
from actors.store.locks import FolderLock
from actors.store.log_reader import LogReader
from actors.store.log_store import (
    DATABASES_MAX,
    EPOCH_KEY,
    READERS_MAX,
    LogStore,
    batch_key,
    documents_key,
    log_folder,
    log_key,
    pack_epoch,
    refuse_short_file,
    unpack_epoch,
)
from actors.store.page_cache import PageCache
from actors.store.private import FILE_MODE, make_folder, sync_folder
from router.arrow.arrays import Bytes
from router.config import LogConfig
from router.log.number_runs import Run
from router.log.questions import Answered, AskedBy, pack_answered
from router.log.records import LogFenced, Record, erase_row, frame_documents

_COMMITS_BETWEEN_READER_CHECKS = 4_096

_Put = tuple[object, bytes, Bytes, bool]  # sub-database, key, value, may replace


@dataclass
class _Group:
    """What goes into one commit."""

    entries: list[list[_Put]]
    has_news: bool  # last parts, for which readers wait


class LmdbLog:
    """Satisfies ``ports.Log`` on disk, below ``folder/log``; one owner a folder, on this machine or none."""

    def __init__(
        self,
        folder: pathlib.Path,
        config: LogConfig,
        part_count: int,
        patience_s: float = 0.0,
        bell: Bell | None = None,
    ) -> None:
        """``bell`` is rung when last parts became durable, for those who read along; it is closed with the log."""
        keep_freed_memory()
        self.folder = folder
        self._bell = bell
        self._config = config
        for made in (folder, log_folder(folder)):
            make_folder(made.resolve())  # a part may be a link of ours to another disk
        self._owner = FolderLock(folder, patience_s)
        try:
            self._environment = _open(log_folder(folder), config.log_bytes_max)
            refuse_short_file(self._environment, log_folder(folder))
            self._store = LogStore(self._environment, part_count, str(folder), create=True)
            self._tail = self._store.tail()
            self._check_ends()
        except BaseException:
            self._owner.close()
            raise
        self._cache = PageCache(log_folder(folder) / "data.mdb")
        self.epoch = self._raise_epoch()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # for the commit thread
        self._done = threading.Condition(self._lock)  # for those who wait for it
        self._queue = _Group([], False)
        self._appended = 0  # tickets given out
        self._durable = 0  # tickets whose record is on disk
        self._fenced: str | None = None
        self._closing = False
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name=f"log {folder.name}", daemon=True)
        self._thread.start()

    # --- writing -------------------------------------------------------------------------------

    def append(
        self,
        sequence: int,
        part: int,
        record: bytearray,
        documents: Bytes | None = None,
        by_batch: AskedBy | None = None,
        runs: Sequence[Run] = (),
    ) -> int:
        puts: list[_Put] = [(self._store.log, log_key(sequence, part), record, False)]
        if documents is not None:
            puts.append((self._store.documents, documents_key(sequence), frame_documents(sequence, documents), False))
        if by_batch is not None:
            entry = pack_answered(sequence, by_batch.digest)
            puts.append((self._store.by_batch, batch_key(by_batch.shard, by_batch.sequence), entry, False))
        puts += [(self._store.by_number, run.key, run.value, False) for run in runs]
        with self._lock:
            self._refuse_when_fenced()
            self._tail.seal(sequence, part, record, self.epoch)
            self._queue.has_news |= part == self._store.part_count - 1
            return self._enqueue(puts)

    def wait(self, ticket: int) -> None:
        with self._lock:
            assert ticket <= self._appended, "this ticket is not from this log"
            while self._durable < ticket and self._fenced is None:
                self._done.wait()
            if self._durable < ticket:
                self._refuse_when_fenced()

    def wait_all(self) -> None:
        """Wait for everything appended so far."""
        self.wait(self._appended)

    def erase_document(self, sequence: int, row: int) -> bool:
        record = self._store.read_documents(sequence)
        if record is None:
            return False
        with self._lock:
            self._refuse_when_fenced()
            ticket = self._enqueue([(self._store.documents, documents_key(sequence), erase_row(record, row), True)])
        self.wait(ticket)
        return True

    def close(self) -> None:
        """Commit what is queued, then give the folder free."""
        with self._lock:
            self._closing = True
            self._work.notify()
        self._thread.join()
        self._environment.close()
        self._cache.close()
        if self._bell is not None:
            self._bell.close()
        self._owner.close()

    # --- reading: only what is durable ---------------------------------------------------------

    def read(self, sequence: int, part: int) -> Record | None:
        return self._store.read(sequence, part)

    def read_documents(self, sequence: int) -> Record | None:
        return self._store.read_documents(sequence)

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        return self._store.find_batch(shard, sequence)

    def find_run(self, seller: str, series: int, number: int) -> Run | None:
        return self._store.find_run(seller, series, number)

    def first_sequence(self) -> int:
        return self._store.first_sequence()

    def last_sequence(self, part: int) -> int:
        return self._store.last_sequence(part)

    def chains_at(self, sequence: int) -> list[int]:
        return self._store.chains_at(sequence)

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        return self._store.iterate(from_sequence, chains)

    def reader(self) -> LogReader:
        """A reader inside the owner's process, where LMDB forbids to open the same environment again."""
        return LogReader(self.folder, self._store.part_count, self._store)

    @property
    def bytes_used(self) -> int:
        """Size of the log on disk, for deciding when a checkpoint is due and for metrics."""
        page = self._environment.stat()["psize"]
        return int(page * (self._environment.info()["last_pgno"] + 1))

    # --- the commit thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while (group := self._next_group()).entries:
            try:
                self._commit(group.entries)
            except Exception as error:  # whatever it was: what the disk holds now is not known, so nothing is retried
                self._fence(error)
                return
            with self._lock:
                self._durable += len(group.entries)
                self._done.notify_all()
            if group.has_news and self._bell is not None:
                self._bell.ring()

    def _next_group(self) -> _Group:
        """Everything that was appended since the last commit; empty when the log is being closed."""
        with self._lock:
            while not self._queue.entries and not self._closing:
                self._work.wait()
            group, self._queue = self._queue, _Group([], False)
            return group

    def _commit(self, group: list[list[_Put]]) -> None:
        self._refuse_when_disk_is_short(sum(len(value) for puts in group for _, _, value, _ in puts))
        with self._environment.begin(write=True) as writing:
            if writing.get(EPOCH_KEY, db=self._store.meta) != pack_epoch(self.epoch):
                raise LogFenced("another process has taken this log over; this one must end")
            for puts in group:
                for database, key, value, replace in puts:
                    written = writing.put(key, value, overwrite=replace, db=database)  # type: ignore[arg-type]
                    if not written:
                        raise LogFenced(f"key {key.hex()} is already in the log; this process must end")
        self.commits += 1
        self._cache.shrink(self.bytes_used)
        if self.commits % _COMMITS_BETWEEN_READER_CHECKS == 0:
            self._environment.reader_check()  # frees the slots of readers that died

    def _refuse_when_disk_is_short(self, coming: int) -> None:
        disk = os.statvfs(self.folder)
        free = disk.f_bavail * disk.f_frsize
        if free - coming < self._config.disk_free_bytes_min:
            raise LogFenced(
                f"the disk has {free} bytes free and log.disk_free_bytes_min keeps {self._config.disk_free_bytes_min}; "
                "make room, then start again"
            )

    def _fence(self, error: Exception) -> None:
        with self._lock:
            self._fenced = f"{self.folder}: {_in_words(error)}"
            self._queue.entries.clear()
            self._done.notify_all()

    # --- small parts, called with the lock held ------------------------------------------------

    def _enqueue(self, puts: list[_Put]) -> int:
        self._queue.entries.append(puts)
        self._appended += 1
        self._work.notify()
        return self._appended

    def _refuse_when_fenced(self) -> None:
        if self._fenced is not None:
            raise LogFenced(self._fenced)
        assert not self._closing, "this log was closed"

    def _check_ends(self) -> None:
        """Records to come are chained to the last ones, so these are read whole before anything is built on them."""
        for part, sequence in enumerate(self._tail.last):
            self._store.read(sequence, part)

    def _raise_epoch(self) -> int:
        """Make every earlier owner's next commit fail, should one still be alive."""
        with self._environment.begin(write=True, db=self._store.meta) as writing:
            stored = writing.get(EPOCH_KEY)
            epoch = 1 + (unpack_epoch(stored, str(self.folder)) if stored is not None else 0)
            writing.put(EPOCH_KEY, pack_epoch(epoch))
        return epoch


def _open(folder: pathlib.Path, map_size: int) -> lmdb.Environment:
    environment = lmdb.open(
        str(folder), map_size=map_size, max_dbs=DATABASES_MAX, max_readers=READERS_MAX, mode=FILE_MODE
    )
    environment.reader_check()
    for made in (folder, folder.parent, folder.parent.parent):  # a new file survives only with its folder's entry
        sync_folder(made)
    return environment


def _in_words(error: Exception) -> str:
    if isinstance(error, LogFenced):
        return str(error)
    if isinstance(error, lmdb.MapFullError):
        return "the log has reached log.log_bytes_max; raise it in the configuration and start again"
    return f"writing the log failed ({error}) and was not retried; check the disk, then start again"
