"""Replay: records of a shard's log applied to its lanes, deciding nothing again.

The same records always give the same state; what live processes hold, what a restart rebuilds and what ``verify``
recomputes are the same calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from router.log.kinds import Kind
from router.log.records import INPUT, Record, Records
from router.shard.lanes import Lane


class Replay:
    """One pass over the records of a shard in key order; both halves of a batch lie beside each other."""

    def __init__(self, lanes: Mapping[Kind, Lane], remember: Callable[[tuple[int, int], int], None]) -> None:
        self._lanes = lanes
        self._remember = remember
        self._given: dict[int, Record] = {}
        self.batches = 0

    def run(self, records: Records) -> None:
        for sequence, part, record in records:
            if part == INPUT:
                self.batches += 1
                self._remember((record.batch_id, record.batch_number), sequence)
                self._given[sequence] = record
                self._lanes[record.kind].replay_input(record)
            else:
                given = self._given.pop(sequence)
                self._lanes[given.kind].replay(given, record)

    @property
    def unfinished(self) -> list[Record]:
        """Inputs whose outcome was not written, in order."""
        return [record for _, record in sorted(self._given.items())]
