"""Arenas whose blocks other processes on this machine map: files in a folder, normally below /dev/shm.

    FOLDER/directory     which block is in which file; replaced whole by a rename, so readers see all of it or the old
    FOLDER/NAME.SERIAL   one block; only ever made longer, unlinked when replaced

A file that somebody may have mapped is never truncated: shortening it would end its readers with SIGBUS. A restarted
owner begins a new generation and unlinks the files of the old one; readers keep their pages until they look again.
Pages are allocated before they are handed out, so a full /dev/shm is a sentence here and not a SIGBUS in a kernel.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pathlib
import shutil
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from actors.store.private import FILE_MODE, create_file, make_folder
from router.errors import Misconfigured

U8 = npt.NDArray[np.uint8]

_DIRECTORY = "directory"
_READ_TRIES = 100
_ROOM = 1 << 30  # of address space for a block that grows
_OWN = mmap.PROT_READ | mmap.PROT_WRITE
_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE of Linux 5.14 and later


class _Entry(msgspec.Struct, frozen=True):
    file: str
    nbytes: int  # length of the file; what the owner asked for may be less


class _Directory(msgspec.Struct):
    generation: int = 0
    serial: int = 0  # raised by every change, over all generations; also the file's modification time in ns
    blocks: dict[str, _Entry] = {}


def _load(folder: pathlib.Path) -> _Directory:
    try:
        return msgspec.json.decode((folder / _DIRECTORY).read_bytes(), type=_Directory)
    except FileNotFoundError:
        return _Directory()


@dataclass
class _Block:
    file: str
    descriptor: int
    mapping: mmap.mmap  # the file is sparse beyond ``used``
    memory: U8  # all of the mapping
    used: int

    def map_pages(self, first: int) -> None:
        """Those from a place to ``used``, at once: else each is a fault in a kernel, while a shard stands."""
        page = first - first % mmap.PAGESIZE
        with contextlib.suppress(OSError):  # an older Linux: then they are faults
            self.mapping.madvise(_POPULATE_WRITE, page, self.used - page)


class SharedArena:
    """The owner's side; satisfies ``router/arrow/arena.py`` Arena. One owner a folder: the caller holds a lock."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        make_folder(folder)
        before = _load(folder)
        self._serial = before.serial
        self.generation = before.generation + 1
        self._blocks: dict[str, _Block] = {}
        self._publish()
        for stale in folder.iterdir():
            if stale.name != _DIRECTORY:
                stale.unlink()

    def allocate(self, name: str, nbytes: int) -> U8:
        file = f"{name}.{self._serial + 1}"
        descriptor = os.open(self._folder / file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            self._fill(descriptor, 0, nbytes)
        except Misconfigured:
            os.close(descriptor)
            (self._folder / file).unlink()
            raise
        replaced = self._blocks.get(name)
        block = self._blocks[name] = _Block(file, descriptor, *_map(descriptor, nbytes, _OWN), nbytes)
        block.map_pages(0)
        self._publish()
        if replaced is not None:
            os.close(replaced.descriptor)
            (self._folder / replaced.file).unlink()
        return block.memory[:nbytes]

    def extend(self, name: str, nbytes: int) -> U8:
        block = self._blocks[name]
        assert nbytes >= block.used, "a block only grows"
        self._fill(block.descriptor, block.used, nbytes)
        before, block.used = block.used, nbytes
        if nbytes > block.memory.size:  # address space is free; mapping again makes every page fault once more
            mapped = max(2 * nbytes, _ROOM)
            os.ftruncate(block.descriptor, mapped)
            block.mapping, block.memory = _map(block.descriptor, mapped, _OWN)
            before = 0
            self._publish()
        block.map_pages(before)
        return block.memory[:nbytes]

    def _fill(self, descriptor: int, first: int, last: int) -> None:
        """Give the file real, zeroed pages between two places."""
        if first == last:
            return
        try:
            os.posix_fallocate(descriptor, first, last - first)
        except OSError as error:
            raise Misconfigured(
                f"No room for {last - first} more bytes of shared memory in {self._folder}: {error.strerror}. "
                "Make /dev/shm larger (in a container: --shm-size) or store fewer orders on this machine."
            ) from error

    def _publish(self) -> None:
        """Replace the directory by one that says what is there now."""
        assert _load(self._folder).serial == self._serial, "another owner uses this folder"
        self._serial += 1
        entries = {name: _Entry(block.file, block.memory.size) for name, block in self._blocks.items()}
        fresh = self._folder / f"{_DIRECTORY}.new"
        with open(create_file(fresh), "wb") as file:
            file.write(msgspec.json.encode(_Directory(self.generation, self._serial, entries)))
        os.utime(fresh, ns=(self._serial, self._serial))
        fresh.replace(self._folder / _DIRECTORY)

    def remove(self) -> None:
        """Delete the folder; arrays and readers keep the pages they have mapped until they let go of them."""
        for block in self._blocks.values():
            os.close(block.descriptor)
        self._blocks.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


class SharedArenaReader:
    """Read-only views of another process's arena; satisfies ``router/arrow/arena.py`` ArenaReader."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._directory = _Directory()
        self._maps: dict[_Entry, U8] = {}

    @property
    def generation(self) -> int:
        """Which start of the owner the last look found, 0 = none yet."""
        return self._directory.generation

    def version(self) -> int:
        """Serial of the newest directory; 0 while there is none. Costs one system call."""
        try:
            serial = os.stat(self._folder / _DIRECTORY).st_mtime_ns
        except FileNotFoundError:
            serial = 0
        if serial != self._directory.serial:
            self._directory = _load(self._folder)
            known = set(self._directory.blocks.values())
            self._maps = {entry: memory for entry, memory in self._maps.items() if entry in known}
        return self._directory.serial

    def view(self, name: str) -> U8 | None:
        for _ in range(_READ_TRIES):
            self.version()
            entry = self._directory.blocks.get(name)
            if entry is None:
                return None
            memory = self._map(entry)
            if memory is not None:
                return memory
        return None

    def _map(self, entry: _Entry) -> U8 | None:
        """The block of an entry; None when its owner replaced it since the directory was read."""
        if entry not in self._maps:
            try:
                descriptor = os.open(self._folder / entry.file, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            try:
                _, self._maps[entry] = _map(descriptor, entry.nbytes, mmap.PROT_READ)
            finally:
                os.close(descriptor)
        return self._maps[entry]


def _map(descriptor: int, nbytes: int, protection: int) -> tuple[mmap.mmap, U8]:
    """A file, and an array over it; it stays mapped for as long as one of them is referred to."""
    mapping = mmap.mmap(descriptor, nbytes, mmap.MAP_SHARED, protection)
    return mapping, np.frombuffer(mapping, np.uint8)
