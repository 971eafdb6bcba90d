"""``order-router backup`` and ``restore``: a data folder as it was at one moment, taken while a router runs on it.

the desk ─▶ checkpoints ─▶ each shard's log ─▶ the ledger's log ─▶ inputs that the ledger answered meanwhile ─▶ tables

Every log is copied as one of its transactions left it; the order makes them fit each other:

- An outcome is written after the ledger's decision is durable. The ledger is copied after the shards, so every
  outcome in the backup has its decision there.
- The ledger is asked after an input is durable. When the ledger has been copied, every input it has answered can be
  read from the living logs; those that the earlier copies lack are added to them.
- The desk has read no further than the logs went. It is copied first, so it has read no further than their copies go.
- A version of the tables is durable before a record names it. The tables are copied last.

What is left over is what a power cut at the moment of the ledger's copy would leave: inputs without an outcome. The
next start asks the ledger for them and gets the decision that was made. docs/backup.md says the same for people.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

import lmdb
import msgspec
import xxhash

from actors.care.copy_desk import copy_desk
from actors.care.reading.apart import apart
from actors.care.reading.log_check import check_structure, read_records
from actors.store.checkpoints import read_latest
from actors.store.data_folder import DataFolder, now_ms, write_durably
from actors.store.log_store import (
    DATABASES_MAX,
    EPOCH_KEY,
    LogStore,
    batch_key,
    documents_key,
    log_folder,
    log_key,
    pack_epoch,
    refuse_short_file,
)
from actors.store.private import make_folder, new_file, sync_folder, sync_folders
from actors.store.table_store import TableStore, parse_manifest
from router.errors import Damaged, Misconfigured
from router.log.records import INPUT
from router.log.tail import FIRST_SEQUENCE

FORMAT = 1
MANIFEST = "backup.json"
SMALL_FILES = ("meta.json", "config.json", "keys.json", "admin.key")
PIECE_BYTES = 1 << 20

Show = Callable[[str], None]


class CopiedFile(msgspec.Struct, frozen=True):
    path: str
    bytes: int
    xxh3: str


class Summary(msgspec.Struct, frozen=True):
    """``backup.json``: written last, so a backup without it was not finished."""

    format: int
    began_ms: int
    took_ms: int
    shards: list[int]  # newest input of each
    added: int  # inputs that came while the copies were made
    ledger: int  # newest record
    tables: int  # newest version
    cursor: str  # of the status stream, behind everything in the backup
    files: list[CopiedFile]
    checksum: str = ""  # of all of the above

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def sealed(self) -> Summary:
        plain = msgspec.structs.replace(self, checksum="")
        return msgspec.structs.replace(plain, checksum=xxhash.xxh3_128_hexdigest(msgspec.json.encode(plain)))


def backup(data: DataFolder, target: pathlib.Path, progress: Show) -> Summary:
    """Copy a folder, read the copy whole, and say what is in it."""
    data.identity()
    target = empty_target(target)
    make_folder(target)
    _refuse_when_disk_is_short(data, target)
    return apart(lambda show: _Copy(data, DataFolder(target), show).make(), progress)


class _Copy:
    def __init__(self, data: DataFolder, target: DataFolder, show: Show) -> None:
        self._data = data
        self._target = target
        self._show = show
        self._shards = range(data.identity().shards)

    def make(self) -> Summary:
        began_ms = now_ms()
        for name in SMALL_FILES:
            with contextlib.suppress(FileNotFoundError):
                copy_file(self._data.path / name, self._target.path / name)
        self._show("copying desk")
        copy_desk(self._data, self._target)
        for number in self._shards:
            self._copy_owner(self._data.shard(number), self._target.shard(number))
        self._copy_owner(self._data.ledger, self._target.ledger)
        added = sum(self._add_answered(number) for number in self._shards)
        self._show("copying tables")
        copy_tables(self._data.tables, self._target.tables)
        sync_folders(self._target.path)
        ends = [self._read_whole(self._target.shard(number), 2) for number in self._shards]
        ledger = self._read_whole(self._target.ledger, 1)
        for fault in TableStore(self._target.tables).faults():
            raise Damaged(f"{fault}; the folder itself is damaged, see `order-router doctor --data {self._data.path}`")
        summary = Summary(
            FORMAT,
            began_ms,
            now_ms() - began_ms,
            ends,
            added,
            ledger,
            TableStore(self._target.tables).current(),
            ",".join(f"{number}:{end + 1}.0" for number, end in enumerate(ends)),
            [CopiedFile(path, *_digest(self._target.path / path)) for path in self._files()],
        )
        write_durably(self._target.path / MANIFEST, msgspec.json.encode(summary.sealed))
        return summary.sealed

    def _copy_owner(self, owner: pathlib.Path, target: pathlib.Path) -> None:
        self._show(f"copying {owner.name}")
        make_folder(target)
        make_folder(log_folder(target))
        _copy_newest_checkpoint(owner, target)
        if (log_folder(owner) / "data.mdb").exists():
            with _opened(log_folder(owner), living=True) as living, new_file(log_folder(target) / "data.mdb") as copy:
                living.copyfd(copy.fileno(), compact=True)

    def _add_answered(self, number: int) -> int:
        """Inputs of a shard that the ledger's copy answers and the shard's copy does not have yet."""
        answered = self._newest_answered(number)
        target = log_folder(self._target.shard(number))
        if not answered:
            return 0
        with _opened(log_folder(self._data.shard(number)), living=True) as living:
            source = LogStore(living, 2, str(self._data.shard(number)), create=False)
            with _opened(target, living=False, map_size=living.info()["map_size"]) as copied:
                added = _add_inputs(source, LogStore(copied, 2, str(target), create=True), answered)
        _sync(target / "data.mdb")
        return added

    def _newest_answered(self, number: int) -> int:
        """Newest sequence of a shard that the ledger's copy has an answer for; 0 = none."""
        if not (log_folder(self._target.ledger) / "data.mdb").exists():
            return 0
        with _opened(log_folder(self._target.ledger), living=False) as copied:
            by_batch = LogStore(copied, 1, "", create=False).by_batch
            with copied.begin(db=by_batch) as reading, reading.cursor() as cursor:
                there = cursor.prev() if cursor.set_range(batch_key(number + 1, 0)) else cursor.last()
                shard = int.from_bytes(cursor.key()[:2], "big") if there else -1
                return int.from_bytes(cursor.key()[2:], "big") if shard == number else 0

    def _read_whole(self, owner: pathlib.Path, part_count: int) -> int:
        """Read a copied log as a restore will find it; returns its newest sequence."""
        self._show(f"reading the copy of {owner.name}")
        if check_structure(owner) is None:
            return FIRST_SEQUENCE - 1
        with _opened(log_folder(owner), living=False) as copied:
            store = LogStore(copied, part_count, f"the copy of {owner.name}", create=False)
            read_records(store)
            return store.last_sequence(INPUT)

    def _files(self) -> list[str]:
        found = (path for path in sorted(self._target.path.rglob("*")) if path.is_file())
        return [str(path.relative_to(self._target.path)) for path in found]


