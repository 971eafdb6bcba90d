"""Runs of numbers: which batch took the numbers of a seller's series, found in the log of the ledger by any of them.

An entry a batch, seller and series, whatever the number of documents, and none of it in memory: the newest entry that
begins at a number or before it has the number, or nothing has.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

_KEY = struct.Struct(">16sBQ")  # digest of the seller, series, first number
RUN_KEY_BYTES = _KEY.size
_RUN = struct.Struct("<HQQQ")  # shard, its sequence, the ledger's, how many numbers


class Run(NamedTuple):
    """Numbers of one seller and series that one batch took, one after the other."""

    seller: str
    series: int
    first: int
    how_many: int
    shard: int
    sequence: int  # of the batch in its shard
    record: int  # of the ledger

    @property
    def key(self) -> bytes:
        """Keys of a seller and series lie in the order of their numbers."""
        return run_key(self.seller, self.series, self.first)

    @property
    def value(self) -> bytes:
        return _RUN.pack(self.shard, self.sequence, self.record, self.how_many)

    def has(self, number: int) -> bool:
        return self.first <= number < self.first + self.how_many


def run_key(seller: str, series: int, number: int) -> bytes:
    digest = hashlib.blake2b(seller.encode(), digest_size=16).digest()  # as long for every name
    return _KEY.pack(digest, series, number)


def run_of(seller: str, series: int, key: bytes, value: bytes) -> Run | None:
    """What an entry says; None where it is of another seller or series."""
    first = _KEY.unpack(key)[2]
    shard, sequence, record, how_many = _RUN.unpack(value)
    found = Run(seller, series, first, how_many, shard, sequence, record)
    return found if found.key == key else None
