"""A file written past the system's cache, from its beginning to its end.

A checkpoint is read after a crash or never: kept in the cache it drives out what is read all day, each of its pages is
fetched and filled first (some 2 µs each on a virtual machine), and the syncs of a log wait for what is dirty of it.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import pathlib
from types import TracebackType

BLOCK_BYTES = 4 << 20  # a multiple of what any disk asks for; one write


class UnbufferedFile:
    """A new file; what is written goes out in whole blocks, the rest by :meth:`sync`. Where the file system cannot do
    without its cache, as one in memory, it is an ordinary file."""

    def __init__(self, path: pathlib.Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags | os.O_DIRECT, 0o600)
        except OSError as fault:
            if fault.errno != errno.EINVAL:
                raise
            self._descriptor = os.open(path, flags, 0o600)
        self._block = mmap.mmap(-1, BLOCK_BYTES)  # begins where a page does
        self._filled = 0
        self.written = 0

    def __enter__(self) -> UnbufferedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._block.close()

    def write(self, raw: bytes | memoryview) -> None:
        rest = memoryview(raw)
        self.written += len(rest)
        while rest:
            part = rest[: BLOCK_BYTES - self._filled]
            self._block[self._filled : self._filled + len(part)] = part
            self._filled, rest = self._filled + len(part), rest[len(part) :]
            if self._filled == BLOCK_BYTES:
                self._put_out()

    def sync(self) -> None:
        """Write what is left, which is no whole block, and make all of it durable."""
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags & ~os.O_DIRECT)
        self._put_out()
        os.fsync(self._descriptor)

    def _put_out(self) -> None:
        with memoryview(self._block) as block:
            done = 0
            while done < self._filled:
                done += os.write(self._descriptor, block[done : self._filled])
        self._filled = 0
