"""Messages of an Arrow IPC stream, cut out of a body as it arrives and measured before Arrow sees them.

    message = FF FF FF FF | metadata size (int32) | metadata (flatbuffer) | body
    end     = FF FF FF FF | 0

Of the metadata only the few numbers that bound memory are read here, each with its place checked: message
type and body length, whether a dictionary grows, and the sizes that compressed buffers claim to have.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

from router.wire.batch import WireError

SCHEMA, DICTIONARY, RECORD_BATCH = 1, 2, 3
METADATA_BYTES_MAX = 1 << 20

_CONTINUATION = b"\xff\xff\xff\xff"
_HEAD_BYTES = 8

# Slots of the flatbuffer tables, in the order of Arrow's Message.fbs.
_MESSAGE_TYPE, _MESSAGE_HEADER, _MESSAGE_BODY_BYTES = 1, 2, 3
_BATCH_BUFFERS, _BATCH_COMPRESSION = 2, 3
_DICTIONARY_ID, _DICTIONARY_BATCH, _DICTIONARY_IS_DELTA = 0, 1, 2


def damaged(what: str) -> WireError:
    return WireError("arrow_damaged", f"the Arrow stream is damaged: {what}; write it with a current Arrow library")


@dataclass(frozen=True)
class Message:
    kind: int
    raw: bytes  # head, metadata and body, as they came
    body_at: int
    dictionary: int  # id, -1 for other kinds
    is_delta: bool


class FrameCutter:
    """Bytes in, whole messages out; holds at most one message and one chunk."""

    def __init__(self, body_bytes_max: int) -> None:
        self._max = body_bytes_max
        self._chunks: deque[bytes | memoryview] = deque()
        self._have = 0
        self._want = _HEAD_BYTES
        self.ended = False

    @property
    def is_between_messages(self) -> bool:
        return not self._have

    def feed(self, chunk: bytes) -> None:
        if chunk:
            self._chunks.append(chunk)
            self._have += len(chunk)

    def next(self) -> Message | None:
        """The next whole message, None when more bytes are needed or the stream has ended."""
        while not self.ended and self._have >= self._want:
            start = self._peek(_HEAD_BYTES)
            metadata_bytes = _metadata_bytes(start)
            if not metadata_bytes:
                self.ended = True
                return None
            body_at = _HEAD_BYTES + metadata_bytes
            if self._have < body_at:
                self._want = body_at
                return None
            table = _Table.root(memoryview(self._peek(body_at))[_HEAD_BYTES:body_at])
            size = body_at + self._body_bytes(table)
            if self._have >= size:
                return self._take(size, body_at, table)
            self._want = size
        return None

    def _peek(self, size: int) -> bytes | memoryview:
        """So many bytes or more; only what begins a message is looked at before all of it is there."""
        if len(self._chunks[0]) < size:
            self._chunks = deque([b"".join(self._chunks)])
        return self._chunks[0]

    def _take(self, size: int, body_at: int, table: _Table) -> Message:
        pieces, wanted = [], size
        while wanted:
            chunk = memoryview(self._chunks.popleft())
            pieces.append(chunk[:wanted])
            if len(chunk) > wanted:
                self._chunks.appendleft(chunk[wanted:])
            wanted -= len(pieces[-1])
        raw = b"".join(pieces)  # a copy: Arrow wants bodies aligned, and the rest need not stay alive
        self._have -= size
        self._want = _HEAD_BYTES
        return _measured(raw, body_at, table, self._max)

    def _body_bytes(self, table: _Table) -> int:
        size = table.int64(_MESSAGE_BODY_BYTES)
        if size < 0:
            raise damaged("a message has a negative length")
        if size > self._max:
            raise WireError(
                "arrow_too_large",
                f"a message has {size} bytes, at most {self._max} are taken; send smaller record batches",
            )
        return size


def _metadata_bytes(start: bytes | memoryview) -> int:
    if start[:4] != _CONTINUATION:
        raise damaged("a message does not begin with the marker FF FF FF FF")
    size = int(struct.unpack_from("<i", start, 4)[0])
    if size < 0 or size > METADATA_BYTES_MAX:
        raise damaged(f"a message claims {size} bytes of metadata")
    return size


def _measured(raw: bytes, body_at: int, table: _Table, bytes_max: int) -> Message:
    kind = table.uint8(_MESSAGE_TYPE)
    dictionary, is_delta = -1, False
    header = table.table(_MESSAGE_HEADER)
    if kind == DICTIONARY:
        dictionary, is_delta = header.int64(_DICTIONARY_ID), bool(header.uint8(_DICTIONARY_IS_DELTA))
        header = header.table(_DICTIONARY_BATCH)
    if kind in (DICTIONARY, RECORD_BATCH) and header.has(_BATCH_COMPRESSION):
        size = _unpacked_bytes(raw, body_at, header)
        if size > bytes_max:
            raise WireError(
                "arrow_too_large",
                f"a message unpacks to {size} bytes, at most {bytes_max} are taken; "
                "send smaller record batches or no compression",
            )
    return Message(kind, raw, body_at, dictionary, is_delta)


def _unpacked_bytes(raw: bytes, body_at: int, batch: _Table) -> int:
    """What the buffers of a compressed batch claim to unpack to; Arrow itself holds them to it."""
    total = 0
    for offset, length in batch.pairs_of_int64(_BATCH_BUFFERS):
        if length == 0:
            continue
        if offset < 0 or length < 8 or body_at + offset + 8 > len(raw):
            raise damaged("a compressed buffer lies outside its message")
        size = int(struct.unpack_from("<q", raw, body_at + offset)[0])
        if size < -1:
            raise damaged("a compressed buffer has a negative size")
        total += length if size == -1 else size
    return total


class _Table:
    """A flatbuffer table; every read is checked against the metadata's end."""

    def __init__(self, metadata: memoryview, at: int) -> None:
        self._metadata = metadata
        self._at = at
        self._slots = at - self._read("<i", at)
        self._slots_bytes = self._read("<H", self._slots)

    @classmethod
    def root(cls, metadata: memoryview) -> _Table:
        if len(metadata) < 4:
            raise damaged("a message has no metadata")
        return cls(metadata, int(struct.unpack_from("<I", metadata, 0)[0]))

    def _read(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self._metadata):
            raise damaged("metadata points outside itself")
        return int(struct.unpack_from(form, self._metadata, at)[0])

    def _place(self, slot: int) -> int:
        """Where a field lies, 0 when it is absent."""
        at = 4 + 2 * slot
        offset = self._read("<H", self._slots + at) if at + 2 <= self._slots_bytes else 0
        return self._at + offset if offset else 0

    def has(self, slot: int) -> bool:
        return self._place(slot) != 0

    def uint8(self, slot: int) -> int:
        place = self._place(slot)
        return self._read("<B", place) if place else 0

    def int64(self, slot: int) -> int:
        place = self._place(slot)
        return self._read("<q", place) if place else 0

    def table(self, slot: int) -> _Table:
        place = self._place(slot)
        if not place:
            raise damaged("a message has no header")
        return _Table(self._metadata, place + self._read("<I", place))

    def pairs_of_int64(self, slot: int) -> list[tuple[int, int]]:
        place = self._place(slot)
        if not place:
            return []
        vector = place + self._read("<I", place)
        count = self._read("<I", vector)
        if vector + 4 + 16 * count > len(self._metadata):
            raise damaged("metadata points outside itself")
        return list(struct.iter_unpack("<qq", self._metadata[vector + 4 : vector + 4 + 16 * count]))
