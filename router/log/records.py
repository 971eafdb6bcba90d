"""Log records: how a batch is framed, checked and chained. The layout is written down in docs/log-format.md.

A frame is built in two steps, because two owners know different halves of its header: the engine knows what
the batch is (``frame``), the log knows which record came before and whose epoch it is (``seal``). The
payload is copied once and hashed once; sealing touches only the header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import xxhash

from router.arrow.arrays import Bytes
from router.arrow.packing import PackedBatch, can_pack, is_packed, pack
from router.arrow.rows import ArrowRows
from router.errors import Damaged, RouterError
from router.log.kinds import (
    MESSAGES,
    ROW_FOR_ROW,
    VERSION_SHIFT,
    Kind,
    default_value,
    defaults,
    form,
    version_of,
    widened,
    widened_value,
)

MAGIC = b"ORL1"
_FIELDS = struct.Struct("<4sHHQQQqQII")  # header bytes 0-55
_CHAIN = struct.Struct("<Q")
_LENGTH = struct.Struct("<Q")
_EPOCH_AT = 16
CHAIN_AT = _FIELDS.size
CHECKSUM_AT = CHAIN_AT + 8
HEADER_BYTES = CHECKSUM_AT + 16
assert HEADER_BYTES == 80, "docs/log-format.md gives the header 80 bytes"

PACKED_ROWS_MIN = 4_096

INPUT, OUTCOME_PART = 0, 1


class DamagedRecord(Damaged):
    """A record that was written well does not read back well: the file was changed or the disk is failing."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{where}: {what}; restore this folder from a copy, its log cannot be trusted past this point")
        self.what = what
        self.where = where


class MissingRecord(Damaged):
    """The log has a hole: a sequence number is not there although a later one is."""

    def __init__(self, where: str, expected: int, found: int, part: int) -> None:
        super().__init__(
            f"{where}: record {expected} part 0 is missing, record {found} part {part} comes next; "
            "restore this folder from a copy"
        )
        self.expected = expected
        self.found = found


class LogFenced(RouterError):
    """This log accepts no more records; what was not yet durable never will be. Start the owner again."""


@dataclass(frozen=True, slots=True)
class Record:
    """One framed batch. ``messages`` are views into the bytes it was parsed from."""

    kind: Kind
    version: int  # of the form of its messages, see router/log/kinds.py
    part: int
    sequence: int
    epoch: int
    tables_version: int
    now_ms: int
    batch_id: int
    batch_number: int
    messages: list[memoryview]
    chain: int
    opened: dict[int, StoredRows] = field(default_factory=dict, compare=False, repr=False)  # by ``rows_of``, once


Records = Iterable[tuple[int, int, Record]]  # (sequence, part, record) in key order


def frame(
    kind: Kind,
    part: int,
    sequence: int,
    messages: Sequence[Bytes | pa.Buffer],
    *,
    tables_version: int,
    now_ms: int,
    batch_id: int = 0,
    batch_number: int = 0,
) -> bytearray:
    """A record that only lacks its epoch, chain and checksum: the one copy of the payload.

    Until ``seal`` has run, the checksum field carries the digest of the payload.
    """
    pieces: list[Bytes | memoryview] = []
    digest = xxhash.xxh3_128()
    payload_bytes = 0
    for message in messages:
        view = memoryview(message).cast("B")
        assert view.nbytes % 8 == 0, "an Arrow message is padded to 8 bytes, so that the next one stays aligned"
        length = _LENGTH.pack(view.nbytes)
        pieces += (length, view)
        digest.update(length)
        digest.update(view)
        payload_bytes += 8 + view.nbytes
    assert payload_bytes < 1 << 32, "the limits of a batch keep a payload below 4 GiB"
    stamp = kind | version_of(kind) << VERSION_SHIFT
    batch = (tables_version, now_ms, batch_id, batch_number)
    fields = _FIELDS.pack(MAGIC, stamp, part, sequence, 0, *batch, payload_bytes)
    return bytearray().join((fields, bytes(8), digest.digest(), *pieces))