def _add_inputs(source: LogStore, copy: LogStore, last: int) -> int:
    """Part 0 and documents from the end of the copy to ``last``, each record checked to follow the one before it."""
    tail = copy.tail()
    first = tail.last[INPUT] + 1
    for sequence in range(first, last + 1):
        with source.environment.begin() as reading:
            record = reading.get(log_key(sequence, INPUT), db=source.log)
            documents = reading.get(documents_key(sequence), db=source.documents)
        if record is None:
            raise Damaged(f"{source.where}: record {sequence} was answered by the ledger and is not in the log")
        tail.follow(sequence, INPUT, record, source.where)
        with copy.environment.begin(write=True) as writing:
            writing.put(log_key(sequence, INPUT), record, db=copy.log)
            if documents is not None:
                writing.put(documents_key(sequence), documents, db=copy.documents)
            # The owner may have started anew meanwhile.
            writing.put(EPOCH_KEY, pack_epoch(source.epoch()), db=copy.meta)
    return max(0, last + 1 - first)


def copy_tables(source: pathlib.Path, target: pathlib.Path) -> None:
    """A file that the manifest names never changes; the manifest is replaced in one step."""
    make_folder(target)
    manifest = source / "manifest.json"
    if not manifest.exists():
        return
    content = manifest.read_bytes()
    for name in sorted(parse_manifest(content, manifest).files):
        copy_file(source / name, target / name)
    write_durably(target / manifest.name, content)


def _copy_newest_checkpoint(owner: pathlib.Path, target: pathlib.Path) -> None:
    """Before the log is copied, so that the copy goes at least as far. Only a convenience: the log has it all."""
    files = sorted(owner.glob("checkpoint-*.bin"), key=lambda path: path.stat().st_mtime_ns)
    for path in files[-1:]:
        with contextlib.suppress(FileNotFoundError):  # a newer one took its place just now
            copy_file(path, target / path.name)
        if read_latest(target)[0] is None:
            (target / path.name).unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(folder: pathlib.Path, *, living: bool, map_size: int = 0) -> Iterator[lmdb.Environment]:
    """A log to read; a living one with its lock file, so that its owner keeps the pages that are being read.

    With ``map_size`` a copy to add to, synced by the caller.
    """
    adding = bool(map_size)
    environment = lmdb.open(
        str(folder),
        map_size=map_size,
        max_dbs=DATABASES_MAX,
        readonly=not adding,
        create=False,
        lock=living,
        sync=not adding,
    )
    try:
        refuse_short_file(environment, folder)
        yield environment
    finally:
        environment.close()


def empty_target(target: pathlib.Path) -> pathlib.Path:
    target = target.resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise Misconfigured(f"{target} is there already; name a folder that is new or empty")
    return target


def _refuse_when_disk_is_short(data: DataFolder, target: pathlib.Path) -> None:
    """A copy that fills the disk would fence the very router that it is taken from."""
    files = [path for path in data.path.rglob("*") if path.is_file()]
    needed = sum(path.stat().st_size for path in files if path.name != "lock.mdb")
    disk = os.statvfs(target)
    free, kept = disk.f_bavail * disk.f_frsize, data.kept_config().log.disk_free_bytes_min
    if free < needed + kept:
        raise Misconfigured(
            f"{target} has {free:,} bytes free; the copy takes up to {needed:,} and {kept:,} have to stay free "
            "(log.disk_free_bytes_min): name a folder on another disk"
        )


def _digest(path: pathlib.Path) -> tuple[int, str]:
    digest, size = xxhash.xxh3_128(), 0
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def copy_file(source: pathlib.Path, target: pathlib.Path) -> None:
    """Into a folder that is there; durable, and for its owner only."""
    with open(source, "rb") as file, new_file(target) as copy:
        shutil.copyfileobj(file, copy, PIECE_BYTES)
    sync_folder(target.parent)


def _sync(path: pathlib.Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
