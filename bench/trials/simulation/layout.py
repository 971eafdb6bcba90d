"""Bytes of the simulated log's file, on pages like LMDB's as far as crashes can tell.

    page 0, 1    meta pages, written in turn: transaction, end of the file, epoch, checksum
    page 2 ...   transactions, each from a page boundary on: length, then items (kind, key, length, value)

Of the meta pages the newest whole one holds; a torn one leaves the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import xxhash

from bench.trials.simulation.disk import PAGE_BYTES, Disk

_META = struct.Struct("<QQQ")
_ITEM = struct.Struct("<BQQI")
_LENGTH = struct.Struct("<Q")
_U64 = struct.Struct("<Q")
RECORD, DOCUMENTS, BY_BATCH, BY_NUMBER = range(4)
FIRST_BYTE = 2 * PAGE_BYTES  # of the transactions

Key = tuple[int, int, int]  # kind, then sequence and part, or 0, or which of its runs; or shard and its sequence
Item = tuple[Key, bytes]
Index = dict[Key, tuple[int, int]]  # place and length of the value


class Meta(NamedTuple):
    transaction: int = 0
    end: int = FIRST_BYTE  # bytes of the file in use
    epoch: int = 0

    @property
    def page(self) -> int:
        return self.transaction % 2


def meta_page(meta: Meta) -> bytes:
    fields = _META.pack(*meta)
    return (fields + _U64.pack(xxhash.xxh3_64_intdigest(fields))).ljust(PAGE_BYTES, b"\0")


def newest_meta(disk: Disk, *, stable: bool) -> Meta:
    """Of the whole meta pages; ``stable``: as a power cut would leave them."""
    newest = Meta()
    for page in (0, 1):
        raw = disk.read(page * PAGE_BYTES, _META.size + 8, stable=stable)
        fields = raw[: _META.size]
        if _U64.unpack(raw[_META.size :])[0] == xxhash.xxh3_64_intdigest(fields):
            newest = max(newest, Meta(*_META.unpack(fields)))
    return newest


def transaction_pages(items: Sequence[Item]) -> Iterator[bytes]:
    body = b"".join(_ITEM.pack(*key, len(value)) + value for key, value in items)
    content = _LENGTH.pack(len(body)) + body
    for begin in range(0, len(content), PAGE_BYTES):
        yield content[begin : begin + PAGE_BYTES].ljust(PAGE_BYTES, b"\0")


def index_of(disk: Disk, begin: int, end: int, *, stable: bool) -> Index:
    """Items of the transactions between two bytes."""
    found: Index = {}
    while begin < end:
        length = _LENGTH.unpack(disk.read(begin, 8, stable=stable))[0]
        assert length <= end - begin, f"{disk.name}: a transaction is longer than the file"
        body = disk.read(begin, 8 + length, stable=stable)
        at = 8
        while at < 8 + length:
            *key, size = _ITEM.unpack_from(body, at)
            found[tuple(key)] = (begin + at + _ITEM.size, size)
            at += _ITEM.size + size
        begin += -(-at // PAGE_BYTES) * PAGE_BYTES
    return found


def pack_sequence(sequence: int) -> bytes:
    return _U64.pack(sequence)


def unpack_sequence(value: bytes) -> int:
    return int(_U64.unpack(value)[0])