def seal(record: bytearray, epoch: int, previous_chain: int) -> int:
    """Complete a frame in place; returns the chain value for the next record of the same part."""
    payload_digest = bytes(record[CHECKSUM_AT:HEADER_BYTES])
    _LENGTH.pack_into(record, _EPOCH_AT, epoch)
    chain = _chain_of(record[:CHAIN_AT], previous_chain, payload_digest)
    _CHAIN.pack_into(record, CHAIN_AT, chain)
    record[CHECKSUM_AT:HEADER_BYTES] = _checksum_of(record[:CHECKSUM_AT], payload_digest)
    return chain


def frame_documents(sequence: int, stream: Bytes | pa.Buffer) -> bytearray:
    """Documents of a batch (an Arrow IPC stream), framed and sealed; they are erasable, so they have no chain."""
    record = frame(Kind.DOCUMENTS, INPUT, sequence, [stream], tables_version=0, now_ms=0)
    seal(record, 0, 0)
    return record


def erase_row(record: Record, row: int) -> bytearray:
    """The same documents with one row emptied; every column becomes nullable, all other rows stay."""
    batch = read_documents(record)
    assert 0 <= row < batch.num_rows, "an order's reference names a row of its batch"
    columns = [
        pa.concat_arrays([column.slice(0, row), pa.nulls(1, column.type), column.slice(row + 1)])
        for column in batch.columns
    ]
    emptied = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    return frame_documents(record.sequence, write_documents(emptied))


def write_documents(batch: pa.RecordBatch) -> pa.Buffer:
    """Documents with their own schema, because every channel sends other columns."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue()


def parse(raw: Bytes, where: str, *, place: tuple[int, int] | None = None, previous_chain: int | None = None) -> Record:
    """Check every byte of a record and take it apart.

    ``place`` (sequence, part) is the key it was found under, ``previous_chain`` the chain value of the record
    before it: both tell a record that is whole but was put where it does not belong.
    """
    view = memoryview(raw).cast("B")
    if view.nbytes < HEADER_BYTES:
        raise DamagedRecord(f"only {view.nbytes} bytes, a header has {HEADER_BYTES}", where)
    payload = view[HEADER_BYTES:]
    header = view[:HEADER_BYTES]
    magic, stamp, part, sequence, epoch, *batch, size = _FIELDS.unpack_from(view)
    if magic != MAGIC:
        raise DamagedRecord("it does not begin like a record", where)
    if size != payload.nbytes:
        raise DamagedRecord(f"{payload.nbytes} bytes of payload, its header says {size}", where)
    payload_digest = xxhash.xxh3_128_digest(payload)
    if _checksum_of(header[:CHECKSUM_AT], payload_digest) != header[CHECKSUM_AT:]:
        raise DamagedRecord("the checksum does not fit the content", where)
    if place is not None and place != (sequence, part):
        raise DamagedRecord(f"it is record {sequence} part {part}, put into another one's place", where)
    tables_version, now_ms, batch_id, batch_number = batch
    kind, version = stamp & (1 << VERSION_SHIFT) - 1, stamp >> VERSION_SHIFT
    if kind not in Kind.__members__.values() or version > version_of(Kind(kind)):
        raise DamagedRecord(f"kind {kind} version {version} is not known to this version of the router", where)
    (chain,) = _CHAIN.unpack_from(view, CHAIN_AT)
    if previous_chain is not None and chain != _chain_of(header[:CHAIN_AT], previous_chain, payload_digest):
        raise DamagedRecord("it is whole but does not follow the record before it", where)
    return Record(
        Kind(kind),
        version,
        part,
        sequence,
        epoch,
        tables_version,
        now_ms,
        batch_id,
        batch_number,
        _messages(payload, where),
        chain,
    )


def read_batch(record: Record, message: int = 0) -> pa.RecordBatch:
    """Message number ``message`` as a batch of the newest form, whatever version wrote it."""
    schema = MESSAGES[record.kind][message]
    if message >= len(record.messages):  # there was no such message in its time
        rows = read_batch(record).num_rows if schema in ROW_FOR_ROW else 0
        return defaults(schema, rows)
    batch = stored(record, message)
    whole = batch.whole() if isinstance(batch, PackedBatch) else batch
    return whole if record.version == version_of(record.kind) else widened(whole, schema)


def stored(record: Record, message: int) -> pa.RecordBatch | PackedBatch:
    """As it was stored, without a copy: what is returned keeps the record's bytes alive."""
    raw, schema = record.messages[message], form(record.kind, message, record.version)
    if is_packed(raw):
        return PackedBatch(raw, schema)
    return pa.ipc.read_record_batch(pa.py_buffer(raw), schema)


