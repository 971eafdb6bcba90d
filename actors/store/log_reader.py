"""Reading another process's log without asking it: lock-free, and only what is durable.

Works while the owner is down, not yet up or being restarted; before a log exists it reads as empty.
"""

from __future__ import annotations

import mmap
import pathlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import lmdb

from actors.store.log_store import DATABASES_MAX, LogStore, documents_key, log_folder, refuse_short_file
from actors.store.private import FILE_MODE
from router.log.documents import document_in
from router.log.heads import Head
from router.log.number_runs import Run
from router.log.questions import Answered
from router.log.records import CHECKSUM_AT, HEADER_BYTES, Record, rows_of

_T = TypeVar("_T")
_CACHE_BYTES = 64 << 20  # an order's neighbours are in the same record; a handful of records serves a busy hour
_PARTS_OF_DOCUMENTS = -1  # stands for the part in cache keys


class LogReader:
    """Satisfies ``queries.RecordSource`` and ``router/feed/lag.py`` LagSource. May be shared by threads."""

    def __init__(self, folder: pathlib.Path, part_count: int, store: LogStore | None = None) -> None:
        self._folder = folder
        self._part_count = part_count
        self._store = store
        self._borrowed = store is not None
        self._lock = threading.RLock()
        self._cache: OrderedDict[tuple[int, int], tuple[int, Record]] = OrderedDict()
        self._cached_bytes = 0

    def read(self, sequence: int, part: int) -> Record | None:
        with self._lock:
            cached = self._cached((sequence, part))
            if cached is not None:
                return cached
            record = self._ask(lambda store: store.read(sequence, part))
            return self._keep((sequence, part), record)

    def head(self, sequence: int, part: int) -> Head | None:
        """The beginning of a record, unchecked, or None."""
        with self._lock:
            return self._ask(lambda store: store.head(sequence, part))

    def document(self, sequence: int, row: int) -> dict[str, object] | None:
        """What the channel sent for this order; None when it was erased."""
        with self._lock:
            record = self._documents(sequence)
        return None if record is None else document_in(rows_of(record), row)

    def read_documents(self, sequence: int) -> Record | None:
        """The documents of a batch, checked, or None."""
        with self._lock:
            return self._documents(sequence)

    def last_sequence(self, part: int) -> int:
        with self._lock:
            return self._ask(lambda store: store.last_sequence(part)) or 0

    def epoch(self) -> int:
        """Of the newest owner; 0 before the first."""
        with self._lock:
            return self._ask(LogStore.epoch) or 0

    def find_batch(self, shard: int, sequence: int) -> Answered | None:
        """Of a ledger's log: where the answer to a shard's batch stands."""
        with self._lock:
            return self._ask(lambda store: store.find_batch(shard, sequence))

    def find_run(self, seller: str, series: int, number: int) -> Run | None:
        """Of a ledger's log: which batch took a number of a seller's series."""
        with self._lock:
            return self._ask(lambda store: store.find_run(seller, series, number))

    def iterate(self, from_sequence: int, chains: Sequence[int] | None = None) -> Iterator[tuple[int, int, Record]]:
        """Everything durable from a sequence on, each record checked to follow the one before it."""
        with self._lock:
            store = self._opened()
        return iter(()) if store is None else store.iterate(from_sequence, chains)

    def close(self) -> None:
        with self._lock:
            if self._store is not None and not self._borrowed:
                self._store.environment.close()
            self._store = None
            self._cache.clear()

    def _documents(self, sequence: int) -> Record | None:
        """Cached only as long as the stored checksum is the same: an erasure must show at once."""
        key = (sequence, _PARTS_OF_DOCUMENTS)
        stored = self._ask(lambda store: _documents_checksum(store, sequence))
        cached = self._cached(key)
        if cached is not None and stored == _checksum(cached):
            return cached
        self._drop(key)
        return self._keep(key, self._ask(lambda store: store.read_documents(sequence)))

    def _ask(self, question: Callable[[LogStore], _T]) -> _T | None:
        store = self._opened()
        if store is None:
            return None
        try:
            return question(store)
        except lmdb.MapResizedError:  # the owner came back with a larger log_bytes_max
            store.environment.set_mapsize(0)
            return question(store)

    def _opened(self) -> LogStore | None:
        if self._store is None and _is_made(log_folder(self._folder) / "data.mdb"):
            # map_size 0 takes the owner's; read-ahead stays on because a record is one long run of pages.
            environment = lmdb.open(
                str(log_folder(self._folder)),
                map_size=0,
                max_dbs=DATABASES_MAX,
                readonly=True,
                create=False,
                mode=FILE_MODE,
            )
            try:
                refuse_short_file(environment, log_folder(self._folder))
                self._store = LogStore(environment, self._part_count, str(self._folder), create=False)
            except lmdb.NotFoundError:  # its owner is just making it
                environment.close()
            except BaseException:
                environment.close()
                raise
        return self._store

    def _cached(self, key: tuple[int, int]) -> Record | None:
        found = self._cache.get(key)
        if found is None:
            return None
        self._cache.move_to_end(key)
        return found[1]

    def _keep(self, key: tuple[int, int], record: Record | None) -> Record | None:
        if record is None:
            return None
        size = HEADER_BYTES + sum(message.nbytes for message in record.messages)
        self._cache[key] = (size, record)
        self._cached_bytes += size
        while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
            self._drop(next(iter(self._cache)))
        return record

    def _drop(self, key: tuple[int, int]) -> None:
        size, _ = self._cache.pop(key, (0, None))
        self._cached_bytes -= size


def _is_made(file: pathlib.Path) -> bool:
    """Whether the two pages are written that every LMDB file begins with."""
    return file.exists() and file.stat().st_size >= 2 * mmap.PAGESIZE


def _documents_checksum(store: LogStore, sequence: int) -> bytes | None:
    with store.environment.begin(db=store.documents, buffers=True) as reading:
        raw = reading.get(documents_key(sequence))
        return None if raw is None else bytes(raw[CHECKSUM_AT:HEADER_BYTES])


def _checksum(record: Record) -> bytes:
    return bytes(memoryview(record.messages[0].obj)[CHECKSUM_AT:HEADER_BYTES])
