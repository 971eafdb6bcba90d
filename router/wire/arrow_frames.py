"""Messages of an Arrow IPC stream, cut out of a body as it arrives and measured before Arrow sees them.

    message = FF FF FF FF | metadata size (int32) | metadata (flatbuffer) | body
    end     = FF FF FF FF | 0

Of the metadata only the few numbers that bound memory are read here, each with its place checked: message
type and body length, rows, whether a dictionary grows, and the sizes that compressed buffers claim to have.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

from router.wire.batch import WireError
from router.wire.flatbuffer import Table, damaged

SCHEMA, DICTIONARY, RECORD_BATCH = 1, 2, 3
METADATA_BYTES_MAX = 1 << 20

_CONTINUATION = b"\xff\xff\xff\xff"
_HEAD_BYTES = 8

# Slots of the flatbuffer tables, in the order of Arrow's Message.fbs.
_MESSAGE_TYPE, _MESSAGE_HEADER, _MESSAGE_BODY_BYTES = 1, 2, 3
_BATCH_LENGTH, _BATCH_BUFFERS, _BATCH_COMPRESSION = 0, 2, 3
_DICTIONARY_ID, _DICTIONARY_BATCH, _DICTIONARY_IS_DELTA = 0, 1, 2


@dataclass(frozen=True)
class Message:
    """One message. The values of a dictionary lie in it as the only column of a record batch, and are read as one."""

    kind: int
    raw: bytes | bytearray  # head, metadata and body, as they came; of a dictionary as the record batch inside it
    header: Table
    rows: int = 0
    nbytes: int = 0  # of all its buffers, unpacked, and of its metadata
    dictionary: int = -1  # its id; -1 for other kinds
    is_delta: bool = False


class FrameCutter:
    """Bytes in, whole messages out; holds at most one message and one chunk."""

    def __init__(self, body_bytes_max: int) -> None:
        self._max = body_bytes_max
        self._chunks: deque[bytes | memoryview] = deque()
        self.nbytes = 0  # that came and are in no message yet
        self._want = _HEAD_BYTES
        self.ended = False

    @property
    def is_between_messages(self) -> bool:
        return not self.nbytes

    def feed(self, chunk: bytes) -> None:
        if chunk:
            self._chunks.append(chunk)
            self.nbytes += len(chunk)

    def next(self) -> Message | None:
        """The next whole message, None when more bytes are needed or the stream has ended."""
        while not self.ended and self.nbytes >= self._want:
            start = self._peek(_HEAD_BYTES)
            metadata_bytes = _metadata_bytes(start)
            if not metadata_bytes:
                self.ended = True
                return None
            body_at = _HEAD_BYTES + metadata_bytes
            if self.nbytes < body_at:
                self._want = body_at
                return None
            table = Table.root(memoryview(self._peek(body_at))[_HEAD_BYTES:body_at])
            size = body_at + self._body_bytes(table)
            if self.nbytes >= size:
                return self._take(size, body_at, table)
            self._want = size
        return None

    def _peek(self, size: int) -> bytes | memoryview:
        """So many bytes or more; only what begins a message is looked at before all of it is there."""
        if len(self._chunks[0]) < size:
            self._chunks = deque([b"".join(self._chunks)])
        return self._chunks[0]

    def _take(self, size: int, body_at: int, table: Table) -> Message:
        pieces, wanted = [], size
        while wanted:
            chunk = memoryview(self._chunks.popleft())
            pieces.append(chunk[:wanted])
            if len(chunk) > wanted:
                self._chunks.appendleft(chunk[wanted:])
            wanted -= len(pieces[-1])
        raw = b"".join(pieces)  # a copy: Arrow wants bodies aligned, and the rest need not stay alive
        self.nbytes -= size
        self._want = _HEAD_BYTES
        return _measured(raw, body_at, table, self._max)

    def _body_bytes(self, table: Table) -> int:
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


def _measured(raw: bytes, body_at: int, table: Table, bytes_max: int) -> Message:
    kind, dictionary, is_delta = table.uint8(_MESSAGE_TYPE), -1, False
    header = table.table(_MESSAGE_HEADER)
    if kind not in (DICTIONARY, RECORD_BATCH):
        return Message(kind, raw, header)
    whole: bytes | bytearray = raw
    if kind == DICTIONARY:
        dictionary, is_delta = header.int64(_DICTIONARY_ID), bool(header.uint8(_DICTIONARY_IS_DELTA))
        whole, header = _as_record_batch(raw, body_at, table, header.table(_DICTIONARY_BATCH))
    rows, size = header.int64(_BATCH_LENGTH), len(whole)
    if header.has(_BATCH_COMPRESSION):
        unpacked = _unpacked_bytes(whole, body_at, header)
        if unpacked > bytes_max:
            raise WireError(
                "arrow_too_large",
                f"a message unpacks to {unpacked} bytes, at most {bytes_max} are taken; "
                "send smaller record batches or no compression",
            )
        size += unpacked  # what it was unpacked from may stay, too: some buffers may not be compressed
    if rows > size:  # nulls of the null type are a number here, and nothing in the body
        raise WireError("arrow_too_large", f"a message has {rows} rows in {size} bytes; send rows with values in them")
    return Message(kind, whole, header, rows, size, dictionary, is_delta)


def _as_record_batch(raw: bytes, body_at: int, table: Table, batch: Table) -> tuple[bytearray, Table]:
    """A dictionary as the record batch inside it, read again: what is measured is what Arrow will see."""
    place, whole = table.place(_MESSAGE_HEADER), bytearray(raw)
    whole[_HEAD_BYTES + table.place(_MESSAGE_TYPE)] = RECORD_BATCH
    struct.pack_into("<I", whole, _HEAD_BYTES + place, batch.at - place)
    return whole, Table.root(memoryview(whole)[_HEAD_BYTES:body_at]).table(_MESSAGE_HEADER)


def _unpacked_bytes(raw: bytes | bytearray, body_at: int, batch: Table) -> int:
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