def read_documents(record: Record) -> pa.RecordBatch:
    """The documents of a batch: one row per row of part 0, with the columns its channel sent."""
    assert record.kind is Kind.DOCUMENTS
    with pa.ipc.open_stream(pa.py_buffer(record.messages[0])) as stream:
        return stream.read_next_batch()


class StoredRows:
    """Single rows of one message in the newest form; ``schema`` is that, None for documents, which have their own."""

    def __init__(self, rows: ArrowRows | None, schema: pa.Schema | None, is_older: bool = False) -> None:
        self._rows = rows
        self._schema = schema
        self._is_older = is_older

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that are stored."""
        return () if self._rows is None else self._rows.names

    def value(self, name: str, row: int) -> Any:
        """A value; what the record's version did not have reads as its default."""
        if self._rows is not None and not self._is_older:
            return self._rows.value(name, row)
        assert self._schema is not None, "documents have no versions"
        field = self._schema.field(name)
        if self._rows is None or name not in self._rows.names:
            return default_value(field)
        return widened_value(self._rows.value(name, row), field)


def row_batch(record: Record, row: int) -> pa.RecordBatch:
    """One row of a record's first message in the newest form; the others are not decoded."""
    batch, schema = stored(record, 0), MESSAGES[record.kind][0]
    if isinstance(batch, PackedBatch):
        rows = rows_of(record)
        return pa.RecordBatch.from_pylist([{name: rows.value(name, row) for name in schema.names}], schema=schema)
    one = batch.slice(row, 1)
    return one if record.version == version_of(record.kind) else widened(one, schema)


def rows_of(record: Record, message: int = 0) -> StoredRows:
    """Single rows of a message; opened once, kept as long as the record."""
    if message not in record.opened:
        record.opened[message] = _stored_rows(record, message)
    return record.opened[message]


def _stored_rows(record: Record, message: int) -> StoredRows:
    if record.kind is Kind.DOCUMENTS:
        return StoredRows(ArrowRows(read_documents(record)), None)
    schema = MESSAGES[record.kind][message]
    if message >= len(record.messages):
        return StoredRows(None, schema)
    return StoredRows(ArrowRows(stored(record, message)), schema, record.version != version_of(record.kind))


def chain_of(raw: Bytes) -> int:
    """The chain value in a record's header, without checking the record."""
    chain: int = _CHAIN.unpack_from(raw, CHAIN_AT)[0]
    return chain


def serialize(batch: pa.RecordBatch) -> Bytes | pa.Buffer:
    """A record batch as one message of a record; readers know its schema by the record's kind.

    Large batches are packed to about half; below PACKED_ROWS_MIN looking at every column costs more than it saves.
    """
    if batch.num_rows >= PACKED_ROWS_MIN and can_pack(batch.schema):
        return pack(batch)
    return batch.serialize()


def _chain_of(fields: Bytes, previous_chain: int, payload_digest: bytes) -> int:
    return xxhash.xxh3_64_intdigest(b"".join((fields, _CHAIN.pack(previous_chain), payload_digest)))


def _checksum_of(fields_and_chain: Bytes, payload_digest: bytes) -> bytes:
    return xxhash.xxh3_128_digest(b"".join((fields_and_chain, payload_digest)))


def _messages(payload: memoryview, where: str) -> list[memoryview]:
    messages = []
    at = 0
    while at < payload.nbytes:
        if payload.nbytes - at < 8:
            raise DamagedRecord("its payload ends inside a length", where)
        (length,) = _LENGTH.unpack_from(payload, at)
        at += 8
        if length > payload.nbytes - at:
            raise DamagedRecord("a message is longer than its payload", where)
        messages.append(payload[at : at + length])
        at += length
    return messages
