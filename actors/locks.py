"""One owner per folder: an advisory lock that the kernel drops when its owner dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import pathlib

from router.errors import Misconfigured


class FolderInUse(Misconfigured):
    """Another process owns this folder."""


class FolderLock:
    """Holds ``folder/lock`` for as long as the object is open; the file names its owner for people."""

    def __init__(self, folder: pathlib.Path) -> None:
        path = folder / "lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise FolderInUse(
                f"{folder} is in use by process {owner}; stop that process or choose another folder"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Give the folder free. The file stays: unlinking it would let two owners lock two different files."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
