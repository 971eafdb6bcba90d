"""A log whose records were changed, lost, doubled or moved: of each part, the beginning of what was written is read."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from bench.trials.fuzz.targets import Examine
from router.errors import Damaged
from router.log.kinds import Kind
from router.log.records import frame
from router.log.tail import LogTail

EDIT_BYTES = 4
RECORDS = 6
PARTS = (0, 1)
Entry = tuple[int, int, bytes]  # sequence, part, record
WORDS = tuple(
    struct.pack("<BBBB", edit, place, at, change)
    for edit in range(6)
    for place, at, change in ((1, 2, 1), (3, 60, 128))
)


def examples(_: str) -> list[bytes]:
    return [
        b"",
        b"\x00\x01\x10\x01",
        b"\x01\x02\x00\x00",
        b"\x02\x00\x01\x00\x03\x04\x05\x00",
        b"\x04\x01\x20\x00\x05\x03\x00\x00",
    ]


def examine(_: str) -> Examine:
    written = list(_written())
    assert _read(written) == (written, None)
    sources = {raw: (sequence, part) for sequence, part, raw in written}
    assert len(sources) == len(written)

    def one(data: bytes) -> None:
        """Every four bytes are one edit: what, at which record, two numbers."""
        entries = list(written)
        for at in range(0, len(data) - EDIT_BYTES + 1, EDIT_BYTES):
            if entries:
                _edit(entries, *data[at : at + EDIT_BYTES])
        read, damage = _read(entries)
        for part in PARTS:
            of_part = [entry for entry in read if entry[1] == part]
            assert of_part == [entry for entry in written if entry[1] == part][: len(of_part)], "a part has no hole"
        assert damage is not None or read == entries, "nothing is left out without a word"

    return one


def _written() -> Iterator[Entry]:
    """Both parts of so many sequences; the fourth has no outcome."""
    tail = LogTail.empty(2)
    for sequence in range(1, RECORDS + 1):
        for part, kind in ((0, Kind.ORDERS), (1, Kind.OUTCOMES)):
            if (sequence, part) == (4, 1):
                continue
            message = struct.pack("<QQ", sequence, part)
            record = frame(kind, part, sequence, [message], tables_version=1, now_ms=sequence)
            tail.seal(sequence, part, record, 1)
            yield sequence, part, bytes(record)


def _edit(entries: list[Entry], what: int, place: int, first: int, second: int) -> None:
    at = place % len(entries)
    sequence, part, raw = entries[at]
    if what % 6 == 0:  # a byte changes
        changed = bytearray(raw)
        if changed:
            changed[first % len(changed)] ^= second
        entries[at] = (sequence, part, bytes(changed))
    elif what % 6 == 1:  # a record is lost
        del entries[at]
    elif what % 6 == 2:  # a record takes the place of another
        entries[at] = (sequence, part, entries[first % len(entries)][2])
    elif what % 6 == 3:  # two change places
        other = first % len(entries)
        entries[at], entries[other] = entries[other], entries[at]
    elif what % 6 == 4:  # a record is cut off
        entries[at] = (sequence, part, raw[: first % (len(raw) + 1)])
    else:  # a record stands there twice
        entries.insert(at, entries[at])


def _read(entries: list[Entry]) -> tuple[list[Entry], str | None]:
    """What a reader is given, and the damage that ended it."""
    tail, read = LogTail.empty(2), list[Entry]()
    for sequence, part, raw in entries:
        try:
            record = tail.follow(sequence, part, raw, "here")
        except Damaged as damage:
            assert "here" in str(damage)
            return read, str(damage)
        assert (record.sequence, record.part) == (sequence, part)
        read.append((sequence, part, raw))
    return read, None
