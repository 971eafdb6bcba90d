"""Frames of log records: a whole one reads back as it was written, any other is told as damaged, by its name."""

from __future__ import annotations

import struct

import xxhash

from bench.trials.fuzz.targets import Examine
from router.log.kinds import Kind
from router.log.records import CHECKSUM_AT, HEADER_BYTES, MAGIC, DamagedRecord, Record, frame, parse, seal

SEQUENCE, PART, CHAIN = 7, 0, 11
_PAYLOAD_BYTES_AT = 52
WORDS = (MAGIC, struct.pack("<Q", 8), struct.pack("<Q", 0), b"\xff" * 8, bytes(8))


def examples(_: str) -> list[bytes]:
    return [
        b"\x00" + bytes(_sealed(struct.pack("<Q", 8) + b"8 bytes.")),
        b"\x01" + struct.pack("<Q", 8) + b"8 bytes." + struct.pack("<Q", 0) + struct.pack("<Q", 16) + bytes(16),
        b"\x01" + struct.pack("<Q", 9) + b"too short",
        b"\x02\x10\x00\x01" + struct.pack("<Q", 8) + b"8 bytes.",
        b"\x02\x51\x00\x80" + struct.pack("<Q", 0),
    ]


def examine(_: str) -> Examine:
    return one


def one(data: bytes) -> None:
    """First byte: 0 any bytes; 1 any payload in a sound frame; 2 a sound record with one byte changed."""
    mode = data[0] % 3 if data else 0
    if mode == 0:
        _parsed(data[1:])
    elif mode == 1:
        _sound_frame(data[1:])
    else:
        _changed(data[1:])


def _sound_frame(payload: bytes) -> None:
    record = _parsed(bytes(_sealed(payload)))
    if record is None:
        return
    again = b"".join(struct.pack("<Q", message.nbytes) + bytes(message) for message in record.messages)
    assert again == payload, "the messages are the payload, no byte left over"


def _changed(data: bytes) -> None:
    if len(data) < 3:
        return
    record = _sealed(data[3:])
    at, change = struct.unpack_from("<HB", data)
    record[at % len(record)] ^= change
    found = _parsed(bytes(record))
    assert found is None or not change, "a changed byte is told"


def _parsed(raw: bytes) -> Record | None:
    try:
        record = parse(raw, "here", place=(SEQUENCE, PART), previous_chain=CHAIN)
    except DamagedRecord as damage:
        assert str(damage).startswith("here: ") and damage.what
        return None
    assert (record.sequence, record.part) == (SEQUENCE, PART) and record.kind in Kind
    return record


def _sealed(payload: bytes) -> bytearray:
    """A record around any payload, with the checksums of a writer."""
    record = frame(Kind.ORDERS, PART, SEQUENCE, [], tables_version=1, now_ms=2)
    struct.pack_into("<I", record, _PAYLOAD_BYTES_AT, len(payload))
    record[CHECKSUM_AT:HEADER_BYTES] = xxhash.xxh3_128_digest(payload)
    record += payload
    seal(record, 3, CHAIN)
    return record
