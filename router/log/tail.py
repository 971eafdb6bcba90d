"""Where a log ends: last sequence and chain value of each part, for the writer and for whoever reads along."""

from __future__ import annotations

from collections.abc import Sequence

from router.arrow.arrays import Bytes
from router.log.records import CHAIN_AT, MissingRecord, Record, parse, seal

FIRST_SEQUENCE = 1


class LogTail:
    """Part 0 has every sequence number; part 1 follows in the same order and may leave numbers out."""

    def __init__(self, last: Sequence[int], chains: Sequence[int]) -> None:
        assert len(last) == len(chains) and len(last) in (1, 2)
        self.last = list(last)
        self.chains = list(chains)

    @classmethod
    def empty(cls, part_count: int) -> LogTail:
        return cls([FIRST_SEQUENCE - 1] * part_count, [0] * part_count)

    def seal(self, sequence: int, part: int, record: bytearray, epoch: int) -> None:
        """Complete the next record of a part; anything but the next record is a bug of the caller."""
        assert int.from_bytes(record[8:16], "little") == sequence, "the frame carries another sequence number"
        assert int.from_bytes(record[6:8], "little") == part, "the frame carries another part"
        assert not any(record[CHAIN_AT : CHAIN_AT + 8]), "this frame was sealed before"
        assert self.fits(sequence, part), f"record {sequence}.{part} does not follow {self.last}"
        self.chains[part] = seal(record, epoch, self.chains[part])
        self.last[part] = sequence

    def follow(self, sequence: int, part: int, raw: Bytes, where: str) -> Record:
        """Parse the next record of a log that is being read, and check that nothing lies between."""
        if part >= len(self.last) or not self.fits(sequence, part):
            raise MissingRecord(where, self.last[0] + 1, sequence, part)
        record = parse(
            raw, f"{where}, record {sequence} part {part}", place=(sequence, part), previous_chain=self.chains[part]
        )
        self.chains[part] = record.chain
        self.last[part] = sequence
        return record

    def fits(self, sequence: int, part: int) -> bool:
        if part == 0:
            return sequence == self.last[0] + 1
        return self.last[part] < sequence <= self.last[0]
