"""Answers that the client has not taken yet: in memory up to a bound, then in an unlinked temporary file.

A client may send its whole body before it reads one answer (most HTTP libraries do). Then the socket fills
while orders still arrive; the spool takes the answers meanwhile, so that neither side waits for the other.
"""

from __future__ import annotations

import asyncio
import collections
import tempfile
from typing import IO

from router.arrow.arrays import Bytes

PIECE_BYTES = 256 << 10  # read back from the file in pieces of this size


class SpoolFull(Exception):
    """More answers wait than memory and file may hold."""


class AnswerSpool:
    """First in, first out; one writer, one reader, both on the event loop."""

    def __init__(self, memory_bytes_max: int, bytes_max: int, folder: str | None = None) -> None:
        self._memory_bytes_max = memory_bytes_max
        self._bytes_max = bytes_max
        self._folder = folder
        self._memory: collections.deque[Bytes] = collections.deque()
        self._memory_bytes = 0
        self._file: IO[bytes] | None = None
        self._file_read = 0
        self._file_written = 0
        self._ended = False
        self._news = asyncio.Event()

    @property
    def waiting_bytes(self) -> int:
        return self._memory_bytes + self._file_written - self._file_read

    @property
    def is_spent(self) -> bool:
        """Nothing waits, and nothing follows."""
        return self._ended and not self.waiting_bytes

    def put(self, answers: Bytes, *, last: bool = False) -> None:
        """Add answers in order; the ``last`` words of a stream always find room."""
        assert not self._ended, "the spool was ended"
        if not answers:
            return
        if not last and self.waiting_bytes + len(answers) > self._bytes_max:
            raise SpoolFull
        in_file = self._file_written > self._file_read
        if in_file or self._memory_bytes + len(answers) > self._memory_bytes_max and self._memory:
            self._put_in_file(answers)
        else:
            self._memory.append(answers)
            self._memory_bytes += len(answers)
        self._news.set()

    def end(self) -> None:
        """Nothing follows."""
        self._ended = True
        self._news.set()

    async def take(self) -> Bytes:
        """The next answers; empty when the end is reached."""
        while not self._memory and self._file_written == self._file_read:
            if self._ended:
                return b""
            self._news.clear()
            await self._news.wait()
        if self._memory:
            answers = self._memory.popleft()
            self._memory_bytes -= len(answers)
            return answers
        return self._take_from_file()

    def close(self) -> None:
        """Forget everything; the file vanishes with its descriptor."""
        self._memory.clear()
        self._memory_bytes = 0
        self._file_read = self._file_written = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put_in_file(self, answers: Bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  (closed in close)
        view = memoryview(answers)
        try:
            self._file.seek(self._file_written)
            while view:
                view = view[self._file.write(view) :]
        except OSError as fault:  # no room left on the disk
            raise SpoolFull from fault
        self._file_written += len(answers)

    def _take_from_file(self) -> bytes:
        assert self._file is not None
        self._file.seek(self._file_read)
        piece = self._file.read(min(PIECE_BYTES, self._file_written - self._file_read))
        self._file_read += len(piece)
        if self._file_read == self._file_written:
            self._file.truncate(0)
            self._file_read = self._file_written = 0
        return piece
