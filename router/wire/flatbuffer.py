"""Tables of a flatbuffer, as Arrow messages have their metadata; every read is checked against the metadata's end."""

from __future__ import annotations

import struct

from router.wire.batch import WireError


def damaged(what: str) -> WireError:
    return WireError("arrow_damaged", f"the Arrow stream is damaged: {what}; write it with a current Arrow library")


class Table:
    """One table and what its slots say."""

    def __init__(self, metadata: memoryview, at: int) -> None:
        self._metadata = metadata
        self.at = at
        self._slots = at - self._read("<i", at)
        self._slots_bytes = self._read("<H", self._slots)

    @classmethod
    def root(cls, metadata: memoryview) -> Table:
        if len(metadata) < 4:
            raise damaged("a message has no metadata")
        return cls(metadata, int(struct.unpack_from("<I", metadata, 0)[0]))

    def _read(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self._metadata):
            raise damaged("metadata points outside itself")
        return int(struct.unpack_from(form, self._metadata, at)[0])

    def place(self, slot: int) -> int:
        """Where a field lies, 0 when it is absent."""
        at = 4 + 2 * slot
        offset = self._read("<H", self._slots + at) if at + 2 <= self._slots_bytes else 0
        return self.at + offset if offset else 0

    def has(self, slot: int) -> bool:
        return self.place(slot) != 0

    def uint8(self, slot: int) -> int:
        return self._number("<B", slot)

    def int16(self, slot: int) -> int:
        return self._number("<h", slot)

    def int64(self, slot: int) -> int:
        return self._number("<q", slot)

    def _number(self, form: str, slot: int) -> int:
        place = self.place(slot)
        return self._read(form, place) if place else 0

    def table(self, slot: int) -> Table:
        place = self.place(slot)
        if not place:
            raise damaged("a message has no header")
        return self._table_at(place)

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables; none where it is absent."""
        first, count = self._vector(slot, 4)
        return [self._table_at(first + 4 * number) for number in range(count)]

    def pairs_of_int64(self, slot: int) -> list[tuple[int, int]]:
        first, count = self._vector(slot, 16)
        return list(struct.iter_unpack("<qq", self._metadata[first : first + 16 * count]))

    def _table_at(self, place: int) -> Table:
        return Table(self._metadata, place + self._read("<I", place))

    def _vector(self, slot: int, entry_bytes: int) -> tuple[int, int]:
        """(where its first entry lies, how many there are)"""
        place = self.place(slot)
        if not place:
            return 0, 0
        vector = place + self._read("<I", place)
        count = self._read("<I", vector)
        if vector + 4 + entry_bytes * count > len(self._metadata):
            raise damaged("metadata points outside itself")
        return vector + 4, count
