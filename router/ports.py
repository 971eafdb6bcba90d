"""What the engines need from the outside world, as protocols. ``actors/`` satisfies them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Bytes = bytes | bytearray | memoryview


class Log(Protocol):
    """A durable, ordered store of framed records (``router/records.py``), two parts a sequence."""

    def append(self, sequence: int, part: int, record: Bytes, documents: Bytes | None = None) -> object:
        """Queue one record; returns a ticket for :meth:`wait`. Never blocks on the disk."""

    def wait(self, ticket: object) -> None:
        """Return when the record of the ticket is on disk; raise ``LogFenced`` when it never will be."""

    def read(self, sequence: int, part: int) -> memoryview | None:
        """The record's bytes, checksum verified, or None."""


class Arena(Protocol):
    """Growable zeroed memory that other processes on this machine may map read-only."""

    def allocate(self, name: str, nbytes: int) -> npt.NDArray[np.uint8]:
        """A zeroed, 64-byte aligned block, published under ``name``; a second call with the same name
        replaces it (readers that mapped the old block keep it until they look again)."""
