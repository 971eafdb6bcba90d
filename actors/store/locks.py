"""One owner per folder: an advisory lock that the kernel drops when its owner dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import pathlib
import time

from actors.store.private import open_file
from router.errors import Misconfigured

_LOOK_EVERY_S = 0.05


class FolderInUse(Misconfigured):
    """Another process owns this folder."""


def owner_of(folder: pathlib.Path) -> int | None:
    """The process that owns a folder now, as it wrote itself down; None where nobody does."""
    try:
        file = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.pread(file, 32, 0).strip()
        return int(written) if written.isdigit() else None
    finally:
        os.close(file)
    return None


class FolderLock:
    """Holds ``folder/lock`` for as long as the object is open; the file names its owner for people."""

    def __init__(self, folder: pathlib.Path, patience_s: float = 0.0) -> None:
        """``patience_s``: how long an owner that is ending may take to let go."""
        path = folder / "lock"
        self._file = open_file(path)
        deadline_s = time.monotonic() + patience_s
        while not self._taken():
            if time.monotonic() >= deadline_s:
                owner = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
                os.close(self._file)
                raise FolderInUse(f"{folder} is in use by process {owner}; stop that process or choose another folder")
            time.sleep(_LOOK_EVERY_S)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give the folder free. The file stays: unlinking it would let two owners lock two different files."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
