"""A bell: the owners of a machine's logs ring it when something became durable, readers that wait hear it.

It is a file of eight bytes below the shared folder. To ring is to write it, about a microsecond; whoever waits has
asked the kernel (inotify) to be told of writes, so owners know nothing of readers and readers ask nobody. All it says
is: look again. A reader looks for itself, and now and then without having heard anything (``SLOW_LOOK_S``). So a ring
that was lost, or is never heard on a machine that has no more inotify to give, costs a second and no more.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import select
import time

from actors.store.private import make_folder, open_file

SLOW_LOOK_S = 1.0
_IN_MODIFY = 0x2
_READ_BYTES = 1 << 12
_NO_FILE = -1


class Bell:
    """The side of those who ring; any number of processes may."""

    def __init__(self, path: pathlib.Path) -> None:
        make_folder(path.parent)
        self._file = open_file(path)

    def ring(self) -> None:
        """Never fails: who rings has more important things to do, and readers look without it, too."""
        with contextlib.suppress(OSError):
            os.pwrite(self._file, time.monotonic_ns().to_bytes(8, "little"), 0)

    def rang_within(self, seconds: float) -> bool:
        """Whether anybody rang it in the last so many seconds."""
        rung_ns = 0 if self._file == _NO_FILE else int.from_bytes(os.pread(self._file, 8, 0), "little")
        return rung_ns > 0 and time.monotonic_ns() - rung_ns <= seconds * 1e9

    def close(self) -> None:
        """It may be closed again, and is silent from then on: its number may be that of somebody else's file."""
        if self._file != _NO_FILE:
            os.close(self._file)
            self._file = _NO_FILE


class Listener:
    """The side of one process that waits. For one thread, or for an event loop that watches ``fileno``."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._libc = ctypes.CDLL(None)
        self._inotify = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._poll = select.poll()
        if self._inotify >= 0:
            self._poll.register(self._inotify, select.POLLIN)
        self._watched = _NO_FILE  # inode
        self._watch = -1
        self._follow()

    def fileno(self) -> int:
        """Readable when the bell was rung; -1 where the system gives none."""
        return self._inotify

    def wait(self, timeout_s: float) -> bool:
        """Return when the bell is rung, at the latest after so many seconds; whether it was.

        What was rung since it was last heard counts: a reader that looks before it waits misses nothing.
        """
        self._follow()
        self._poll.poll(timeout_s * 1000)
        return self.hear()

    def hear(self) -> bool:
        """Take note of what was rung so far, without waiting; whether there was anything."""
        heard = False
        with contextlib.suppress(OSError):  # nothing more to hear, or nothing to hear with
            while os.read(self._inotify, _READ_BYTES):
                heard = True
        self._follow()
        return heard

    def close(self) -> None:
        if self._inotify >= 0:
            os.close(self._inotify)
            self._inotify = -1

    def _follow(self) -> None:
        """Watch the file that has the name now: a router that is started again makes another one."""
        try:
            found = os.stat(self._path).st_ino
        except OSError:
            return
        if found != self._watched and self._inotify >= 0:
            self._libc.inotify_rm_watch(self._inotify, self._watch)
            self._watch = int(self._libc.inotify_add_watch(self._inotify, os.fsencode(self._path), _IN_MODIFY))
            self._watched = found if self._watch >= 0 else _NO_FILE
